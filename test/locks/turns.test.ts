/** Machines that ask one process at once wait for each other, and lose no races. */
import { afterEach, expect, test, vi } from 'vitest'
import { turnAt } from '../../src/kernel/turns.ts'
import { createGroup, lockMachine } from '../../src/locks/edits.ts'
import type { Documents } from '../../src/store/documents.ts'
import { memoryDocuments } from '../memory.ts'
import { now, seeded } from '../world.ts'

afterEach(() => void vi.useRealTimers())

test('100 machines at once lose no race', async () => {
  const inner = memoryDocuments()
  const outcomes: string[] = []
  const documents: Documents = {
    ...inner,
    async swap(...args) {
      const outcome = await inner.swap(...args)
      outcomes.push(outcome)
      return outcome
    },
  }
  const locking = { documents, clock: () => now, random: seeded(1) }
  await createGroup(locking, 'web', 100, 'operator')
  const ids = Array.from({ length: 100 }, (_, i) => `m${i}`)
  const locked = await Promise.all(ids.map((id) => lockMachine(locking, 'web', { id, via: 'fleet-lock' })))
  expect(new Set(locked.map(({ result }) => result.kind))).toEqual(new Set(['locked']))
  expect(outcomes).toEqual(Array(100).fill('ok'))
})

test('nobody waits for another store or another key', async () => {
  const store = {}
  for (const one of [turnAt(store, 'a'), turnAt({}, 'a'), turnAt(store, 'b')]) expect(await one.begin()).toBe(false)
})

test('a turn begins when the one before it ends', async () => {
  const store = {}
  const [first, second] = [turnAt(store, 'a'), turnAt(store, 'a')]
  expect([await first.begin(), await first.begin()]).toEqual([false, false])
  const begun: boolean[] = []
  const waits = second.begin().then((waited) => begun.push(waited))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(begun).toEqual([])
  first.end()
  await waits
  expect(begun).toEqual([true])
})

test('one that never ends holds the others up for 20 seconds, once', async () => {
  vi.useFakeTimers()
  const store = {}
  await turnAt(store, 'a').begin()
  const next = turnAt(store, 'a')
  const waits = next.begin()
  await vi.advanceTimersByTimeAsync(19_000)
  const third = turnAt(store, 'a').begin()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await waits).toBe(true)
  next.end()
  await vi.advanceTimersByTimeAsync(100)
  expect(await third).toBe(true)
})
