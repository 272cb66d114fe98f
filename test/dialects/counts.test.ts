/** Pings: a client is counted once a day, by what it says of its last count. */
import { afterEach, describe, expect, test } from 'vitest'
import { openMetrics } from '../../src/metrics/metrics.ts'
import { newStore, publishOne, sourceOf } from '../world.ts'
import { check4, check31, extension, gupdateQuery } from './samples.ts'
import { serveDialects } from './server.ts'

const store = await newStore()
await publishOne(store, '2.0', { app: extension, board: 'any', sources: [sourceOf('x.crx', 'Cr24')], raw: true })
const { ask, get, contacts } = serveDialects(store)
const start = store.time.now
afterEach(() => {
  contacts.splice(0)
  store.time.now = start
})
const today = Math.floor((start - Date.UTC(2007, 0, 1)) / 86_400_000)

const rows: readonly (readonly [string, object, string | undefined])[] = [
  ['never counted', { rd: -1, ad: -1 }, 'seen,active'],
  ['never counted, and nobody used it', { rd: -1 }, 'seen'],
  ['counted yesterday', { rd: today - 1, ad: today - 1 }, 'seen,active'],
  ['counted today, and used since', { rd: today, ad: today - 3 }, 'active'],
  ['counted today', { rd: today, ad: today }, undefined],
  ['days ago, as older clients have it', { r: 1, a: 7 }, 'seen,active'],
  ['never, as older clients have it', { r: -1, a: -1 }, 'seen,active'],
  ['no day ago', { r: 0, a: 0 }, undefined],
  ['as text', { rd: String(today - 1), a: '1' }, 'seen,active'],
  ['a day before a number of days', { rd: today, r: 1 }, undefined],
  ['of other types', { rd: {}, ad: [], r: null, a: 'x' }, undefined],
  ['a freshness alone', { ping_freshness: '{0}' }, undefined],
]

describe.each(rows)('%s', (_, ping, daily) => {
  const last = () => contacts.at(-1)?.daily
  test('JSON 4.0', async () => {
    await ask(check4({ ping }))
    expect(last()).toBe(daily)
  })
  test('JSON 3.1', async () => {
    await ask(check31({ ping, appid: extension }))
    expect(last()).toBe(daily)
  })
  test('gupdate', async () => {
    const flat = new URLSearchParams(
      Object.entries(ping).map(([name, value]): [string, string] => [name, String(value)]),
    )
    const query = gupdateQuery([`id=${extension}&v=1.0&uc&ping=${encodeURIComponent(flat.toString())}`])
    await get(`/service/update2/crx${query}`)
    expect(last()).toBe(daily)
  })
})

test('a client that stores the day of its answer is counted once a day', async () => {
  const found: unknown[] = []
  let ping: object = { rd: -1, ad: -1 }
  for (const hours of [0, 1, 20, 21]) {
    store.time.now = start + hours * 3_600_000
    const { daystart } = await ask(check4({ ping }))
    found.push(contacts.at(-1)?.daily)
    ping = { rd: daystart.elapsed_days, ad: daystart.elapsed_days }
  }
  expect(found).toEqual(['seen,active', undefined, 'seen,active', undefined])
})

test('metrics count each word', async () => {
  const metrics = openMetrics({ isKnown: () => true, catalog: () => undefined })
  for (const ping of [{ rd: -1, ad: -1 }, { rd: -1 }, {}]) await ask(check4({ ping }))
  for (const one of contacts) metrics.sink(one as Parameters<typeof metrics.sink>[0])
  const text = await metrics.render()
  const labels = `app="${extension}",channel="stable"`
  expect(text).toContain(`platte_daily_clients_total{${labels},as="seen"} 2`)
  expect(text).toContain(`platte_daily_clients_total{${labels},as="active"} 1`)
})
