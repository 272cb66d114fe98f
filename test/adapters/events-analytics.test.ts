/** Events as data points: within what Workers Analytics Engine takes, whatever clients say, and never a throw. */
import { expect, test } from 'vitest'
import type { CheckEvent, ProgressEvent } from '../../src/checks/events.ts'
import { analyticsEvents } from '../../src/fleet/events-analytics.ts'

/** As long, and as wide in UTF-8, as a text that is cut for a log can be. */
const long = '€'.repeat(64)
const client = { level: 'info', app: long, channel: long, version: long, board: long, machine: long } as const
const events: readonly (CheckEvent | ProgressEvent)[] = [
  { ...client, event: 'check', oem: long, source: long, decision: 'update', offered: long },
  { ...client, event: 'event', type: 3, result: 0, error: `2404 ${long}`, previous: long },
]
const size = (text: string): number => new TextEncoder().encode(text).length

/** @see https://developers.cloudflare.com/analytics/analytics-engine/limits/ */
test.each(events)('$event keeps within the limits', (event) => {
  const points: { indexes?: unknown[]; blobs?: unknown[] }[] = []
  analyticsEvents({ writeDataPoint: (point) => void points.push(point ?? {}) })(event)
  const [{ indexes = [], blobs = [] } = {}, ...others] = points
  expect([others.length, indexes.length]).toEqual([0, 1])
  expect(size(String(indexes[0]))).toBeLessThanOrEqual(96)
  expect(blobs.length).toBeLessThanOrEqual(20)
  expect(blobs.reduce<number>((sum, blob) => sum + size(String(blob)), 0)).toBeLessThan(16 * 1024)
})

test.each(events)('$event data beyond the runtime’s limits is dropped without an exception', (event) => {
  const refusing = {
    writeDataPoint() {
      throw new Error('too many data points in one request')
    },
  }
  expect(() => analyticsEvents(refusing)(event)).not.toThrow()
})
