/** Across an air gap: a catalog that expired on the way is accepted where somebody says so, and that is shown. */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { findProblems, reload } from '../../src/catalog/cache.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { summarise } from '../../src/catalog/summary.ts'
import { catalogKey, rootKey } from '../../src/documents/paths.ts'
import { exportBundle, importBundle } from '../../src/mirroring/bundle.ts'
import { openMirroring } from '../../src/mirroring/cli.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import { ask, day, newReader, newStore, publishOne, refusal, type TestStore } from '../world.ts'

const folder = mkdtempSync(join(tmpdir(), 'platte-bundle-'))
const bundle = join(folder, 'bundle.tar')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let origin: TestStore
let inside: TestStore
/** What the inside reads with, by how long an expired catalog is accepted. */
const readerAt = (acceptStaleMs?: number) => ({
  ...inside.publisher,
  pin: origin.publisher.pin,
  clock: () => origin.time.now,
  acceptStaleMs,
})
const all = { packages: 'all' } as const

beforeAll(async () => {
  origin = await newStore()
  await publishOne(origin, '1')
  await publishOne(origin, '2')
  await exportBundle(origin.publisher, createWriteStream(bundle), { ...all, since: 0 })
  inside = await newStore()
  for (const key of [rootKey(1), catalogKey]) inside.bucket.erase(key)
  // The catalog is valid for 14 days.
  origin.time.now += 20 * day
})

test('a stale catalog is refused unless its age is accepted; then it is offered and verified', async () => {
  expect(await refusal(importBundle(bundle, readerAt(), all))).toMatch(/^expired: catalog: expired at/)
  expect(await refusal(importBundle(bundle, readerAt(5 * day), all))).toMatch(/^expired: catalog/)
  expect(await importBundle(bundle, readerAt(45 * day), all)).toMatchObject({ kind: 'mirrored', absent: [] })
  expect(await ask(newReader({ publisher: readerAt(45 * day) }))).toBe('update 2')
  expect(await ask(newReader({ publisher: readerAt() }))).toBe('catalog-expired')
  expect((await inspectStore(readerAt(45 * day))).findings).toEqual([])
})

test('`platte mirror --accept-stale` takes a stale upstream', async () => {
  const from = mkdtempSync(join(folder, 'origin-'))
  const documents = folderDocuments(from, { clock: Date.now })
  for await (const key of origin.bucket.list('')) await documents.create(key, await origin.bucket.read(key))
  const to = { documents: memoryDocuments(), packages: memoryPackages(nodeHasher) }
  const pass = async (stale?: number) => {
    const own = { ...readerAt(stale), ...to }
    const mirroring = await openMirroring({ kind: 'file', dir: from }, own)
    return mirror({ ...mirroring, from: { ...mirroring.from, clock: own.clock } }, { packages: 'none' })
  }
  expect(await refusal(pass())).toMatch(/^expired: catalog/)
  for (const kind of ['mirrored', 'unchanged']) expect(await pass(45 * day)).toMatchObject({ kind })
})

test('health and `show` report it, while it is accepted and after', async () => {
  const reader = newReader({ publisher: readerAt(45 * day) })
  await reload(reader.cache, reader.reader)
  const stale = /^the catalog expired at 2026-12-07 \S+ UTC: stale, but accepted until 2027-01-21 /
  expect(findProblems(reader.cache, origin.time.now)).toEqual([expect.stringMatching(stale)])
  expect((await summarise(readerAt(45 * day))).problems).toEqual([expect.stringMatching(stale)])
  expect((await summarise(readerAt())).problems).toEqual([
    expect.stringMatching(/^nothing is offered: catalog: expired/),
  ])
  origin.time.now += 40 * day
  expect(await ask(reader)).toBe('catalog-expired')
  expect(findProblems(reader.cache, origin.time.now)).toContainEqual(expect.stringMatching(/^catalog-expired: /))
  origin.time.now -= 40 * day
})

test('an accepted stale catalog is never signed again', async () => {
  const reader = newReader({ publisher: readerAt(45 * day) })
  await reload(reader.cache, reader.reader)
  expect(await refusal(refresh(readerAt(45 * day), { seen: reader.cache.state }))).toMatch(
    /^expired: the catalog expired/,
  )
})

test('a catalog from the future is refused under any setting', async () => {
  const early = { ...readerAt(45 * day), clock: () => origin.time.now - 30 * day }
  expect(await ask(newReader({ publisher: early }))).toBe('clock')
})
