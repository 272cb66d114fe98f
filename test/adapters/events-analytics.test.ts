/** Events as data points: within what Workers Analytics Engine takes, whatever clients say, and never a throw. */
import { expect, test } from 'vitest'
import type { FleetEvent } from '../../src/checks/events.ts'
import { analyticsEvents } from '../../src/events/analytics.ts'

/** As long, and as wide in UTF-8, as a text that is cut for a log can be. */
const long = '€'.repeat(64)
const client = {
  ...{ app: long, channel: long, version: long, board: long, machine: long, oem: long, source: long },
  ...{ machinealias: long, oemVersion: long },
  level: 'info',
  event: 'contact',
  ping: true,
} as const
const events: readonly [string, FleetEvent][] = [
  ['a check', { ...client, check: true, decision: 'update', offered: long, syncer: true }],
  ['an event', { ...client, reported: [{ type: 3, result: 0, error: `2404 ${long}`, previous: long }] }],
  ['a refusal', { level: 'info', event: 'contact', refused: 'bad-request', problem: long.repeat(4), path: long }],
  ['apps without a line', { level: 'warn', event: 'contact', leftOut: 192 }],
]
const size = (text: string): number => new TextEncoder().encode(text).length

/** @see https://developers.cloudflare.com/analytics/analytics-engine/limits/ */
test.each(events)('%s keeps within the limits', (_, event) => {
  const points: { indexes?: unknown[]; blobs?: unknown[] }[] = []
  analyticsEvents({ writeDataPoint: (point) => void points.push(point ?? {}) })(event)
  const [{ indexes = [], blobs = [] } = {}, ...others] = points
  expect([others.length, indexes.length]).toEqual([0, 1])
  expect(size(String(indexes[0]))).toBeLessThanOrEqual(96)
  expect(blobs.length).toBeLessThanOrEqual(20)
  expect(blobs.reduce<number>((sum, blob) => sum + size(String(blob)), 0)).toBeLessThan(16 * 1024)
})

test.each(events)('%s beyond the runtime’s limits is dropped without an exception', (_, event) => {
  const refusing = {
    writeDataPoint() {
      throw new Error('too many data points in one request')
    },
  }
  expect(() => analyticsEvents(refusing)(event)).not.toThrow()
})

test('each column keeps its place', () => {
  const points: { blobs?: unknown[] }[] = []
  const reported = [
    { type: 13, result: 1 },
    { type: 3, result: 0, error: '44 rollback', previous: 'p' },
  ]
  const event: FleetEvent = {
    ...{ app: 'app', channel: 'channel', version: 'version', board: 'board', machine: 'machine', oem: 'oem' },
    ...{ source: 'source', machinealias: 'alias', oemVersion: 'oemVersion', reason: 'r', offered: 'o', reported },
    level: 'info',
    event: 'contact',
    ping: true,
    decision: 'no-update',
  }
  analyticsEvents({ writeDataPoint: (point) => void points.push(point ?? {}) })(event)
  expect(points[0]?.blobs?.join()).toBe(
    'contact,app,channel,version,board,machine,no-update,r,o,3,0,44 rollback,p,source,oem,alias,oemVersion,true,,',
  )
})
