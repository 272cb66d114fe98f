/** Events of checks: whatever becomes of them, the check is answered the same. */
import { expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import type { EventSink } from '../../src/checks/events.ts'
import { createApp } from '../../src/runtime/app.ts'
import { bodyOf } from '../protocol/samples.ts'
import { newStore } from '../world.ts'

const store = await newStore()

function answer(events: EventSink, body: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  const { publisher } = store
  const { packages } = publisher
  const serving = { cache: newCatalogCache(), reader: publisher, packages, publicUrl: 'https://updates.example.org' }
  const app = createApp({ ...serving, events, background: () => undefined })
  return Promise.resolve(app.request('/v1/update/', { method: 'POST', body }))
}

const rollback =
  '<request protocol="3.0"><app appid="x" version="1" track="stable"><event eventtype="3" eventresult="0" errorcode="44"/></app></request>'

test.each([
  ['a check', bodyOf('full-update-01'), 1],
  ['an event', rollback, 1],
])('a sink that throws loses its event for %s, and nothing else', async (_, body, events) => {
  const want = await answer(() => {}, body)
  store.log.length = 0
  const told = await answer(() => {
    throw new Error('out of room')
  }, body)
  expect([told.status, await told.text()]).toEqual([200, await want.text()])
  const line = { level: 'error', event: 'events', problem: 'out of room', code: 'defect' }
  expect(store.log.filter(({ event }) => event === 'events')).toEqual(
    Array.from({ length: events }, () => ({ ...line, stack: expect.stringMatching(/^at /) })),
  )
})
