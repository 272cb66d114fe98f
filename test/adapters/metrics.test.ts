/** Numbers for Prometheus: what is counted, under bounded labels. */
import { expect, test } from 'vitest'
import type { Contact, FleetEvent } from '../../src/checks/events.ts'
import type { Reported } from '../../src/checks/omaha/omaha.ts'
import { openMetrics } from '../../src/metrics/metrics.ts'

const app = 'example.app'
const open = () =>
  openMetrics({
    isKnown: (one, channel) => one === app && channel === 'stable',
    catalog: () => ({ ageSeconds: 12, issuedAt: 1_799_000_000, expiresAt: 1_800_000_000 }),
  })

const ping: Contact = {
  ...{ level: 'info', event: 'contact', app, channel: 'stable', version: '1', board: 'x', machine: 'm' },
  ...{ oem: '', source: '', ping: true },
}
const check: Contact = { ...ping, check: true, decision: 'no-update', reason: 'held' }
const progress = (event: Partial<Reported>): Contact => ({ ...ping, reported: [{ type: 3, result: 0, ...event }] })

async function series(events: readonly FleetEvent[]): Promise<readonly string[]> {
  const { sink, render } = open()
  for (const event of events) sink(event)
  return (await render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

const gauges = [
  'platte_catalog_age_seconds 12',
  'platte_catalog_expires_timestamp_seconds 1800000000',
  'platte_catalog_issued_timestamp_seconds 1799000000',
]

const one = `platte_contacts_total{app="${app}",channel="stable"} 1`
const counted = (name: string, labels: string): string => `${name}{app="${app}",channel="stable",${labels}} 1`

test.each<[string, FleetEvent, readonly string[]]>([
  ['a ping', ping, [one]],
  ['a check', check, [one, counted('platte_checks_total', 'decision="no-update",reason="held"')]],
  [
    'an update',
    { ...check, decision: 'update', reason: undefined, offered: '2' },
    [one, counted('platte_checks_total', 'decision="update",reason=""')],
  ],
  [
    'a check of a syncer, which is no machine',
    { ...check, ping: undefined, syncer: true },
    [counted('platte_syncer_checks_total', 'decision="no-update",reason="held"')],
  ],
  [
    'a channel that nobody knows',
    { ...check, channel: 'sta\nble' },
    [
      'platte_contacts_total{app="other",channel="other"} 1',
      'platte_checks_total{app="other",channel="other",decision="no-update",reason="held"} 1',
    ],
  ],
  [
    'a rollback, beside a check',
    { ...check, ...progress({ error: '44 rollback' }) },
    [
      one,
      counted('platte_checks_total', 'decision="no-update",reason="held"'),
      counted('platte_events_total', 'type="3",result="0",errorcode="44"'),
    ],
  ],
  [
    'an HTTP failure',
    progress({ error: '2404 http 404' }),
    [one, counted('platte_events_total', 'type="3",result="0",errorcode="http"')],
  ],
  [
    'a code that nobody named',
    progress({ type: 4711, result: -1, error: '4711 code 4711' }),
    [one, counted('platte_events_total', 'type="other",result="other",errorcode="other"')],
  ],
  [
    'a refused request',
    { level: 'info', event: 'contact', refused: 'bad-request', status: 400, path: '/v1/update/' },
    ['platte_refused_total{code="bad-request"} 1'],
  ],
  ['apps that got no line', { level: 'warn', event: 'contact', leftOut: 192 }, []],
])('%s', async (_, event, want) => {
  const found = await series([event])
  expect(found.toSorted()).toEqual([...want, ...gauges].toSorted())
})

test('made-up values from clients create few series', async () => {
  const forged = Array.from({ length: 10_000 }, (_, i): FleetEvent[] => [
    { ...check, app: `app${i}`, channel: `channel${i}`, machine: `m${i % 1000}` },
    { ...progress({ type: i, result: i % 40, error: `${i} code ${i}` }), channel: i % 2 ? 'stable' : `c${i}` },
    progress({ error: `${2000 + i} http ${i}` }),
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
  const { sink, render } = openMetrics({ isKnown: () => true, catalog: () => undefined })
  const errors = ['44 rollback', ...Array.from({ length: 43 }, (_, i) => `${i} name`)]
  for (let i = 0; i < 60_000; i++)
    sink({ ...progress({ type: i % 17, result: i % 11, error: errors[i % errors.length] }), channel: `c${i % 100}` })
  const lines = (await render()).split('\n').filter((line) => line.startsWith('platte_events_total{'))
  expect(lines.length).toBeLessThan(11_000)
  expect(lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(60_000)
})
