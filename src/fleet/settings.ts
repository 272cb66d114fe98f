/** Settings of events and metrics. */
import { type SettingRows, wordOf } from '../kernel/setting.ts'

export const fleetSettings = {
  events: {
    variable: 'PLATTE_EVENTS',
    flag: '--events <where>',
    doc: '`store`: keep checks and events as files in the store (not on Workers and Lambda)',
    parse: wordOf('store', 'off'),
  },
  metrics: {
    variable: 'PLATTE_METRICS',
    flag: '--metrics <on>',
    doc: '`on`: serve metrics for Prometheus at `/metrics` (not on Workers and Lambda)',
    parse: wordOf('on', 'off'),
  },
} as const satisfies SettingRows
