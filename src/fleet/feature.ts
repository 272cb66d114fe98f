/** What a server keeps of its fleet: events in the store, the projection. Workers and Lambda do not carry it. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { fleetSettings } from './settings.ts'

export const fleetFeature: Feature<SettingValues<typeof fleetSettings>> = {
  name: 'fleet',
  open: async ({ events, fleetFile, fleetKeepMs, fleetIds, fleetIdsKey = '' }, context) => {
    const wanted = { events: events === 'store', fleetFile, fleetKeepMs }
    const idsKey = fleetIds === 'hmac' ? fleetIdsKey : undefined
    if (!wanted.events && fleetFile === undefined && idsKey === undefined) return undefined
    return (await import('./telemetry.ts')).openTelemetry({ ...wanted, idsKey }, context)
  },
}
