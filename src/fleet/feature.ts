/** Events in the store and metrics, as a server turns them on. Workers and Lambda do not carry it. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { fleetSettings } from './settings.ts'

export const fleetFeature: Feature<SettingValues<typeof fleetSettings>> = {
  name: 'fleet',
  open: async ({ events, metrics }, context) => {
    const wanted = { events: events === 'store', metrics: metrics === 'on' }
    if (!wanted.events && !wanted.metrics) return undefined
    return (await import('./telemetry.ts')).openTelemetry(wanted, context)
  },
}
