import { afterEach, describe, expect, test, vi } from 'vitest'
import { catalogKey, channelKey, rootKey } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/errors.ts'
import { reload, ttlMs } from '../../src/service/catalog-cache.ts'
import { findProblems } from '../../src/service/health.ts'
import { loadRoot } from '../../src/service/reading.ts'
import { refresh } from '../../src/service/refresh.ts'
import { editRoot, publishRoot } from '../../src/service/roots.ts'
import type { Answering } from '../../src/service/update-check.ts'
import { commitChannel, editCatalog, instantText } from '../../src/service/writing.ts'
import { seal } from '../../src/trust/envelope.ts'
import {
  app,
  ask,
  bytesOf,
  day,
  forgeCatalog,
  gate,
  minute,
  newReader,
  newStore,
  now,
  publishOne,
  type storedCatalog,
  type TestStore,
  watched,
} from '../world.ts'

afterEach(() => {
  vi.useRealTimers()
})

interface Scene extends TestStore, Pick<ReturnType<typeof watched>, 'reads' | 'hook'> {
  readonly reader: Answering
}

/** A store that offers version 2 in `stable`, and a reader that has answered from it once. */
async function scene(): Promise<Scene> {
  const store = await newStore()
  await publishOne(store, '2')
  const { documents, reads, hook } = watched(store.bucket)
  const reader = newReader(store, { documents })
  expect(await ask(reader)).toBe('update 2')
  reads.length = 0
  return { ...store, reader, reads, hook }
}

const stable = (seq: number): string => channelKey(app, 'stable', seq)
const down = (): never => {
  throw new PlatteError('store-unavailable', 'the store does not answer')
}
const never = new Promise<void>(() => {})

/** Lets work that needs no timer end. */
async function settled(done: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(done()).toBe(true), { timeout: 10_000, interval: 2 })
}

describe('how old an answer may be', () => {
  test('younger than the TTL: the store is not asked', async () => {
    const { reader, reads, time } = await scene()
    time.now += ttlMs - 1
    expect(await ask(reader)).toBe('update 2')
    expect(reads).toEqual([])
  })

  test('up to twice the TTL: served at once, and one load runs in the background', async () => {
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

  test('where nothing outlives a request: older than the TTL waits', async () => {
    const store = await scene()
    await publishOne(store, '3')
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 3')
  })

  test('older than twice the TTL waits, also where work could outlive the request', async () => {
    const store = await scene()
    await publishOne(store, '3')
    store.time.now += 2 * ttlMs
    const background = () => expect.fail('must wait')
    expect(await ask({ ...store.reader, background })).toBe('update 3')
  })

  test('an unchanged catalog costs one read and keeps its channels', async () => {
    const { reader, reads, time } = await scene()
    time.now += ttlMs
    await ask(reader)
    expect(reads).toEqual([catalogKey])
  })

  test('a clock that jumps back does not keep an old catalog fresh', async () => {
    const store = await scene()
    await publishOne(store, '3')
    store.time.now -= minute
    expect(await ask(store.reader)).toBe('update 3')
  })
})

describe('a store that hangs or fails', () => {
  test('hangs: the last good after 2 s, and for one TTL nobody waits again', async () => {
    const { reader, reads, hook, time } = await scene()
    hook.onGet = () => never
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    time.now += 2 * ttlMs
    const answer = ask(reader)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(await Promise.race([answer, Promise.resolve('waits')])).toBe('waits')
    await vi.advanceTimersByTimeAsync(1)
    expect(await answer).toBe('update 2')
    expect(findProblems(reader.cache, time.now)).toEqual(['store-unavailable: no answer within 2000 ms'])
    time.now += ttlMs - 1
    expect(await ask(reader)).toBe('update 2')
    expect(reads).toEqual([catalogKey])
    time.now += 1
    const later = ask(reader)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await later).toBe('update 2')
    expect(reads).toEqual([catalogKey, catalogKey])
  })

  test('hangs at a cold start: store-unavailable after 2 s, and remembered', async () => {
    const store = await newStore()
    const { documents, reads, hook } = watched(store.bucket)
    hook.onGet = () => never
    const reader = newReader(store, { documents })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const answer = ask(reader)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await answer).toBe('store-unavailable')
    expect(await ask(reader)).toBe('store-unavailable')
    expect(reads.length).toBe(1)
  })

  test('a manifest that hangs: store-unavailable after 2 s, the other channels go on, and it is there when it arrives', async () => {
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

  test('fails: the last good, one read for each TTL, and back as soon as it answers', async () => {
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

  test('fails at a cold start: store-unavailable, remembered for one TTL', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const { documents, reads, hook } = watched(store.bucket)
    hook.onGet = down
    const reader = newReader(store, { documents })
    for (let i = 0; i < 3; i++) expect(await ask(reader)).toBe('store-unavailable')
    expect(reads.length).toBe(1)
    expect(store.log.at(-1)).toMatchObject({ level: 'error', event: 'catalog' })
    hook.onGet = () => {}
    expect(await ask(reader)).toBe('store-unavailable')
    store.time.now += ttlMs
    expect(await ask(reader)).toBe('update 2')
  })

  test('a store that refuses us, or throws what nobody expects: a reason, never an exception', async () => {
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

describe('loads that overtake each other', () => {
  test('a slow load of an old catalog never replaces a newer one', async () => {
    const store = await scene()
    const { reader, hook } = store
    await publishOne(store, '3')
    const { opened, open } = gate()
    hook.onGet = () => opened
    const slow = reload(reader.cache, reader.reading)
    await publishOne(store, '4')
    hook.onGet = () => {}
    await reload(reader.cache, reader.reading)
    expect(await ask(reader)).toBe('update 4')
    const [checkedAt, state] = [reader.cache.checkedAt, reader.cache.state]
    store.time.now += minute
    open()
    await slow
    expect([reader.cache.checkedAt, reader.cache.state]).toEqual([checkedAt, state])
    store.time.now -= minute
    expect(await ask(reader)).toBe('update 4')
  })

  test('nor does a slow load that finds what it had', async () => {
    const store = await scene()
    const { reader, hook } = store
    const { opened, open } = gate()
    hook.onGet = () => opened
    const slow = reload(reader.cache, reader.reading)
    await settled(() => store.reads.length === 1)
    await publishOne(store, '3')
    hook.onGet = () => {}
    await reload(reader.cache, reader.reading)
    open()
    await slow
    expect(await ask(reader)).toBe('update 3')
  })

  test('nor does a failure that comes late put a problem over a newer good state', async () => {
    const store = await scene()
    const { reader, hook } = store
    const { opened, open } = gate()
    hook.onGet = async () => {
      await opened
      down()
    }
    const slow = reload(reader.cache, reader.reading)
    await settled(() => store.reads.length === 1)
    await publishOne(store, '3')
    hook.onGet = () => {}
    await reload(reader.cache, reader.reading)
    open()
    await slow
    expect(findProblems(reader.cache, store.time.now)).toEqual([])
  })

  test('a channel that is opened while a new catalog is taken over has the holds of the new one', async () => {
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
    const taking = reload(reader.cache, reader.reading)
    await settled(() => reads.includes(channelKey(app, 'beta', 2)))
    expect(await ask(reader)).toBe('update 2')
    beta.open()
    await taking
    expect(await ask(reader)).toBe('held')
  })

  test('a check that found the old catalog and opens a channel late leaves nothing old behind', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const { documents, hook, reads } = watched(store.bucket)
    const reader = newReader(store, { documents })
    const { opened, open } = gate()
    hook.onGet = (key) => (key === stable(1) ? opened : undefined)
    const first = ask(reader)
    await settled(() => reads.includes(stable(1)))
    await hold(store, '2')
    await reload(reader.cache, reader.reading)
    open()
    await first
    hook.onGet = () => {}
    expect(await ask(reader)).toBe('held')
  })
})

/** Puts a hold on a version of `stable`, as an operator's brake does. */
const hold = ({ publishing }: TestStore, version: string): Promise<unknown> =>
  editCatalog(publishing, (catalog) => {
    const found = catalog.apps[app]
    const entry = found?.channels.stable
    if (found === undefined || entry === undefined) throw new Error('there is no stable')
    const holds = [{ version, reason: 'boot loop', at: instantText(now) }]
    return { ...catalog, apps: { [app]: { ...found, channels: { ...found.channels, stable: { ...entry, holds } } } } }
  })

describe('what expired offers nothing', () => {
  test('a catalog, also one that is remembered', async () => {
    const { reader, time, hook } = await scene()
    hook.onGet = down
    const expires = Date.parse(reader.cache.state?.catalog.catalog.expires ?? '')
    time.now = expires - 1
    expect(await ask(reader)).toBe('update 2')
    time.now = expires
    expect(await ask(reader)).toBe('catalog-expired')
    expect(await ask(reader, { app: 'nobody' })).toBe('catalog-expired')
  })

  test('a catalog at a cold start', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    store.time.now += 15 * day
    expect(await ask(newReader(store))).toBe('catalog-expired')
  })

  test('a root, remembered or at a cold start', async () => {
    const store = await scene()
    const expires = instantText(now + 2 * day)
    const edited = await editRoot(await loadRoot(store.publishing), { expires }, instantText(now))
    await publishRoot(store.publishing, await seal('platte-root+jws', bytesOf(edited), store.keys.root))
    await refresh(store.publishing)
    store.time.now += minute
    expect(await ask(store.reader)).toBe('update 2')
    store.time.now = now + 2 * day
    store.hook.onGet = down
    expect(await ask(store.reader)).toBe('catalog-expired')
    expect(await ask(newReader(store))).toBe('catalog-expired')
  })

  test("a manifest of its own date, and its channel's neighbours go on", async () => {
    const store = await scene()
    await publishOne(store, '2', { channel: 'beta' })
    await commitChannel(store.publishing, { app, channel: 'stable' }, (current) => ({
      ...current,
      expires: instantText(now + day),
    }))
    await refresh(store.publishing)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    store.time.now = now + day
    expect(await ask(store.reader)).toBe('catalog-expired')
    expect(await ask(store.reader, { channel: 'beta' })).toBe('update 2')
    expect(await ask(newReader(store))).toBe('catalog-expired')
  })
})

describe('what an attacker with the bucket can put there', () => {
  test('an older catalog is not taken; the last good stays', async () => {
    const store = await scene()
    const old = await store.bucket.read(catalogKey)
    store.time.now += ttlMs
    await hold(store, '2')
    expect(await ask(store.reader)).toBe('held')
    await store.bucket.overwrite(catalogKey, old)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('held')
    expect(findProblems(store.reader.cache, store.time.now)).toEqual([
      expect.stringMatching(/not newer than the one of/),
    ])
  })

  test('two catalogs of one instant: the last good stays, and it is said loudly', async () => {
    const store = await scene()
    await forgeCatalog(store, (catalog) => ({ ...catalog, apps: {} }))
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    expect(store.log.at(-1)).toMatchObject({ level: 'error', event: 'catalog', reason: 'unverifiable' })
    expect(findProblems(store.reader.cache, store.time.now)).toEqual([expect.stringMatching(/there are two of/)])
  })

  test.each<[string, (store: TestStore) => Promise<void>]>([
    ['a catalog that is gone', async ({ bucket }) => bucket.erase(catalogKey)],
    ['a catalog that is no document', ({ bucket }) => bucket.overwrite(catalogKey, bytesOf('<html>'))],
    ['an empty catalog', ({ bucket }) => bucket.overwrite(catalogKey, new Uint8Array())],
    [
      'a catalog of a root that is not there',
      (store) => forgeCatalog(store, (c) => ({ ...c, root: 9e15, issuedAt: instantText(now + minute) })),
    ],
    [
      'a catalog of next year',
      (store) =>
        forgeCatalog(store, (c) => ({
          ...c,
          issuedAt: instantText(now + 365 * day),
          expires: instantText(now + 366 * day),
        })),
    ],
    [
      'a catalog for ever',
      (store) =>
        forgeCatalog(store, (c) => ({
          ...c,
          issuedAt: instantText(now + minute),
          expires: instantText(now + 999 * day),
        })),
    ],
    [
      'a catalog that expires before it was issued',
      (store) =>
        forgeCatalog(store, (c) => ({ ...c, issuedAt: instantText(now + minute), expires: instantText(now + 1) })),
    ],
  ])('%s: the last good, and nothing at a cold start', async (_, attack) => {
    const store = await scene()
    await attack(store)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    expect(await ask(newReader(store))).toMatch(/^(unverifiable|catalog-expired)$/)
    expect(findProblems(store.reader.cache, store.time.now)).toHaveLength(1)
  })

  test('a manifest that is not there: not-mirrored; the other channels go on; back when it is', async () => {
    const store = await scene()
    await publishOne(store, '2', { channel: 'beta' })
    const bytes = await store.bucket.read(stable(1))
    store.bucket.erase(stable(1))
    const reader = newReader(store, { documents: store.reader.reading.documents })
    store.reads.length = 0
    for (let i = 0; i < 3; i++) expect(await ask(reader)).toBe('not-mirrored')
    expect(store.reads.filter((key) => key === stable(1))).toHaveLength(1)
    expect(await ask(reader, { channel: 'beta' })).toBe('update 2')
    expect(findProblems(reader.cache, now)).toEqual([`${app}/stable: not-mirrored: ${stable(1)} is not in the store`])
    await store.bucket.overwrite(stable(1), bytes)
    store.time.now += ttlMs
    expect(await ask(reader)).toBe('update 2')
    expect(findProblems(reader.cache, store.time.now)).toEqual([])
  })

  test.each<[string, (store: TestStore) => Promise<Uint8Array>]>([
    [
      'one byte changed',
      async ({ bucket }) => (await bucket.read(stable(1))).map((byte, i) => (i === 100 ? byte ^ 1 : byte)),
    ],
    ['cut short', async ({ bucket }) => (await bucket.read(stable(1))).slice(0, -1)],
    ["another channel's", ({ bucket }) => bucket.read(channelKey(app, 'beta', 1))],
    ['empty', async () => new Uint8Array()],
  ])('a manifest that is not the one signed (%s): unverifiable; the others go on', async (_, make) => {
    const store = await scene()
    await publishOne(store, '2', { channel: 'beta' })
    await store.bucket.overwrite(stable(1), await make(store))
    const reader = newReader(store)
    expect(await ask(reader)).toBe('unverifiable')
    expect(await ask(reader, { channel: 'beta' })).toBe('update 2')
    expect(await ask(store.reader)).toBe('update 2')
  })

  test('with the timestamp key: a seq that no manifest has, also where the bytes are known', async () => {
    const store = await scene()
    await forgeCatalog(store, (catalog) => ({
      ...withEntry(catalog, { seq: 9e15 }),
      issuedAt: instantText(now + minute),
    }))
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('not-mirrored')
    expect(await ask(newReader(store))).toBe('not-mirrored')
  })
})

/** The catalog with another entry of `stable`. */
const withEntry = (catalog: Awaited<ReturnType<typeof storedCatalog>>, more: object) => {
  const channels = catalog.apps[app]?.channels
  return { ...catalog, apps: { [app]: { channels: { ...channels, stable: { ...channels?.stable, ...more } } } } }
}

describe('a new catalog', () => {
  test('its holds are in force, and lifted by the next', async () => {
    const store = await scene()
    await hold(store, '2')
    expect(await ask(store.reader)).toBe('update 2')
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('held')
    await hold(store, '7')
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    expect(store.reads.filter((key) => key === stable(1))).toEqual([])
  })

  test('its manifests are there before it is served', async () => {
    const store = await scene()
    await publishOne(store, '3')
    const { opened, open } = gate()
    store.hook.onGet = (key) => (key === stable(2) ? opened : undefined)
    store.time.now += ttlMs
    const work = reload(store.reader.cache, store.reader.reading)
    await settled(() => store.reads.includes(stable(2)))
    expect([...store.reader.cache.channels.values()]).toMatchObject([{ entry: { seq: 1 } }])
    open()
    await work
    expect([...store.reader.cache.channels.values()]).toMatchObject([{ entry: { seq: 2 } }])
    expect(await ask(store.reader)).toBe('update 3')
  })

  test('a channel that it leaves out is gone', async () => {
    const store = await scene()
    await editCatalog(store.publishing, (catalog) => ({ ...catalog, apps: { other: { channels: {} } } }))
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('unknown-app')
    expect(await ask(store.reader, { app: 'other' })).toBe('unknown-channel')
  })

  test('a channel that failed is tried again with it', async () => {
    const store = await scene()
    const bytes = await store.bucket.read(stable(1))
    store.bucket.erase(stable(1))
    const reader = newReader(store)
    expect(await ask(reader)).toBe('not-mirrored')
    await store.bucket.overwrite(stable(1), bytes)
    await refresh(store.publishing, { force: true })
    await reload(reader.cache, reader.reading)
    expect(await ask(reader)).toBe('update 2')
  })

  test('under a new root every manifest is verified again', async () => {
    const store = await scene()
    const edited = await editRoot(await loadRoot(store.publishing), {}, instantText(now))
    await publishRoot(store.publishing, await seal('platte-root+jws', bytesOf(edited), store.keys.root))
    await refresh(store.publishing)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    expect(store.reads).toEqual([catalogKey, rootKey(2), stable(1)])
  })
})

describe('names', () => {
  const [guid, other] = ['9a2deb70-37be-4026-853f-bfdd6b347bbe', '11111111-37be-4026-853f-bfdd6b347bbe']

  async function withAliases(aliases: string[], channel = 'stable'): Promise<TestStore> {
    const store = await newStore()
    await publishOne(store, '2')
    await publishOne(store, '3', { channel: 'beta' })
    await commitChannel(store.publishing, { app, channel }, (current) => ({ ...current, aliases }))
    await refresh(store.publishing)
    return store
  }

  test('an alias that the release key signed', async () => {
    const reader = newReader(await withAliases([guid]))
    expect(await ask(reader, { channel: guid })).toBe('update 2')
    expect(await ask(reader, { channel: other })).toBe('unknown-channel')
  })

  test('an alias that only the catalog names is none', async () => {
    const store = await withAliases([guid])
    await forgeCatalog(store, (c) => ({
      ...withEntry(c, { aliases: [guid, other] }),
      issuedAt: instantText(now + minute),
    }))
    const reader = newReader(store)
    expect(await ask(reader, { channel: other })).toBe('unknown-channel')
    expect(await ask(reader, { channel: guid })).toBe('update 2')
  })

  test('an exact name wins over an alias', async () => {
    const reader = newReader(await withAliases(['stable'], 'beta'))
    expect(await ask(reader)).toBe('update 2')
    expect(await ask(reader, { channel: 'beta' })).toBe('update 3')
  })

  const hostile = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '',
    '.',
    '../beta',
    'stable/',
    'STABLE',
    'stable\0',
    'x'.repeat(65536),
  ]
  test.each(hostile.map((name) => [JSON.stringify(name).slice(0, 20), name]))(
    '%s is no channel and no app',
    async (_, name) => {
      const { reader, reads } = await scene()
      expect(await ask(reader, { channel: name })).toBe('unknown-channel')
      expect(await ask(reader, { app: name })).toBe('unknown-app')
      expect(await ask(reader, { board: name })).toBe('no-release-for-board')
      expect(Object.keys(Object.prototype)).toEqual([])
      expect([reads, [...reader.cache.channels.keys()]]).toEqual([[], [`${app}/stable`]])
    },
  )
})
