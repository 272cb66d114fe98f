/** `/metrics` of a server that no machine asks. */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import { openScrapes } from '../../src/metrics/open.ts'
import type { Documents } from '../../src/store/documents.ts'
import { minute, newReader, newStore, publishOne } from '../world.ts'

test('a scrape reads the catalog; its age grows only while the store is away', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  let isAway = false
  const get: Documents['get'] = async (...args) => {
    if (isAway) throw new PlatteError('store-unavailable', 'away')
    return store.publisher.documents.get(...args)
  }
  const documents = { ...store.publisher.documents, get }
  const reader = newReader(store, { documents })
  const { mount } = await openScrapes(undefined, { ...reader, gauges: async () => [] })
  const app = new Hono()
  mount?.(app, {} as never)
  const age = async (): Promise<number> => {
    const text = await (await app.request('/metrics')).text()
    return Number(/^platte_catalog_age_seconds (\S+)$/m.exec(text)?.[1])
  }
  expect(await age()).toBe(0)
  store.time.now += 20 * minute
  expect(await age()).toBe(0)
  isAway = true
  store.time.now += 20 * minute
  expect(await age()).toBe(1_200)
})
