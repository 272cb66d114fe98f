/**
 * The fault table: whatever write of a publish, a refresh or a rotation fails, before it landed or after, with the
 * process going on or dying there, readers see the old state or the new one, and a rerun ends as if nothing had been.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { folderPackages } from '../../src/adapters/folder-packages.ts'
import { nodeHasher } from '../../src/adapters/hashers.ts'
import { channelKey } from '../../src/documents/paths.ts'
import type { RoleName } from '../../src/documents/root.ts'
import { PlatteError } from '../../src/errors.ts'
import { reload } from '../../src/service/catalog-cache.ts'
import { inspectStore } from '../../src/service/inspect.ts'
import { type Publishing, type PublishOrder, publish } from '../../src/service/publish.ts'
import { loadRoot } from '../../src/service/reading.ts'
import { refresh } from '../../src/service/refresh.ts'
import { rotateKey } from '../../src/service/roots.ts'
import { loadForWriting, loadHead } from '../../src/service/writing.ts'
import { seal } from '../../src/trust/envelope.ts'
import {
  app,
  ask,
  bytesOf,
  day,
  newKey,
  newReader,
  newStore,
  orderOf,
  publishOne,
  refusal,
  sourceOf,
  storedCatalog,
  type TestKey,
  type TestStore,
} from '../world.ts'
import { type Fault, faultsOf, faultyDocuments, faultyPackages } from './faulty.ts'

const folder = await mkdtemp(join(tmpdir(), 'platte-faults-'))
afterAll(() => rm(folder, { recursive: true }))
let folders = 0

interface Failing {
  /** Which write, counted from 1 over both stores. */
  readonly at: number
  readonly face: Fault
}

/** Every fault of a work that makes `writes` writes. */
const everyFault = (writes: number): Failing[] =>
  Array.from({ length: writes }, (_, i) =>
    (['before', 'after', 'kill-before', 'kill-after'] as const).map((face) => ({ at: i + 1, face })),
  ).flat()

/** Both stores with one fault in them; without a fault they count. */
function faulty({ documents, packages }: Publishing, fault?: Failing) {
  const faults = faultsOf(fault && { [fault.at]: fault.face })
  return {
    written: faults.written,
    documents: faultyDocuments(documents, faults),
    packages: faultyPackages(packages, faults),
  }
}

/** Runs a work with a fault in its stores. @returns what it was refused with, or `accepted`. */
const withFault = (store: TestStore, fault: Failing | undefined, work: (writing: Publishing) => Promise<unknown>) => {
  const { documents, packages } = faulty(store.publishing, fault)
  return refusal(work({ ...store.publishing, documents, packages }))
}

/** How many writes a work makes where nothing fails. */
async function countWrites(
  store: TestStore,
  work: (writing: Publishing) => Promise<unknown>,
): Promise<readonly string[]> {
  const { written, documents, packages } = faulty(store.publishing)
  await work({ ...store.publishing, documents, packages })
  return written.map((call) => call.split(' ')[1] ?? '')
}

/** What a reader that remembers and one that starts are told. */
async function askAll(store: TestStore, warm: ReturnType<typeof newReader>, query: Parameters<typeof ask>[1]) {
  await reload(warm.cache, warm.reading)
  return [await ask(warm, query), await ask(newReader(store), query)]
}

const errorsOf = async ({ publishing }: TestStore) =>
  (await inspectStore(publishing)).findings.filter(({ level }) => level === 'error')

const order = (more: Partial<PublishOrder> = {}): PublishOrder =>
  orderOf('2', {
    channel: 'beta',
    sources: [sourceOf('update.gz', 'CrAU 2'), sourceOf('oem.gz', 'oem 2')],
    notes: bytesOf('# Version 2'),
    ...more,
  })

const storesOf = {
  memory: () => undefined,
  folder: () => folderPackages(join(folder, `${folders++}`), { clock: () => Date.now(), newHasher: nodeHasher }),
}

describe.each(Object.entries(storesOf))('publish of a new channel, packages in %s', (_, makePackages) => {
  const begin = async (): Promise<TestStore> => {
    const packages = makePackages()
    const store = await newStore(packages && { packages })
    await publishOne(store, '1')
    return store
  }

  test('makes five writes, the commit last but one', async () => {
    const written = await countWrites(await begin(), (writing) => publish(writing, order()))
    expect(written.map((key) => key.split('/')[0])).toEqual(['packages', 'packages', 'notes', 'apps', 'catalog.jws'])
  })

  test.each(everyFault(5))('write $at $face', async (fault) => {
    const store = await begin()
    const warm = newReader(store)
    const query = { channel: 'beta' }
    expect(await ask(warm, query)).toBe('unknown-channel')
    expect(await withFault(store, fault, (writing) => publish(writing, order()))).toMatch(/^store-unavailable/)
    const isOffered = fault.at === 5 && fault.face.endsWith('after')
    const want = isOffered ? 'update 2' : 'unknown-channel'
    expect(await askAll(store, warm, query)).toEqual([want, want])
    expect(await askAll(store, warm, { version: '0' })).toEqual(['update 1', 'update 1'])
    expect(await errorsOf(store)).toEqual([])
    const again = await publish(store.publishing, order())
    expect(again).toMatchObject({ seq: 1, offered: true })
    expect(await askAll(store, warm, query)).toEqual(['update 2', 'update 2'])
    await endsWell(store, { beta: 1, stable: 1 }, { manifests: 2, packages: 3 })
    expect(await publish(store.publishing, order())).toMatchObject({ kind: 'unchanged', seq: 1 })
  })
})

/** The catalog names these seqs, their manifests are all there are, and all of it is as it was signed. */
async function endsWell(store: TestStore, seqs: Record<string, number>, counts: object): Promise<void> {
  const channels = (await storedCatalog(store)).apps[app]?.channels ?? {}
  expect(Object.fromEntries(Object.entries(channels).map(([name, { seq }]) => [name, seq]))).toEqual(seqs)
  for (const [channel, seq] of Object.entries(seqs))
    expect(await store.bucket.get(channelKey(app, channel, seq + 1), 1e6)).toBeUndefined()
  expect(await inspectStore(store.publishing)).toMatchObject({ findings: [], ...counts })
}

describe('publish of a next version and of a second board', () => {
  test.each(everyFault(3))('write $at $face', async (fault) => {
    for (const next of [orderOf('3'), orderOf('2', { board: 'arm64-usr' })]) {
      const store = await newStore()
      await publishOne(store, '2')
      const warm = newReader(store)
      await ask(warm)
      await withFault(store, fault, (writing) => publish(writing, next))
      const [first, second] = await askAll(store, warm, { board: next.board })
      expect(first).toBe(second)
      expect([`update ${next.version}`, next.board === 'amd64-usr' ? 'update 2' : 'no-release-for-board']).toContain(
        first,
      )
      await publish(store.publishing, next)
      expect(await askAll(store, warm, { board: next.board })).toEqual([
        `update ${next.version}`,
        `update ${next.version}`,
      ])
      await endsWell(store, { stable: 2 }, { manifests: 2, packages: 2 })
      expect(await publish(store.publishing, next)).toMatchObject({ kind: 'unchanged', seq: 2 })
    }
  })

  test.each(everyFault(3))('write $at $face, and another publisher comes in between', async (fault) => {
    const store = await newStore()
    await publishOne(store, '2')
    await withFault(store, fault, (writing) => publish(writing, orderOf('3')))
    await publishOne(store, '4', { board: 'arm64-usr' })
    await publishOne(store, '3')
    expect(await ask(newReader(store))).toBe('update 3')
    expect(await ask(newReader(store), { board: 'arm64-usr' })).toBe('update 4')
    await endsWell(store, { stable: 3 }, { manifests: 3, packages: 3 })
  })
})

describe('refresh', () => {
  test.each(everyFault(1))('write $at $face', async (fault) => {
    const store = await newStore()
    await publish({ ...store.publishing, timestamp: [] }, orderOf('2'))
    store.time.now += 5 * day
    const warm = newReader(store)
    await ask(warm)
    expect(await withFault(store, fault, refresh)).toMatch(/^store-unavailable/)
    const want = fault.face.endsWith('after') ? 'update 2' : 'unknown-app'
    expect(await askAll(store, warm, {})).toEqual([want, want])
    await refresh(store.publishing)
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    await endsWell(store, { stable: 1 }, { manifests: 1, packages: 1 })
    expect(await refresh(store.publishing)).toMatchObject({ kind: 'unchanged', rolled: [] })
  })
})

/** With the new key at hand, as `platte root rotate` has it. */
const rotating =
  (role: RoleName, fresh: TestKey, { keys }: TestStore) =>
  (writing: Publishing) =>
    rotateKey(
      role === 'root' ? writing : { ...writing, [role]: [...writing[role], fresh] },
      { role, key: fresh.jwk },
      role === 'root' ? [...keys.root, fresh] : keys.root,
    )

describe.each([
  ['release', ['root/2.jws', 'apps', 'apps', 'catalog.jws', 'root/3.jws', 'catalog.jws']],
  ['timestamp', ['root/2.jws', 'catalog.jws', 'root/3.jws', 'catalog.jws']],
  ['root', ['root/2.jws', 'catalog.jws', 'root/3.jws', 'catalog.jws']],
] as [RoleName, string[]][])('rotation of the %s key', (role, writes) => {
  async function begin() {
    const store = await newStore()
    await publishOne(store, '1', { channel: 'beta' })
    await publishOne(store, '1')
    await publishOne(store, '2')
    const fresh = await newKey('EdDSA')
    return { store, fresh, rotate: rotating(role, fresh, store), warm: newReader(store) }
  }

  test('its writes', async () => {
    const { store, rotate } = await begin()
    expect((await countWrites(store, rotate)).map((key) => (key.startsWith('apps/') ? 'apps' : key))).toEqual(writes)
  })

  test.each(everyFault(writes.length))('write $at $face', async (fault) => {
    const { store, fresh, rotate, warm } = await begin()
    expect(await ask(warm)).toBe('update 2')
    expect(await withFault(store, fault, rotate)).toMatch(/^store-unavailable/)
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    expect(await errorsOf(store)).toEqual([])
    await rotate(store.publishing)
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    const reissued = role === 'release' ? 1 : 0
    await endsWell(store, { beta: 1 + reissued, stable: 2 + reissued }, { manifests: 3 + 2 * reissued, packages: 2 })
    const { root } = await loadRoot(store.publishing)
    expect([root.version, root.roles[role].keyIds]).toEqual([3, [fresh.keyId]])
    await onlyTheNewKey(store, role, fresh)
    await rotate(store.publishing)
    expect((await loadRoot(store.publishing)).root.version).toBe(3)
  })
})

/** Writers with the old key are refused before anything is written; those with the new one go on. */
async function onlyTheNewKey(store: TestStore, role: RoleName, fresh: TestKey): Promise<void> {
  if (role === 'root') return
  const before = await inspectStore(store.publishing)
  expect(await refusal(publish(store.publishing, orderOf('3')))).toMatch(
    /^credentials: root 3 wants 1 (release|timestamp) key/,
  )
  expect(await inspectStore(store.publishing)).toEqual(before)
  await publish({ ...store.publishing, [role]: [fresh] }, orderOf('3'))
  expect(await ask(newReader(store))).toBe('update 3')
}

test('a manifest that the old release key signs after its rotation holds up no refresh, and is named until it is gone', async () => {
  const store = await newStore()
  await publishOne(store, '2', { channel: 'beta' })
  await publishOne(store, '2')
  const fresh = await newKey('EdDSA')
  await rotating('release', fresh, store)(store.publishing)
  const writing = { ...store.publishing, release: [fresh] }
  await publish({ ...writing, timestamp: [] }, orderOf('3', { channel: 'beta' }))
  const late = await commitLate(store)
  store.time.now += 6 * day
  const { kind, problems } = await refresh(writing)
  expect([kind, problems]).toEqual(['refreshed', [expect.stringContaining(late)]])
  expect(store.log.at(-1)).toMatchObject({ level: 'error', event: 'refresh' })
  expect(await ask(newReader(store), { channel: 'beta' })).toBe('update 3')
  expect(await ask(newReader(store))).toBe('update 2')
  for (const channel of ['stable', 'beta'])
    expect(await refusal(publish(writing, orderOf('4', { channel })))).toContain(late)
  expect((await inspectStore(writing)).findings.map(({ level, key }) => [level, key])).toEqual([['error', late]])
  store.bucket.erase(late)
  await publish(writing, orderOf('4'))
  expect(await ask(newReader(store))).toBe('update 4')
})

/** What a publisher commits that read the store before the old key left. @returns the key of it. */
async function commitLate({ publishing, bucket, keys }: TestStore): Promise<string> {
  const head = await loadHead(publishing, await loadForWriting(publishing), { app, channel: 'stable' })
  const seq = (head?.manifest.seq ?? 0) + 1
  const manifest = { ...head?.manifest, seq, previous: head?.sha256 }
  const late = channelKey(app, 'stable', seq)
  await bucket.create(late, await seal('platte-channel+jws', bytesOf(manifest), keys.release))
  return late
}

test('a channel that was committed but never named is rotated too', async () => {
  const store = await newStore()
  await publish({ ...store.publishing, timestamp: [] }, orderOf('2'))
  const fresh = await newKey('EdDSA')
  const rotate = rotating('release', fresh, store)
  await rotate({ ...store.publishing, timestamp: [] })
  await refresh(store.publishing)
  expect(await ask(newReader(store))).toBe('update 2')
  await publish({ ...store.publishing, release: [fresh] }, orderOf('3'))
  expect(await ask(newReader(store))).toBe('update 3')
})

test.each(['release', 'timestamp'] as const)(
  'a catalog that waits for a refresh during a rotation of the %s key',
  async (role) => {
    const store = await newStore()
    await publishOne(store, '2')
    const fresh = await newKey('EdDSA')
    const offline = { ...store.publishing, timestamp: [] }
    const warm = newReader(store)
    const rotate = rotating(role, fresh, store)
    await refusal(rotate(offline))
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    await refresh({ ...store.publishing, timestamp: role === 'timestamp' ? [fresh] : store.keys.timestamp })
    await rotate(offline)
    await refresh({ ...store.publishing, timestamp: role === 'timestamp' ? [fresh] : store.keys.timestamp })
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    expect((await loadRoot(store.publishing)).root.roles[role].keyIds).toEqual([fresh.keyId])
    expect(await errorsOf(store)).toEqual([])
  },
)

test('a fault is a PlatteError like any other: the table would not notice a defect otherwise', async () => {
  const store = await newStore()
  const { documents } = faulty(store.publishing, { at: 1, face: 'kill-before' })
  await expect(documents.create('a', bytesOf('a'))).rejects.toThrow(PlatteError)
  await expect(documents.get('a', 10)).rejects.toThrow(PlatteError)
  expect(await store.bucket.get('a', 10)).toBeUndefined()
})
