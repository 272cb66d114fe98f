/** Metrics for Prometheus. Workers and Lambda do not carry them. */
import type { Feature } from '../checks/serving.ts'
import type { SettingValues } from '../kernel/setting.ts'
import type { metricsSettings } from './settings.ts'

type Settings = SettingValues<typeof metricsSettings> & { readonly fleetFile?: string }

export const metricsFeature: Feature<Settings> = {
  name: 'metrics',
  open: async ({ metrics, fleetFile }, context) =>
    metrics === 'on' ? (await import('./open.ts')).openScrapes(fleetFile, context) : undefined,
}
