/** Settings of events and metrics; apart from the feature, which Workers cannot bundle. */
import { setting, wordOf } from '../kernel/setting.ts'

const eventsDoc = '`store`: keep contacts of machines as files in the store (not on Workers and Lambda)'
const metricsDoc = '`on`: serve metrics for Prometheus at `/metrics` (not on Workers and Lambda)'

export const fleetSettings = {
  events: setting('PLATTE_EVENTS <where>', eventsDoc, wordOf('store', 'off')),
  metrics: setting('PLATTE_METRICS <on>', metricsDoc, wordOf('on', 'off')),
}
