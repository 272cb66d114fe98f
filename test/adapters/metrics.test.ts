/** Numbers for Prometheus: what is counted, under bounded labels. */
import { expect, test } from 'vitest'
import type { CheckEvent, ProgressEvent } from '../../src/checks/events.ts'
import { openMetrics } from '../../src/fleet/metrics.ts'

const app = 'example.app'
const open = () =>
  openMetrics({
    isKnown: (one, channel) => one === app && channel === 'stable',
    catalog: () => ({ ageSeconds: 12, expiresAt: 1_800_000_000 }),
    lost: () => 3,
  })

const client = { level: 'info', app, channel: 'stable', version: '1', board: 'x', machine: 'm' } as const
const check: CheckEvent = { ...client, event: 'check', oem: '', source: '', decision: 'no-update', reason: 'held' }
const progress: ProgressEvent = { ...client, event: 'event', type: 3, result: 0 }

async function series(events: readonly (CheckEvent | ProgressEvent)[]): Promise<readonly string[]> {
  const { sink, render } = open()
  for (const event of events) sink(event)
  return (await render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

const gauges = [
  'platte_catalog_age_seconds 12',
  'platte_catalog_expires_timestamp_seconds 1800000000',
  'platte_events_lost 3',
]

test.each<[string, CheckEvent | ProgressEvent, string]>([
  ['a check', check, `platte_checks_total{app="${app}",channel="stable",decision="no-update",reason="held"} 1`],
  [
    'an update',
    { ...check, decision: 'update', reason: undefined, offered: '2' },
    `platte_checks_total{app="${app}",channel="stable",decision="update",reason=""} 1`,
  ],
  [
    'a channel that nobody knows',
    { ...check, channel: 'sta\nble' },
    'platte_checks_total{app="other",channel="other",decision="no-update",reason="held"} 1',
  ],
  [
    'a rollback',
    { ...progress, error: '44 rollback' },
    `platte_events_total{app="${app}",channel="stable",type="3",result="0",errorcode="44"} 1`,
  ],
  [
    'an HTTP failure',
    { ...progress, error: '2404 http 404' },
    `platte_events_total{app="${app}",channel="stable",type="3",result="0",errorcode="http"} 1`,
  ],
  [
    'a code that nobody named',
    { ...progress, type: 4711, result: -1, error: '4711 code 4711' },
    `platte_events_total{app="${app}",channel="stable",type="other",result="other",errorcode="other"} 1`,
  ],
])('%s', async (_, event, want) => {
  expect(await series([event])).toEqual([want, ...gauges])
})

test('made-up values from clients create few series', async () => {
  const forged = Array.from({ length: 10_000 }, (_, i): (typeof check | typeof progress)[] => [
    { ...check, app: `app${i}`, channel: `channel${i}`, machine: `m${i % 1000}` },
    { ...progress, channel: i % 2 ? 'stable' : `c${i}`, type: i, result: i % 40, error: `${i} code ${i}` },
    { ...progress, error: `${2000 + i} http ${i}` },
  ]).flat()
  expect((await series(forged)).length).toBeLessThan(300)
})

test('gauges of features are measured at each scrape', async () => {
  const numbers = { platte_lock_slots: 3, platte_lock_holders: 2, platte_lock_overdue: 1 }
  const gauges = Object.entries(numbers).map(([name, number]) => ({
    ...{ name, help: 'Reboot locks.', label: 'group', values: new Map([['workers', number]]) },
  }))
  const { render } = openMetrics({
    isKnown: () => false,
    catalog: () => undefined,
    lost: () => 0,
    gauges: async () => gauges.splice(0),
  })
  const told = async () => (await render()).split('\n').filter((line) => line.startsWith('platte_lock_'))
  expect((await told()).sort()).toEqual([
    'platte_lock_holders{group="workers"} 2',
    'platte_lock_overdue{group="workers"} 1',
    'platte_lock_slots{group="workers"} 3',
  ])
  expect(await told()).toEqual([])
})

test('the number of series is bounded for any combination of channels and labels', async () => {
  const { sink, render } = openMetrics({ isKnown: () => true, catalog: () => undefined, lost: () => 0 })
  const errors = ['44 rollback', ...Array.from({ length: 43 }, (_, i) => `${i} name`)]
  for (let i = 0; i < 60_000; i++)
    sink({ ...progress, channel: `c${i % 100}`, type: i % 17, result: i % 11, error: errors[i % errors.length] })
  const lines = (await render()).split('\n').filter((line) => line.startsWith('platte_events_total{'))
  expect(lines.length).toBeLessThan(11_000)
  expect(lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(60_000)
})
