import { afterEach, describe, expect, test, vi } from 'vitest'
import { publish } from '../../src/channels/publish.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { type Served, serveWith } from '../../src/runtime/server.ts'
import { gate, newStore, orderOf } from '../world.ts'

const settings = { explain: 'off', host: '127.0.0.1', port: 0, store: { kind: 'file', dir: '/nonexistent' } } as const

afterEach(() => void vi.useRealTimers())

test('a slow store is refreshed by one run at a time, and the next run starts after it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const { publisher } = await newStore()
  await publish(publisher, orderOf('1'))
  const slow = gate()
  let looks = 0
  let isSlow = false
  const documents: typeof publisher.documents = {
    ...publisher.documents,
    async *folders(folder) {
      if (folder === 'apps/') looks++
      if (isSlow) await slow.opened
      yield* publisher.documents.folders?.(folder) ?? []
    },
  }
  const running = await serveWith(
    async () => ({ url: 'http://127.0.0.1', stop: async () => {} }),
    { ...settings, pin: publisher.pin },
    { ...publisher, documents },
  )
  expect(looks).toBe(1)
  isSlow = true
  for (let n = 0; n < 5; n++) {
    await vi.advanceTimersByTimeAsync(60_000)
    await vi.waitFor(() => expect(looks).toBeGreaterThan(1), { timeout: 120_000 })
  }
  expect(looks).toBe(2)
  slow.open()
  await vi.waitFor(
    async () => {
      await vi.advanceTimersByTimeAsync(60_000)
      expect(looks).toBe(3)
    },
    { timeout: 120_000 },
  )
  await running.stop()
})

describe('/healthz/ready', () => {
  /** A server over a store that may be away, at a time of our own. */
  async function served(isAway: boolean, laterMs = 0) {
    const { publisher } = await newStore()
    const store = { isAway, laterMs }
    const documents: typeof publisher.documents = {
      ...publisher.documents,
      get: async (...args) => {
        if (store.isAway) throw new PlatteError('store-unavailable', 'the store is away')
        return publisher.documents.get(...args)
      },
    }
    const clock = () => publisher.clock() + store.laterMs
    let app: Served | undefined
    const listen = async (_: object, make: (port: number) => Served) => {
      app = make(1)
      return { url: 'http://127.0.0.1:1', stop: async () => {} }
    }
    const running = await serveWith(
      listen,
      { ...settings, pin: publisher.pin },
      { ...publisher, documents, clock, timestamp: [] },
    )
    const ask = async (method = 'GET') =>
      (await app?.fetch(new Request('http://127.0.0.1:1/healthz/ready', { method })))?.status
    return { store, ask, stop: running.stop }
  }
  const month = 31 * 24 * 60 * 60 * 1000

  test('503 until the store was read, and 200 from then on, also without the store', async () => {
    const { store, ask, stop } = await served(true)
    expect(await ask()).toBe(503)
    store.isAway = false
    store.laterMs = 60_000
    expect(await ask()).toBe(200)
    store.isAway = true
    store.laterMs = month
    expect(await ask()).toBe(200)
    expect(await ask('POST')).toBe(405)
    await stop()
  })

  test('200 where the catalog had expired before the start', async () => {
    const { ask, stop } = await served(false, month)
    expect(await ask()).toBe(200)
    await stop()
  })
})
