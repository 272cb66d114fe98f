/** Settings of events and metrics. */
import { setting, wordOf } from '../kernel/setting.ts'

export const fleetSettings = {
  events: setting(
    'PLATTE_EVENTS <where>',
    '`store`: keep checks and events as files in the store (not on Workers and Lambda)',
    wordOf('store', 'off'),
  ),
  metrics: setting(
    'PLATTE_METRICS <on>',
    '`on`: serve metrics for Prometheus at `/metrics` (not on Workers and Lambda)',
    wordOf('on', 'off'),
  ),
}
