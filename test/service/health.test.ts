import { expect, test } from 'vitest'
import { findProblems, newCatalogCache, ttlMs } from '../../src/catalog/cache.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { catalogKey, channelKey } from '../../src/documents/paths.ts'
import { isoText } from '../../src/kernel/format.ts'
import { seal } from '../../src/trust/envelope.ts'
import { app, ask, bytesOf, day, newReader, newStore, now, publishOne, type TestStore } from '../world.ts'

const expiring = async (store: TestStore, inDays: number): Promise<void> => {
  const edit = { expires: isoText(now + inDays * day) }
  const root = await editRoot(await loadRoot(store.publisher), edit, isoText(now))
  await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(root), store.keys.root))
  await refresh(store.publisher)
}

test('a cache without any read has no problem yet', () => {
  expect(findProblems(newCatalogCache(), now)).toEqual([])
})

test.each<[string, (store: TestStore) => unknown, number, string[]]>([
  ['all is well', () => {}, 0, []],
  ['two thirds of the validity: refresh is late', () => {}, 9.3, []],
  [
    'less than a third is left',
    () => {},
    9.4,
    ['the catalog expires at 2026-12-07 06:00:00 UTC and was not refreshed: check the job that runs platte refresh'],
  ],
  [
    'expired',
    () => {},
    15,
    ['catalog-expired: the catalog expired at 2026-12-07 06:00:00 UTC: check it, then run platte refresh --force'],
  ],
  ['a root with a month left', (store) => expiring(store, 31), 0, []],
  [
    'a root with less',
    (store) => expiring(store, 29),
    0,
    ['root 2 expires at 2026-12-22 06:00:00 UTC: publish its successor'],
  ],
  [
    'a root and a catalog',
    (store) => expiring(store, 10),
    10,
    [
      'the catalog expires at 2026-12-07 06:00:00 UTC and was not refreshed: check the job that runs platte refresh',
      'root 2 expires at 2026-12-03 06:00:00 UTC: publish its successor',
    ],
  ],
  [
    'a channel without its manifest',
    ({ bucket }) => bucket.erase(channelKey(app, 'stable', 1)),
    0,
    [`${app}/stable: not-mirrored: this store lacks the manifest of that channel, or packages of the release`],
  ],
])('%s', async (_, change, days, want) => {
  const store = await newStore()
  await publishOne(store, '2')
  await change(store)
  const reader = newReader(store)
  await ask(reader)
  expect(findProblems(reader.cache, now + days * day)).toEqual(want)
})

test('a failing store is one problem, and none after recovery', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const bytes = await store.bucket.read(catalogKey)
  const reader = newReader(store)
  store.bucket.erase(catalogKey)
  await ask(reader)
  expect(findProblems(reader.cache, now)).toEqual(['unverifiable: the content of the store could not be verified'])
  await store.bucket.overwrite(catalogKey, bytes)
  store.time.now += ttlMs
  await ask(reader)
  expect(findProblems(reader.cache, now)).toEqual([])
})
