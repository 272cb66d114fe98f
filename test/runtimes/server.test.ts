import { afterEach, expect, test, vi } from 'vitest'
import { publish } from '../../src/channels/publish.ts'
import { serveWith } from '../../src/runtime/server.ts'
import { gate, newStore, orderOf } from '../world.ts'

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
    { explain: 'off', host: '127.0.0.1', port: 0, pin: publisher.pin, store: { kind: 'file', dir: '/nonexistent' } },
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
