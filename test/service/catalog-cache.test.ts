/** How old an answer may be, and what a store that hangs, fails or is slow does to it. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { findProblems, reload, ttlMs } from '../../src/catalog/cache.ts'
import { catalogKey, channelKey, missingKey, rootKey } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { app, ask, gate, minute, newReader, newStore, publishOne, watched } from '../world.ts'
import { down, hold, scene, settled, stable } from './scene.ts'

afterEach(() => {
  vi.useRealTimers()
})

const never = new Promise<void>(() => {})

describe('the age of an answer', () => {
  test('below the TTL: the store is not read', async () => {
    const { reader, reads, time } = await scene()
    time.now += ttlMs - 1
    expect(await ask(reader)).toBe('update 2')
    expect(reads).toEqual([])
  })

  test('up to twice the TTL: answered at once, with one load in the background', async () => {
    const store = await scene()
    await publishOne(store, '3')
    const works: Promise<void>[] = []
    const reader = { ...store.reader, background: (work: Promise<void>) => void works.push(work) }
    const { opened, open } = gate()
    store.hook.onGet = () => opened
    store.time.now += 2 * ttlMs - 1
    for (let i = 0; i < 5; i++) expect(await ask(reader)).toBe('update 2')
    expect([works.length, store.reads]).toEqual([1, [catalogKey]])
    open()
    await Promise.all(works)
    expect(await ask(reader)).toBe('update 3')
  })

  test('without background work: above the TTL, checks wait', async () => {
    const store = await scene()
    await publishOne(store, '3')
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 3')
  })

  test('above twice the TTL, checks wait, even with background work', async () => {
    const store = await scene()
    await publishOne(store, '3')
    store.time.now += 2 * ttlMs
    const background = () => expect.fail('must wait')
    expect(await ask({ ...store.reader, background })).toBe('update 3')
  })

  test('an unchanged catalog costs one read and keeps its channels', async () => {
    const { reader, reads, time } = await scene()
    for (const want of [[catalogKey, missingKey], [catalogKey], [catalogKey]]) {
      time.now += ttlMs
      reads.length = 0
      await ask(reader)
      expect(reads).toEqual(want)
    }
  })

  test('a clock set back does not keep an old catalog fresh', async () => {
    const store = await scene()
    await publishOne(store, '3')
    store.time.now -= minute
    expect(await ask(store.reader)).toBe('update 3')
  })
})

test('a load that hung while the clock was set back does not block later loads', async () => {
  const store = await scene()
  await publishOne(store, '3')
  store.hook.onGet = () => never
  store.time.now += 1000 * minute
  void reload(store.reader.cache, store.reader.reader)
  store.hook.onGet = () => {}
  store.time.now -= 1000 * minute - ttlMs
  expect(await ask(store.reader)).toBe('update 3')
})

describe('a store that hangs or fails', () => {
  test('hangs: the last good state after 2 s, and nobody waits again for one TTL', async () => {
    const { reader, reads, hook, time } = await scene()
    hook.onGet = () => never
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    time.now += 2 * ttlMs
    const answer = ask(reader)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(await Promise.race([answer, Promise.resolve('waits')])).toBe('waits')
    await vi.advanceTimersByTimeAsync(1)
    expect(await answer).toBe('update 2')
    expect(findProblems(reader.cache, time.now)).toEqual(['store-unavailable: the store did not answer'])
    time.now += ttlMs - 1
    expect(await ask(reader)).toBe('update 2')
    expect(reads).toEqual([catalogKey])
    time.now += 1
    const later = ask(reader)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await later).toBe('update 2')
    expect(reads).toEqual([catalogKey, catalogKey])
  })

  test('hangs at a cold start: store-unavailable after 2 s, cached', async () => {
    const store = await newStore()
    const { documents, reads, hook } = watched(store.bucket)
    hook.onGet = () => never
    const reader = newReader(store, { documents })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const answer = ask(reader)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await answer).toBe('store-unavailable')
    expect(await ask(reader)).toBe('store-unavailable')
    expect(reads.toSorted()).toEqual([catalogKey, missingKey, rootKey(1), rootKey(2)])
  })

  test('a hanging manifest: store-unavailable after 2 s, other channels are unaffected, and it is used when it arrives', async () => {
    const store = await scene()
    await publishOne(store, '2', { channel: 'beta' })
    const { documents, reads, hook } = watched(store.bucket)
    const reader = newReader(store, { documents })
    const { opened, open } = gate()
    hook.onGet = (key) => (key === channelKey(app, 'beta', 1) ? opened : undefined)
    expect(await ask(reader)).toBe('update 2')
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const answer = ask(reader, { channel: 'beta' })
    await vi.advanceTimersByTimeAsync(2_000)
    vi.useRealTimers()
    expect(await answer).toBe('store-unavailable')
    expect(await ask(reader, { channel: 'beta' })).toBe('store-unavailable')
    expect(reads.filter((key) => key === channelKey(app, 'beta', 1))).toHaveLength(1)
    expect(await ask(reader)).toBe('update 2')
    open()
    await settled(() => 'view' in (reader.cache.channels.get(`${app}/beta`) ?? {}))
    expect(await ask(reader, { channel: 'beta' })).toBe('update 2')
  })

  test('fails: the last good state, one read per TTL, and recovery at the next good read', async () => {
    const store = await scene()
    const { reader, reads, hook, time, log } = store
    await publishOne(store, '3')
    hook.onGet = down
    for (const step of [ttlMs, 0, ttlMs - 1, 1]) {
      time.now += step
      expect(await ask(reader)).toBe('update 2')
    }
    expect(reads.length).toBe(2)
    expect(log.at(-1)).toMatchObject({ level: 'warn', event: 'catalog', reason: 'store-unavailable' })
    hook.onGet = () => {}
    time.now += ttlMs
    expect(await ask(reader)).toBe('update 3')
    expect(findProblems(reader.cache, time.now)).toEqual([])
  })

  test('fails at a cold start: store-unavailable, cached for one TTL', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const { documents, reads, hook } = watched(store.bucket)
    hook.onGet = down
    const reader = newReader(store, { documents })
    for (let i = 0; i < 3; i++) expect(await ask(reader)).toBe('store-unavailable')
    expect(reads.toSorted()).toEqual([catalogKey, missingKey, rootKey(1), rootKey(2)])
    expect(store.log.at(-1)).toMatchObject({ level: 'error', event: 'catalog' })
    hook.onGet = () => {}
    expect(await ask(reader)).toBe('store-unavailable')
    store.time.now += ttlMs
    expect(await ask(reader)).toBe('update 2')
  })

  test('a store that is forbidden or throws an unexpected error gives a reason, never an exception', async () => {
    const store = await newStore()
    for (const [error, want] of [
      [new PlatteError('forbidden', 'needs s3:GetObject'), 'store-unavailable'],
      [new TypeError('x is not a function'), 'unverifiable'],
    ] as const) {
      const { documents, hook } = watched(store.bucket)
      hook.onGet = () => {
        throw error
      }
      expect(await ask(newReader(store, { documents }))).toBe(want)
    }
  })
})

describe('concurrent loads', () => {
  test('a slow load of an old catalog never replaces a newer one', async () => {
    const store = await scene()
    const { reader, hook } = store
    await publishOne(store, '3')
    const { opened, open } = gate()
    hook.onGet = () => opened
    const slow = reload(reader.cache, reader.reader)
    await publishOne(store, '4')
    hook.onGet = () => {}
    await reload(reader.cache, reader.reader)
    expect(await ask(reader)).toBe('update 4')
    const [checkedAt, state] = [reader.cache.checkedAt, reader.cache.state]
    store.time.now += minute
    open()
    await slow
    expect([reader.cache.checkedAt, reader.cache.state]).toEqual([checkedAt, state])
    store.time.now -= minute
    expect(await ask(reader)).toBe('update 4')
  })

  test('a slow load that found no change never replaces a newer one', async () => {
    const store = await scene()
    const { reader, hook } = store
    const { opened, open } = gate()
    hook.onGet = () => opened
    const slow = reload(reader.cache, reader.reader)
    await settled(() => store.reads.length === 1)
    await publishOne(store, '3')
    hook.onGet = () => {}
    await reload(reader.cache, reader.reader)
    open()
    await slow
    expect(await ask(reader)).toBe('update 3')
  })

  test('a slow load is as old as its start', async () => {
    const store = await scene()
    const { opened, open } = gate()
    store.hook.onGet = () => opened
    store.time.now += ttlMs
    const slow = reload(store.reader.cache, store.reader.reader)
    await settled(() => store.reads.length === 1)
    await publishOne(store, '3')
    store.hook.onGet = () => {}
    store.time.now += ttlMs
    open()
    await slow
    expect(await ask(store.reader)).toBe('update 3')
  })

  test('a late failure does not replace a newer good state', async () => {
    const store = await scene()
    const { reader, hook } = store
    const { opened, open } = gate()
    hook.onGet = async () => {
      await opened
      down()
    }
    const slow = reload(reader.cache, reader.reader)
    await settled(() => store.reads.length === 1)
    await publishOne(store, '3')
    hook.onGet = () => {}
    await reload(reader.cache, reader.reader)
    open()
    await slow
    expect(findProblems(reader.cache, store.time.now)).toEqual([])
  })

  test('a channel opened during a catalog change has the holds of the new catalog', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    await publishOne(store, '2', { channel: 'beta' })
    const { documents, hook, reads } = watched(store.bucket)
    const reader = newReader(store, { documents })
    expect(await ask(reader, { channel: 'beta' })).toBe('update 2')
    await publishOne(store, '3', { channel: 'beta' })
    await hold(store, '2')
    const beta = gate()
    hook.onGet = (key) => (key === channelKey(app, 'beta', 2) ? beta.opened : undefined)
    const taking = reload(reader.cache, reader.reader)
    await settled(() => reads.includes(channelKey(app, 'beta', 2)))
    expect(await ask(reader)).toBe('update 2')
    beta.open()
    await taking
    expect(await ask(reader)).toBe('held')
  })

  test('a check that began on the old catalog caches no channel of it', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const { documents, hook, reads } = watched(store.bucket)
    const reader = newReader(store, { documents })
    const { opened, open } = gate()
    hook.onGet = (key) => (key === stable(1) ? opened : undefined)
    const first = ask(reader)
    await settled(() => reads.includes(stable(1)))
    await hold(store, '2')
    await reload(reader.cache, reader.reader)
    open()
    await first
    hook.onGet = () => {}
    expect(await ask(reader)).toBe('held')
  })
})
