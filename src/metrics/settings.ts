/** The setting of metrics; apart from the feature, which Workers cannot bundle. */
import { setting, wordOf } from '../kernel/setting.ts'

const metricsDoc = '`on`: serve metrics for Prometheus at `/metrics` (not on Workers and Lambda)'

export const metricsSettings = {
  metrics: setting('PLATTE_METRICS <on>', metricsDoc, wordOf('on', 'off')),
}
