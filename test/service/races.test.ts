import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { editCatalog, refresh } from '../../src/catalog/edit-catalog.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { type Publisher, publish } from '../../src/channels/publish.ts'
import { findPackage } from '../../src/checks/http-files.ts'
import { catalogKey, channelKey } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { folderDocuments } from '../../src/store/folder/documents.ts'
import { verifyPast } from '../../src/trust/verify-documents.ts'
import {
  app,
  ask,
  day,
  minute,
  newReader,
  newStore,
  now,
  orderOf,
  publishOne,
  refusal,
  seeded,
  sourceOf,
  storedCatalog,
  type TestStore,
} from '../world.ts'

const folder = await mkdtemp(join(tmpdir(), 'platte-races-'))
afterAll(() => rm(folder, { recursive: true }))

const stores = {
  memory: () => newStore(),
  folder: async () =>
    newStore({ documents: folderDocuments(await mkdtemp(join(folder, 'store-')), { clock: () => Date.now() }) }),
}

/** One of several processes: its own chance, the same store. */
const process = ({ publisher }: TestStore, seed: number): Publisher => ({ ...publisher, random: seeded(seed) })
const seqOf = async ({ publisher }: TestStore) =>
  (await loadForWriting(publisher)).catalog.catalog.apps[app]?.channels.stable?.seq

describe.each(Object.entries(stores))('%s', (_, open) => {
  test('40 concurrent publishers of different boards: 40 sequence numbers, one chain, everything offered', async () => {
    const store = await open()
    const boards = Array.from({ length: 40 }, (_, i) => `board-${i}`)
    const results = await Promise.all(boards.map((board, i) => publish(process(store, i), orderOf('2', { board }))))
    expect(results.every(({ kind, offered }) => kind === 'published' && offered)).toBe(true)
    expect(results.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(boards.map((_, i) => i + 1))
    expect(await seqOf(store)).toBe(40)
    const inspection = await inspectStore(store.publisher)
    expect(inspection).toMatchObject({ findings: [], manifests: 40, packages: 40 })
    const reader = newReader(store)
    const answers = await Promise.all(boards.map((board) => ask(reader, { board })))
    expect(new Set(answers)).toEqual(new Set(['update 2']))
    await chainIsUnbroken(store, 40)
  })

  test('two concurrent publishers of the same bytes: one manifest, and both succeed', async () => {
    const store = await open()
    const results = await Promise.all([1, 2].map((seed) => publish(process(store, seed), orderOf('2'))))
    expect(results.map(({ seq, offered }) => [seq, offered])).toEqual([
      [1, true],
      [1, true],
    ])
    expect(results.map(({ kind }) => kind)).toContain('published')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], manifests: 1 })
  })

  test('concurrent publishers and refreshers', async () => {
    const store = await open()
    await publishOne(store, '1')
    const publishers = ['2', '3', '4'].map((_, i) => publish(process(store, i), orderOf('2', { board: `board-${i}` })))
    const refreshers = [4, 5, 6].map((seed) => refresh(process(store, seed), { force: true }))
    await Promise.all([...publishers, ...refreshers])
    expect(await seqOf(store)).toBe(4)
    for (let i = 0; i < 3; i++) expect(await ask(newReader(store), { board: `board-${i}` })).toBe('update 2')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], manifests: 4 })
  })
})

/** Walks back by hand: each manifest is the one that the next one names. */
async function chainIsUnbroken(store: TestStore, length: number): Promise<void> {
  const head = await loadHead(store.publisher, await loadForWriting(store.publisher), { app, channel: 'stable' })
  let previous = head?.manifest.previous
  for (let seq = length - 1; seq > 0; seq--) {
    const stored = await store.publisher.documents.get(channelKey(app, 'stable', seq), 1e6)
    expect(stored, `manifest ${seq}`).toBeDefined()
    const past = await verifyPast(stored?.bytes ?? new Uint8Array(), previous ?? '', { app, channel: 'stable', seq })
    previous = past.manifest.previous
  }
  expect(previous).toBeUndefined()
}

describe('contradicting publishers', () => {
  test('two versions at once: the lower one was first or is refused', async () => {
    const store = await newStore()
    const [three, two] = await Promise.allSettled([
      publish(process(store, 1), orderOf('3')),
      publish(process(store, 2), orderOf('2')),
    ])
    expect(three.status).toBe('fulfilled')
    if (two.status === 'rejected') expect(two.reason).toMatchObject({ code: 'refused' })
    expect(await ask(newReader(store))).toBe('update 3')
  })

  test('two contents of one version at once: one is refused', async () => {
    const store = await newStore()
    const outcomes = await Promise.all(
      ['a', 'b'].map((text, i) =>
        refusal(publish(process(store, i), orderOf('2', { sources: [sourceOf('update.gz', `CrAU ${text}`)] }))),
      ),
    )
    expect(outcomes.filter((one) => one === 'accepted')).toHaveLength(1)
    expect(
      outcomes.filter((one) => /^refused: 2 for amd64-usr is already in this channel, with other bytes/.test(one)),
    ).toHaveLength(1)
  })

  test('two spellings of one version: a second board is offered at the place of its packages', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    await publishOne(store, '2.0.0', { board: 'arm64-usr' })
    await isServed(store, 'arm64-usr')
    expect(await publishOne(store, '02', { sources: orderOf('2').sources })).toMatchObject({ kind: 'unchanged' })
  })

  test('two spellings of one version at once: each is offered at the place of its packages', async () => {
    const store = await newStore()
    const outcomes = await Promise.all([
      refusal(publish(process(store, 1), orderOf('2'))),
      refusal(publish(process(store, 2), orderOf('2.0', { board: 'arm64-usr' }))),
    ])
    expect(outcomes).toContain('accepted')
    if (!(outcomes[0] === 'accepted')) await publishOne(store, '2')
    await publishOne(store, '2.0', { board: 'arm64-usr', sources: orderOf('2.0', { board: 'arm64-usr' }).sources })
    await isServed(store, 'amd64-usr')
    await isServed(store, 'arm64-usr')
    expect((await inspectStore(store.publisher)).findings.filter(({ level }) => level === 'error')).toEqual([])
  })
})

/** Every package that the newest manifest names for the board is in the store, and may be served. */
async function isServed(store: TestStore, board: string): Promise<void> {
  const reader = newReader(store)
  expect(await ask(reader, { board })).toMatch(/^update/)
  const keys: string[] = []
  for await (const key of store.packages.list?.('packages/') ?? []) if (key.includes(`/${board}/`)) keys.push(key)
  const found = await Promise.all(keys.map((key) => findPackage(reader, key)))
  expect(found.filter((one) => one !== undefined)).toHaveLength(1)
}

describe('without the timestamp key', () => {
  test('a publish is committed and waits for a refresh', async () => {
    const store = await newStore()
    await publishOne(store, '1')
    const offline = { ...store.publisher, timestamp: [] }
    expect(await publish(offline, orderOf('2'))).toMatchObject({ kind: 'published', seq: 2, offered: false })
    expect(await publish(offline, orderOf('3'))).toMatchObject({ kind: 'published', seq: 3, offered: false })
    expect(await publish(offline, orderOf('2'))).toMatchObject({ kind: 'unchanged', offered: false })
    expect(await ask(newReader(store))).toBe('up-to-date')
    expect(await refresh(store.publisher)).toMatchObject({ kind: 'refreshed', rolled: [{ app, channel: 'stable' }] })
    expect(await ask(newReader(store))).toBe('update 3')
    expect(await publish(offline, orderOf('3'))).toMatchObject({ kind: 'unchanged', offered: true })
  })

  test('a channel that is not in the catalog is found by listing; without lists, publishing again adds it', async () => {
    const store = await newStore()
    await publish({ ...store.publisher, timestamp: [] }, orderOf('2'))
    const { list: _, folders: __, ...documents } = store.publisher.documents
    expect(await refresh({ ...store.publisher, documents })).toMatchObject({ kind: 'unchanged' })
    expect(await publish({ ...store.publisher, documents }, orderOf('2'))).toMatchObject({
      kind: 'unchanged',
      offered: true,
    })
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test('other files under apps/ are not channels', async () => {
    const store = await newStore()
    for (const key of [
      'apps/README',
      `apps/${app}/x`,
      `apps/${app}/stable/notes.txt`,
      `apps/UPPER/Case/0000000001.jws`,
      'apps/a/b/c/0000000001.jws',
    ])
      await store.bucket.create(key, new Uint8Array([1]))
    const { kind, problems } = await refresh(store.publisher, { force: true })
    expect([kind, problems]).toEqual(['refreshed', [expect.stringContaining('apps/UPPER/Case/0000000001.jws')]])
  })
})

describe('an expired catalog', () => {
  test('is not signed again without --force: it could be a replay', async () => {
    const store = await newStore()
    await publishOne(store, '1')
    store.time.now += 30 * day
    expect(await ask(newReader(store))).toBe('catalog-expired')
    expect(await refusal(publishOne(store, '2'))).toMatch(/^expired: the catalog expired at/)
    expect(await store.bucket.get(channelKey(app, 'stable', 2), 1e6)).toBeUndefined()
    expect(await refusal(refresh(store.publisher))).toMatch(/^expired: the catalog expired at/)
    await refresh(store.publisher, { force: true })
    await publishOne(store, '2')
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test('that is older than the remembered one is not signed again', async () => {
    const store = await newStore()
    await publishOne(store, '1')
    const old = await store.bucket.read(catalogKey)
    await publishOne(store, '2')
    const reader = newReader(store)
    await ask(reader)
    await store.bucket.overwrite(catalogKey, old)
    store.time.now += 6 * day
    const again = refresh(store.publisher, { seen: reader.cache.state })
    expect(await refusal(again)).toMatch(/^rollback: catalog: not newer/)
  })

  test('publishing without the timestamp key commits, and a refresh makes it current', async () => {
    const store = await newStore()
    await publishOne(store, '1')
    store.time.now += 30 * day
    expect(await publish({ ...store.publisher, timestamp: [] }, orderOf('2'))).toMatchObject({ offered: false })
    expect(await ask(newReader(store))).toBe('catalog-expired')
    await refresh(store.publisher, { force: true })
    expect(await ask(newReader(store))).toBe('update 2')
  })
})

describe('refresh', () => {
  test('signs again after a third of the validity, and not before', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    store.time.now += (14 * day) / 3 - minute
    expect(await refresh(store.publisher)).toMatchObject({ kind: 'unchanged' })
    expect(await refresh({ ...store.publisher, timestamp: [] })).toMatchObject({ kind: 'unchanged' })
    store.time.now += 2 * minute
    expect(await refusal(refresh({ ...store.publisher, timestamp: [] }))).toMatch(
      /^credentials: root 1 wants 1 timestamp key/,
    )
    const { kind, expires } = await refresh(store.publisher)
    expect([kind, Date.parse(expires)]).toEqual(['refreshed', store.time.now + 14 * day])
  })

  test('keeps holds, aliases and rampAsOf', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const kept = {
      holds: [{ version: '2', reason: 'x', at: '2026-11-23T00:00:00Z' }],
      rampAsOf: '2026-11-23T00:00:00Z',
    }
    await editCatalog(store.publisher, (catalog) => {
      const channels = catalog.apps[app]?.channels ?? {}
      const stable = channels.stable
      return stable
        ? { ...catalog, apps: { [app]: { name: 'Flatcar', channels: { stable: { ...stable, ...kept } } } } }
        : catalog
    })
    await publishOne(store, '3')
    await refresh(store.publisher, { force: true })
    expect((await storedCatalog(store)).apps[app]).toMatchObject({
      name: 'Flatcar',
      channels: { stable: { seq: 2, ...kept } },
    })
  })

  test('reports a store failure as such, not as a problem of a channel', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const documents = {
      ...store.publisher.documents,
      get: async (key: string, maxBytes: number) => {
        if (key.startsWith('apps/')) throw new PlatteError('store-unavailable', 'no answer')
        return store.bucket.get(key, maxBytes)
      },
    }
    expect(await refusal(refresh({ ...store.publisher, documents }, { force: true }))).toBe(
      'store-unavailable: no answer',
    )
  })
})

describe('wrong clocks', () => {
  test.each([10 * minute, 30 * day, 3650 * day])(
    'a writer %i ms ahead: readers with a good catalog continue, and --force repairs it',
    async (aheadMs) => {
      const store = await newStore()
      await publishOne(store, '2')
      const warm = newReader(store)
      expect(await ask(warm)).toBe('update 2')
      await refresh({ ...store.publisher, clock: () => now + aheadMs }, { force: true })
      store.time.now += minute
      expect(await ask(warm)).toBe('update 2')
      expect(await ask(newReader(store))).toBe('clock')
      expect(await refresh(store.publisher)).toMatchObject({ kind: 'unchanged' })
      expect(await refusal(publishOne(store, '3'))).toMatch(/^from-the-future: the catalog was issued at/)
      await refresh(store.publisher, { force: true })
      expect(Date.parse((await storedCatalog(store)).issuedAt)).toBe(store.time.now)
      store.time.now += minute
      expect(await ask(warm)).toBe('update 3')
      expect(warm.cache.failure).toBeUndefined()
      expect(await ask(newReader(store))).toBe('update 3')
    },
  )

  test.each([1000, 4 * minute])('a writer %i ms ahead is within the tolerance of readers', async (aheadMs) => {
    const store = await newStore()
    await publish({ ...store.publisher, clock: () => now + aheadMs }, orderOf('2'))
    expect(await ask(newReader(store))).toBe('update 2')
    await publishOne(store, '3')
    expect(Date.parse((await storedCatalog(store)).issuedAt)).toBe(now + aheadMs + 1)
    expect(await ask(newReader(store))).toBe('update 3')
  })

  test('a manifest dated an hour ahead waits: the previous one is offered, and it is reported', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const warm = newReader(store)
    expect(await ask(warm)).toBe('update 2')
    const ahead = { ...store.publisher, timestamp: [], clock: () => store.time.now + 60 * minute }
    expect(await publish(ahead, orderOf('3'))).toMatchObject({ kind: 'published', seq: 2, offered: false })
    store.time.now += minute
    const { rolled, problems } = await refresh(store.publisher, { force: true })
    expect([rolled, problems]).toEqual([
      [],
      [expect.stringMatching(/stable: was issued at .* ahead of the clock here$/)],
    ])
    expect(await refusal(publishOne(store, '3'))).toMatch(/^from-the-future: .*stable: was issued at/)
    for (const reader of [warm, newReader(store)]) expect(await ask(reader)).toBe('update 2')
    store.time.now += 55 * minute
    expect(await refresh(store.publisher)).toMatchObject({ rolled: [{ app, channel: 'stable' }], problems: [] })
    expect(await ask(newReader(store))).toBe('update 3')
  })

  test('a writer slightly behind still moves the mark forward', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const before = (await storedCatalog(store)).issuedAt
    await publish({ ...store.publisher, clock: () => now - minute }, orderOf('3'))
    expect(Date.parse((await storedCatalog(store)).issuedAt)).toBe(Date.parse(before) + 1)
    expect(await ask(newReader(store))).toBe('update 3')
  })

  test.each([0, now - day])('a writer that starts at %i, before clock sync, changes no offer', async (clock) => {
    const store = await newStore()
    await publishOne(store, '2')
    const before = await store.bucket.read(catalogKey)
    const behind = { ...store.publisher, clock: () => clock }
    expect(await refresh(behind)).toMatchObject({ kind: 'unchanged' })
    expect(await refusal(publish(behind, orderOf('3')))).toMatch(/^from-the-future/)
    expect(await store.bucket.read(catalogKey)).toEqual(before)
    expect(await ask(newReader(store))).toBe('update 2')
    await refresh(store.publisher)
    expect(await ask(newReader(store))).toBe('update 3')
  })
})
