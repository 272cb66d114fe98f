/** Refreshing by a schedule: every look is bounded, and a few looks come by every channel. */
import { expect, test } from 'vitest'
import { newCatalogCache, reload } from '../../src/catalog/cache.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { publish } from '../../src/channels/publish.ts'
import { checkKey } from '../../src/documents/paths.ts'
import { refreshSlice } from '../../src/runtime/refresh-slice.ts'
import { copyOf } from '../apply/scene.ts'
import { app, day, minute, newStore, orderOf, storedCatalog, watched } from '../world.ts'

const names = Array.from({ length: 24 }, (_, n) => `c${String(n).padStart(2, '0')}`)

async function storeOf(channels: readonly string[]) {
  const store = await newStore()
  for (const channel of channels) await publish(store.publisher, { ...orderOf('1'), channel })
  return store
}

const commit = async (store: Awaited<ReturnType<typeof storeOf>>, channels: readonly string[], version: string) => {
  for (const channel of channels) await publish({ ...store.publisher, timestamp: [] }, { ...orderOf(version), channel })
}

const full = await storeOf(names)
const ahead = await copyOf(full)
await commit(ahead, names, '2')

test.each([1, 2, 3, 5, 12, 60])('runs that advance by %i turns visit every channel', async (step) => {
  const store = await copyOf(ahead)
  let looks = 0
  for (let turn = 1_000_003; looks < 24; turn += step, looks++) {
    const { rolled } = await refresh(store.publisher, { slice: { turn, most: 4, opens: 4 } })
    expect(rolled.length).toBeLessThanOrEqual(4)
    const { apps } = await storedCatalog(store)
    if (names.every((name) => apps[app]?.channels[name]?.seq === 2)) break
  }
  expect(looks).toBeLessThan(24)
})

test('channels missing from the catalog are checked beside those in it', async () => {
  const store = await storeOf(names.slice(0, 2))
  await commit(store, names.slice(2, 5), '1')
  await commit(store, names.slice(0, 1), '2')
  const { rolled } = await refresh(store.publisher, { slice: { turn: 0, most: 10, opens: 10 } })
  expect(rolled.map(({ channel }) => channel).toSorted()).toEqual(['c00', 'c02', 'c03', 'c04'])
})

test('a run opens at most its limit of each kind, and later runs open the rest', async () => {
  const store = await storeOf(names.slice(0, 6))
  await commit(store, names.slice(0, 6), '2')
  await commit(store, names.slice(6, 12), '1')
  const rolled: number[] = []
  for (let turn = 0; turn < 3; turn++)
    rolled.push((await refresh(store.publisher, { slice: { turn, most: 24, opens: 2 } })).rolled.length)
  expect(rolled).toEqual([4, 4, 4])
  const { apps } = await storedCatalog(store)
  expect(names.slice(0, 12).map((name) => apps[app]?.channels[name]?.seq)).toEqual([
    ...Array(6).fill(2),
    ...Array(6).fill(1),
  ])
})

test('a run reads one key per channel, and no manifest that the catalog names', async () => {
  const store = await copyOf(full)
  const { documents, reads } = watched(store.publisher.documents)
  const cache = newCatalogCache()
  await reload(cache, { ...store.publisher, documents })
  reads.length = 0
  const before = await storedCatalog(store)
  await refreshSlice({ ...store.publisher, documents }, cache, { most: 5, opens: 5 })
  expect(reads.filter((key) => key.endsWith('/0000000002.jws'))).toHaveLength(5)
  expect(reads.filter((key) => !key.startsWith('apps/'))).toEqual(['catalog.jws', 'root/2.jws'])
  expect(reads).toHaveLength(7)
  expect(await storedCatalog(store)).toEqual(before)
})

test('the catalog is signed again after a third of its validity, whatever the slice', async () => {
  const store = await storeOf(names.slice(0, 1))
  const cache = newCatalogCache()
  const before = await storedCatalog(store)
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  expect(await storedCatalog(store)).toEqual(before)
  store.time.now += 5 * day
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  expect((await storedCatalog(store)).issuedAt).toBe(new Date(store.time.now).toISOString())
})

test('a new process reads first, and one with a mark does not go back', async () => {
  const store = await storeOf(names.slice(0, 1))
  const old = await store.bucket.read('catalog.jws')
  store.time.now += minute
  await commit(store, names.slice(0, 1), '2')
  const cache = newCatalogCache()
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  expect((await storedCatalog(store)).apps[app]?.channels.c00?.seq).toBe(2)
  await reload(cache, store.publisher)
  await store.bucket.overwrite('catalog.jws', old)
  store.time.now += 5 * day
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  expect(await store.bucket.read('catalog.jws')).toEqual(old)
})

test('a catalog written by a run is remembered, even if nothing else is served', async () => {
  const store = await storeOf(names.slice(0, 1))
  const cache = newCatalogCache()
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  const old = await store.bucket.read('catalog.jws')
  store.time.now += 5 * day
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  await store.bucket.overwrite('catalog.jws', old)
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  expect(await store.bucket.read('catalog.jws')).toEqual(old)
})

test('a catalog seen by a run is remembered, even if others wrote it', async () => {
  const store = await storeOf(names.slice(0, 1))
  const cache = newCatalogCache()
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  const old = await store.bucket.read('catalog.jws')
  store.time.now += minute
  await refresh(store.publisher, { force: true })
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  await store.bucket.overwrite('catalog.jws', old)
  store.time.now += 5 * day
  await refreshSlice(store.publisher, cache, { most: 1, opens: 1 })
  expect(await store.bucket.read('catalog.jws')).toEqual(old)
})

test.each([
  ['a folder with an invalid name', 'apps/my notes/x/', ['apps/my notes/', 'x']],
  ['a folder of an app under such a name', `apps/${app}/Copy of stable/`, [`apps/${app}/`, 'Copy of stable']],
  ['more bytes than any manifest has', `apps/${app}/new/0000000001.jws`, undefined],
  ['more bytes than any manifest has, where a known channel goes on', `apps/${app}/c00/0000000002.jws`, undefined],
] as const)('%s does not block other channels', async (_, key, folder) => {
  const store = await storeOf(names.slice(0, 2))
  await commit(store, names.slice(1, 2), '2')
  if (folder === undefined) await store.bucket.overwrite(key, new Uint8Array(2 ** 20 + 1))
  const inner = store.publisher.documents
  const documents: typeof inner = {
    ...inner,
    get: async (wanted, maxBytes, known) => inner.get(checkKey(wanted), maxBytes, known),
    // Buckets list what they hold, also what no key is.
    async *folders(above) {
      yield* inner.folders?.(above) ?? []
      if (folder?.[0] === above) yield folder[1]
      if (above === 'apps/' && folder?.[0].startsWith('apps/my')) yield 'my notes'
    },
  }
  store.time.now += 5 * day
  const look = () => refreshSlice({ ...store.publisher, documents }, newCatalogCache(), { most: 9, opens: 9 })
  await look()
  expect((await storedCatalog(store)).issuedAt).toBe(new Date(store.time.now).toISOString())
  await look()
  const after = await storedCatalog(store)
  expect(after.apps[app]?.channels.c01?.seq).toBe(2)
  expect(store.log).toContainEqual(expect.objectContaining({ level: 'error', problem: expect.stringContaining(key) }))
})

test('a channel far ahead advances by a few manifests per run', async () => {
  const store = await storeOf(names.slice(0, 1))
  for (let n = 2; n <= 13; n++) await commit(store, names.slice(0, 1), `${n}`)
  const seqs = []
  for (let turn = 0; turn < 3; turn++) {
    await refresh(store.publisher, { slice: { turn, most: 9, opens: 9 } })
    seqs.push((await storedCatalog(store)).apps[app]?.channels.c00?.seq)
  }
  expect(seqs).toEqual([6, 11, 13])
})
