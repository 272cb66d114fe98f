/** What a reader takes from a store, and what it does not. */
import { describe, expect, test } from 'vitest'
import { findProblems, reload, ttlMs } from '../../src/catalog/cache.ts'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { editCatalog, refresh } from '../../src/catalog/edit-catalog.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { catalogKey, channelKey, missingKey, rootKey } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { isoText } from '../../src/kernel/format.ts'
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
} from '../world.ts'
import { down, hold, scene, settled, stable } from './scene.ts'

describe('expired documents offer nothing', () => {
  test('a catalog, also a cached one', async () => {
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

  test('a root, cached or at a cold start', async () => {
    const store = await scene()
    const expires = isoText(now + 2 * day)
    const edited = await editRoot(await loadRoot(store.publisher), { expires }, isoText(now))
    await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(edited), store.keys.root))
    await refresh(store.publisher)
    store.time.now += minute
    expect(await ask(store.reader)).toBe('update 2')
    store.time.now = now + 2 * day
    store.hook.onGet = down
    expect(await ask(store.reader)).toBe('catalog-expired')
    expect(await ask(newReader(store))).toBe('catalog-expired')
  })

  test('a manifest with an expiry of its own; other channels are unaffected', async () => {
    const store = await scene()
    await publishOne(store, '2', { channel: 'beta' })
    await commitChannel(store.publisher, { app, channel: 'stable' }, (current) => ({
      ...current,
      expires: isoText(now + day),
    }))
    await refresh(store.publisher)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    store.time.now = now + day
    expect(await ask(store.reader)).toBe('catalog-expired')
    expect(await ask(store.reader, { channel: 'beta' })).toBe('update 2')
    expect(await ask(newReader(store))).toBe('catalog-expired')
  })
})

describe('an attacker with write access to the bucket', () => {
  test('an older catalog is refused; the last good one is used', async () => {
    const store = await scene()
    const old = await store.bucket.read(catalogKey)
    store.time.now += ttlMs
    await hold(store, '2')
    expect(await ask(store.reader)).toBe('held')
    await store.bucket.overwrite(catalogKey, old)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('held')
    expect(findProblems(store.reader.cache, store.time.now)).toEqual([expect.stringMatching(/^unverifiable: /)])
  })

  test('two catalogs of the same time: the last good one is used, and an error is logged', async () => {
    const store = await scene()
    await forgeCatalog(store, (catalog) => ({ ...catalog, apps: {} }))
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    expect(store.log.at(-1)).toMatchObject({ level: 'error', event: 'catalog', reason: 'unverifiable' })
    expect(findProblems(store.reader.cache, store.time.now)).toEqual([expect.stringMatching(/^unverifiable: /)])
  })

  test.each<[string, (store: TestStore) => Promise<void>]>([
    ['a catalog that is gone', async ({ bucket }) => bucket.erase(catalogKey)],
    ['a catalog that is not a document', ({ bucket }) => bucket.overwrite(catalogKey, bytesOf('<html>'))],
    ['an empty catalog', ({ bucket }) => bucket.overwrite(catalogKey, new Uint8Array())],
    [
      'a catalog of next year',
      (store) =>
        forgeCatalog(store, (c) => ({
          ...c,
          issuedAt: isoText(now + 365 * day),
          expires: isoText(now + 366 * day),
        })),
    ],
    [
      'a catalog for ever',
      (store) =>
        forgeCatalog(store, (c) => ({
          ...c,
          issuedAt: isoText(now + minute),
          expires: isoText(now + 999 * day),
        })),
    ],
    [
      'a catalog that expires before it was issued',
      (store) => forgeCatalog(store, (c) => ({ ...c, issuedAt: isoText(now + minute), expires: isoText(now + 1) })),
    ],
  ])('%s: the last good one is used, and nothing at a cold start', async (_, attack) => {
    const store = await scene()
    await attack(store)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    expect(await ask(newReader(store))).toMatch(/^(unverifiable|catalog-expired|clock)$/)
    expect(findProblems(store.reader.cache, store.time.now)).toHaveLength(1)
  })

  test('a missing manifest: not-mirrored; other channels are unaffected; recovers when it returns', async () => {
    const store = await scene()
    await publishOne(store, '2', { channel: 'beta' })
    const bytes = await store.bucket.read(stable(1))
    store.bucket.erase(stable(1))
    const reader = newReader(store, { documents: store.reader.reader.documents })
    store.reads.length = 0
    for (let i = 0; i < 3; i++) expect(await ask(reader)).toBe('not-mirrored')
    expect(store.reads.filter((key) => key === stable(1))).toHaveLength(1)
    expect(await ask(reader, { channel: 'beta' })).toBe('update 2')
    expect(findProblems(reader.cache, now)).toEqual([expect.stringMatching(/stable: not-mirrored: /)])
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
  ])(
    'a manifest that differs from the signed one (%s): unverifiable; other channels are unaffected',
    async (_, make) => {
      const store = await scene()
      await publishOne(store, '2', { channel: 'beta' })
      await store.bucket.overwrite(stable(1), await make(store))
      const reader = newReader(store)
      expect(await ask(reader)).toBe('unverifiable')
      expect(await ask(reader, { channel: 'beta' })).toBe('update 2')
      expect(await ask(store.reader)).toBe('update 2')
    },
  )

  test('with the timestamp key: a seq without a manifest, even one with known bytes', async () => {
    const store = await scene()
    await forgeCatalog(store, (catalog) => ({
      ...withEntry(catalog, { seq: 9e15 }),
      issuedAt: isoText(now + minute),
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
  test('puts its holds in force, and lifts those that it omits', async () => {
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

  test('is served after its manifests are loaded', async () => {
    const store = await scene()
    await publishOne(store, '3')
    const { opened, open } = gate()
    store.hook.onGet = (key) => (key === stable(2) ? opened : undefined)
    store.time.now += ttlMs
    const work = reload(store.reader.cache, store.reader.reader)
    await settled(() => store.reads.includes(stable(2)))
    expect([...store.reader.cache.channels.values()]).toMatchObject([{ entry: { seq: 1 } }])
    open()
    await work
    expect([...store.reader.cache.channels.values()]).toMatchObject([{ entry: { seq: 2 } }])
    expect(await ask(store.reader)).toBe('update 3')
  })

  test('removes channels that it omits', async () => {
    const store = await scene()
    await editCatalog(store.publisher, (catalog) => ({ ...catalog, apps: { other: { channels: {} } } }))
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('unknown-app')
    expect(await ask(store.reader, { app: 'other' })).toBe('unknown-channel')
  })

  test('retries a channel that failed', async () => {
    const store = await scene()
    const bytes = await store.bucket.read(stable(1))
    store.bucket.erase(stable(1))
    const reader = newReader(store)
    expect(await ask(reader)).toBe('not-mirrored')
    await store.bucket.overwrite(stable(1), bytes)
    await refresh(store.publisher, { force: true })
    await reload(reader.cache, reader.reader)
    expect(await ask(reader)).toBe('update 2')
  })

  test('is read without the permission to read the list of missing packages', async () => {
    const store = await scene()
    const { documents } = store.publisher
    const get: typeof documents.get = (key, ...rest) => {
      if (key === missingKey) throw new PlatteError('forbidden', `${key}: the store refuses this identity`)
      return documents.get(key, ...rest)
    }
    const reader = newReader(store, { documents: { ...documents, get: async (...args) => get(...args) } })
    expect(await ask(reader)).toBe('update 2')
  })

  test('under a new root verifies every manifest again', async () => {
    const store = await scene()
    const edited = await editRoot(await loadRoot(store.publisher), {}, isoText(now))
    await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(edited), store.keys.root))
    await refresh(store.publisher)
    store.time.now += ttlMs
    expect(await ask(store.reader)).toBe('update 2')
    expect(store.reads.toSorted()).toEqual([catalogKey, rootKey(2), rootKey(3), missingKey, stable(1)].toSorted())
  })
})

describe('names', () => {
  const [guid, other] = ['9a2deb70-37be-4026-853f-bfdd6b347bbe', '11111111-37be-4026-853f-bfdd6b347bbe']

  async function withAliases(aliases: string[], channel = 'stable'): Promise<TestStore> {
    const store = await newStore()
    await publishOne(store, '2')
    await publishOne(store, '3', { channel: 'beta' })
    await commitChannel(store.publisher, { app, channel }, (current) => ({ ...current, aliases }))
    await refresh(store.publisher)
    return store
  }

  test('an alias signed by the release key is accepted', async () => {
    const reader = newReader(await withAliases([guid]))
    expect(await ask(reader, { channel: guid })).toBe('update 2')
    expect(await ask(reader, { channel: other })).toBe('unknown-channel')
  })

  test('an alias that only the catalog has is ignored', async () => {
    const store = await withAliases([guid])
    await forgeCatalog(store, (c) => ({
      ...withEntry(c, { aliases: [guid, other] }),
      issuedAt: isoText(now + minute),
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
    '%s is neither a channel nor an app',
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
