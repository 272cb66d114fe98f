/** Format 2: what deciding does not need of a release is in a document of its own, and everything works as before. */
import { beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { ttlMs } from '../../src/catalog/cache.ts'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { channelHistory } from '../../src/catalog/history.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { summarise } from '../../src/catalog/summary.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { planPublish } from '../../src/channels/publish.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { channelKey, detailsKey, notesKey } from '../../src/documents/paths.ts'
import { isoText } from '../../src/kernel/format.ts'
import { type BoardPackages, isDetailed, type Release } from '../../src/release/channel.ts'
import type { Documents } from '../../src/store/documents.ts'
import { seal } from '../../src/trust/envelope.ts'
import { editChannel, execute, followChannel, holdRelease, promote, pruneChannel, renameChannel } from '../changes.ts'
import { everyFault, withFault } from '../faults/scene.ts'
import {
  app,
  ask,
  bytesOf,
  forgeCatalog,
  keys,
  newReader,
  newStore,
  orderOf,
  publishOne,
  refusal,
  sourceOf,
  type TestStore,
  watched,
} from '../world.ts'

const stable = { app, channel: 'stable' }
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of items) found.push(one)
  return found
}
const described = {
  notes: bytesOf('# 2\n'),
  components: { kernel: '6.12.102' },
  cves: ['CVE-2026-1234'],
  sources: [sourceOf('update.gz', 'CrAU 2'), sourceOf('oem.gz', 'oem 2')],
} as const
let store: TestStore
beforeEach(async () => {
  store = await newStore({ format: 2 })
})

const headOf = async (channel = 'stable', one = store) => {
  const head = await loadHead(one.publisher, await loadForWriting(one.publisher), { app, channel })
  if (head === undefined) throw new Error(`there is no ${channel}`)
  return head.manifest
}
const releaseOf = async (version: string, channel?: string): Promise<Release> => {
  const found = (await headOf(channel)).releases.find((one) => one.version === version)
  if (found === undefined) throw new Error(`there is no ${version}`)
  return found
}
const keyOf = async (version: string, channel?: string): Promise<string> =>
  detailsKey((await releaseOf(version, channel)).details?.sha256 ?? '')
const documentOf = async (version: string) =>
  JSON.parse(Buffer.from(await store.bucket.read(await keyOf(version))).toString())

/** The packages that a machine gets, or why none. */
async function packagesFor(reader = newReader(store), version = '1'): Promise<BoardPackages | string> {
  const found = await checkForUpdate(reader, { ...stable, version, board: 'amd64-usr' })
  return found.kind === 'update' ? found.packages : found.reason
}

const allowFormat2 = async ({ publisher }: TestStore): Promise<void> => {
  const next = await editRoot(await loadRoot(publisher), { format: 2 }, isoText(publisher.clock()))
  await publishRoot(publisher, await seal('platte-root+jws', bytesOf(next), keys.root))
}

describe('publishing', () => {
  test('names the document, and machines get the packages', async () => {
    await publishOne(store, '1')
    await publishOne(store, '2', described)
    const { details, boards, ...others } = await releaseOf('2')
    expect(others).toEqual({ version: '2', publishedAt: expect.any(String) })
    expect(boards).toEqual({ 'amd64-usr': expect.stringMatching(/^[0-9a-f]{32}$/) })
    expect((await headOf()).format).toBe(2)
    const { notes, ...document } = await documentOf('2')
    expect(document).toMatchObject({ format: 2, type: 'details', app, version: '2', cves: described.cves })
    expect((await store.bucket.read(notesKey(notes.sha256))).length).toBe(notes.size)
    expect((await store.bucket.read(await keyOf('2'))).length).toBe(details?.size)
    expect(await packagesFor()).toEqual(document.boards['amd64-usr'])
  })

  test('again changes nothing, with other bytes it is refused, and another board makes a new document', async () => {
    await publishOne(store, '2', described)
    expect(await publishOne(store, '2', described)).toMatchObject({ kind: 'unchanged', seq: 1 })
    expect(
      await refusal(publishOne(store, '2', { channel: 'beta', sources: [sourceOf('update.gz', 'CrAU x')] })),
    ).toMatch(/^refused: 2 for amd64-usr is already in channel stable, with other bytes/)
    expect(await refusal(publishOne(store, '2', { ...described, cves: ['CVE-2026-9999'] }))).toMatch(/other cves/)
    const before = await keyOf('2')
    await publishOne(store, '2', { board: 'arm64-usr' })
    expect(await keyOf('2')).not.toBe(before)
    expect(await documentOf('2')).toMatchObject({ cves: described.cves, components: described.components })
    expect(Object.keys((await documentOf('2')).boards)).toEqual(['amd64-usr', 'arm64-usr'])
    // The chain of manifests still names the first one.
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], packages: 3 })
  })

  test('with --replace takes other bytes of a release that was held', async () => {
    await publishOne(store, '2', { held: 'wait' })
    const sources = [sourceOf('update.gz', 'CrAU other')] as const
    expect(await refusal(publishOne(store, '2', { sources }))).toMatch(/other bytes/)
    expect(await publishOne(store, '2', { sources, replace: true })).toMatchObject({ kind: 'published', seq: 2 })
    expect((await documentOf('2')).boards['amd64-usr'].packages[0].size).toBe(sources[0].size)
  })

  test('a plan writes nothing', async () => {
    await publishOne(store, '1')
    const keysOf = async () => all(store.bucket.list(''))
    const before = await keysOf()
    expect(await planPublish(store.publisher, orderOf('2'))).toMatchObject({ kind: 'dry-run', seq: 2 })
    expect(await keysOf()).toEqual(before)
  })

  test('packages elsewhere stay elsewhere', async () => {
    const codebases = ['https://example.org/2/']
    await publishOne(store, '2', { codebases })
    expect(await releaseOf('2')).toMatchObject({ boards: { 'amd64-usr': 'elsewhere' } })
    expect(await packagesFor()).toMatchObject({ codebases })
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], packages: 0 })
  })

  test.each(everyFault(5))('write $at $face leaves the old state or the new one', async (fault) => {
    await publishOne(store, '1')
    const warm = newReader(store)
    await ask(warm)
    expect(await withFault(store, fault, (writer) => publishOne({ publisher: writer }, '2', described))).not.toBe('')
    for (const reader of [warm, newReader(store)]) expect(await ask(reader)).toMatch(/^(update 2|up-to-date)$/)
    expect((await inspectStore(store.publisher)).findings.filter(({ level }) => level === 'error')).toEqual([])
    await publishOne(store, '2', described)
    expect(await ask(newReader(store))).toBe('update 2')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], manifests: 2, packages: 3 })
  })

  test('the document is there before the manifest, and both before the catalog', async () => {
    const written: string[] = []
    const documents: Documents = {
      ...store.bucket,
      create: async (key, bytes) => {
        written.push(key.replace(/[0-9a-f]{64}/, '…'))
        return store.bucket.create(key, bytes)
      },
    }
    await publishOne({ publisher: { ...store.publisher, documents } }, '2', described)
    expect(written).toEqual(['notes/…', 'notes/releases/…', channelKey(app, 'stable', 1)])
  })
})

describe('the commands of operators', () => {
  beforeEach(async () => {
    for (const version of ['1', '2', '3']) await publishOne(store, version, { channel: 'alpha' })
    await execute(store.publisher, 'floor', { app, channel: 'alpha', version: '2', reason: 'disk' })
  })

  test('promoting shares the document, also of floors that come along', async () => {
    await promote(store.publisher, { app, version: '1', from: 'alpha', to: 'stable', boards: ['amd64-usr'] }).catch(
      () => {},
    )
    await publishOne(store, '1')
    const three = { app, version: '3', from: 'alpha', to: 'stable' }
    expect(await refusal(promote(store.publisher, three))).toMatch(/2 is a floor of alpha/)
    await promote(store.publisher, { ...three, withFloors: true })
    for (const version of ['1', '2', '3']) expect(await keyOf(version)).toBe(await keyOf(version, 'alpha'))
    expect(await ask(newReader(store), { version: '0' })).toBe('update 2')
    expect(await ask(newReader(store), { version: '2' })).toBe('update 3')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], packages: 3 })
  })

  test('brakes, follow, rename and history read no packages', async () => {
    const { documents, reads } = watched(store.publisher.documents)
    const writer = { ...store.publisher, documents }
    const alpha = { app, channel: 'alpha' }
    await execute(writer, 'withdraw', { ...alpha, version: '3', reason: 'loops' })
    await execute(writer, 'withdraw', { ...alpha, version: '3', undo: true })
    await holdRelease(writer, alpha, { version: '3', reason: 'wait' })
    await execute(writer, 'channel-create', { app, channel: 'late' })
    await followChannel(writer, { app, channel: 'late' }, { channel: 'alpha' })
    expect(await ask(newReader(store), { channel: 'late', version: '2' })).toBe('held')
    await followChannel(writer, { app, channel: 'late' }, undefined)
    await renameChannel(writer, alpha, 'edge')
    expect(reads.filter((key) => key.startsWith('notes/'))).toEqual([])
    expect(await ask(newReader(store), { channel: 'alpha', version: '1' })).toBe('update 2')
    const [moved, first] = await all(channelHistory(store.publisher, { app, channel: 'edge' }))
    expect(moved?.changes).toEqual([{ what: 'hold of 3', to: 'wait' }])
    expect(first?.changes.map(({ what, to }) => [what, to])).toContainEqual([
      'amd64-usr',
      expect.stringMatching(/^update.gz \d+$/),
    ])
  })

  test('prune removes the packages of releases that nothing names, and keeps their details', async () => {
    for (const version of ['4', '5', '6']) await publishOne(store, version, { channel: 'alpha' })
    const key = await keyOf('4', 'alpha')
    const { documents, reads } = watched(store.publisher.documents)
    const { packages } = await pruneChannel({ ...store.publisher, documents }, { app, channel: 'alpha' }, { keep: 1 })
    expect(packages.map((one) => one.key.split('/')[2])).toEqual(['5', '4', '3', '1'])
    // Only of what goes.
    expect(new Set(reads.filter((one) => one.startsWith('notes/'))).size).toBe(4)
    expect(await store.bucket.get(key, 1e6)).toBeDefined()
    expect((await inspectStore(store.publisher)).findings).toEqual([])
  })

  test('show names packages and components of a channel', async () => {
    await publishOne(store, '7', { ...described, channel: 'alpha', skipFloors: true })
    const { channels } = await summarise(store.publisher, { app, channel: 'alpha' })
    expect(channels[0]?.boards[0]).toMatchObject({ components: described.components })
    expect(channels[0]?.releases[0]).toMatchObject({
      boards: { 'amd64-usr': { packages: [{ name: 'update.gz' }, {}] } },
    })
  })
})

describe('a store of format 1', () => {
  beforeEach(async () => {
    store = await newStore()
    await publishOne(store, '1')
    await publishOne(store, '2', described)
  })

  test('has all in the manifest, and no such documents', async () => {
    await execute(store.publisher, 'withdraw', { ...stable, version: '2', reason: 'loops' })
    expect((await headOf()).format).toBe(1)
    expect((await headOf()).releases.every(isDetailed)).toBe(true)
    expect(await all(store.bucket.list('notes/releases/'))).toEqual([])
  })

  test('moves with the first change after format 2 is allowed; its history shows that change alone', async () => {
    await allowFormat2(store)
    expect(await packagesFor()).toMatchObject({ packages: [{ name: 'update.gz' }, { name: 'oem.gz' }] })
    expect((await headOf()).format).toBe(1)
    const withdrawn = await execute(store.publisher, 'withdraw', { ...stable, version: '1', reason: 'old' })
    expect(withdrawn.changes.map(({ what }) => what)).toEqual(['withdrawn'])
    const { releases, format } = await headOf()
    expect([format, releases.some(isDetailed)]).toEqual([2, false])
    expect(await packagesFor()).toMatchObject({ packages: [{ name: 'update.gz' }, { name: 'oem.gz' }] })
    const history = await all(channelHistory(store.publisher, stable))
    expect(history.map(({ changes }) => changes.map(({ what }) => what))).toEqual([
      ['withdrawn'],
      ['amd64-usr', 'components', 'cves', 'notes'],
      ['amd64-usr'],
    ])
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], manifests: 3 })
    expect(await publishOne(store, '2', described)).toMatchObject({ kind: 'unchanged' })
  })

  test('is refused a release with a document of its own', async () => {
    const other = await newStore({ format: 2 })
    await publishOne(other, '9')
    const [moved] = (await headOf('stable', other)).releases
    const add = editChannel(store.publisher, stable, (one) => ({
      ...one,
      releases: moved ? [moved, ...one.releases] : [],
    }))
    expect(await refusal(add)).toMatch(/^refused: a release with details in a document of their own needs format 2/)
  })
})

describe('details that are wrong', () => {
  let key: string
  let bytes: Uint8Array
  beforeEach(async () => {
    await publishOne(store, '1')
    await publishOne(store, '2', described)
    key = await keyOf('2')
    bytes = await store.bucket.read(key)
  })

  test.each<[string, (bytes: Uint8Array, other: Uint8Array) => Uint8Array | undefined]>([
    ['missing', () => undefined],
    ['empty', () => new Uint8Array()],
    ['of other bytes', (bytes) => bytes.with(200, 120)],
    [
      'with another CVE',
      (bytes) => bytesOf(JSON.parse(Buffer.from(bytes).toString().replace('2026-1234', '2026-1235'))),
    ],
    ['longer', (bytes) => new Uint8Array([...bytes, 10])],
    ['very long', () => new Uint8Array(9e6)],
    ['of another release', (_, other) => other],
  ])('%s: not-mirrored, until they are there', async (_, damage) => {
    const damaged = damage(bytes, await store.bucket.read(await keyOf('1')))
    if (damaged) await store.bucket.overwrite(key, damaged)
    else store.bucket.erase(key)
    const reader = newReader(store)
    expect(await packagesFor(reader)).toBe('not-mirrored')
    expect(await packagesFor(reader, '2')).toBe('up-to-date')
    expect(store.log).toContainEqual(expect.objectContaining({ level: 'error', event: 'details', version: '2' }))
    const { findings } = await inspectStore(store.publisher)
    expect(findings.filter(({ level }) => level === 'error').map((one) => one.key)).toEqual([key])
    await store.bucket.overwrite(key, bytes)
    expect(await packagesFor(reader)).toBe('not-mirrored')
    store.time.now += ttlMs
    expect(await packagesFor(reader)).toMatchObject({ packages: [{ name: 'update.gz' }, { name: 'oem.gz' }] })
  })

  test('a store that fails or hangs: store-unavailable, and what is known goes on', async () => {
    const { documents, hook } = watched(store.publisher.documents)
    const warm = newReader(store, { documents })
    const known = await packagesFor(warm)
    hook.onGet = (one) => (one === key ? Promise.reject(new Error('a defect')) : undefined)
    expect(await packagesFor(newReader(store, { documents }))).toBe('not-mirrored')
    hook.onGet = (one) => (one === key ? new Promise(() => {}) : undefined)
    const cold = newReader(store, { documents })
    expect(await packagesFor({ ...cold, cache: { ...cold.cache, waitMs: 20 } })).toBe('store-unavailable')
    expect(await packagesFor(warm)).toBe(known)
  })

  /** What the holder of the release key may sign by mistake. */
  const forge = async (edit: (document: Record<string, unknown>) => unknown): Promise<void> => {
    const document = bytesOf(edit(JSON.parse(Buffer.from(bytes).toString())))
    const sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', document as Uint8Array<ArrayBuffer>)).toString(
      'hex',
    )
    await store.bucket.create(detailsKey(sha256), document)
    const manifest = await headOf()
    const releases = manifest.releases.map((one) =>
      one.version === '2' ? { ...one, details: { sha256, size: document.length } } : one,
    )
    const envelope = await seal('platte-channel+jws', bytesOf({ ...manifest, releases }), keys.release)
    const at = channelKey(app, 'stable', manifest.seq)
    await store.bucket.overwrite(at, envelope)
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', envelope)).toString('hex')
    await forgeCatalog(store, (catalog) => {
      const channels = catalog.apps[app]?.channels ?? {}
      const entry = { ...channels.stable, sha256: digest, size: envelope.length }
      return { ...catalog, apps: { [app]: { channels: { ...channels, stable: entry } } } }
    })
  }

  test.each<[string, (document: Record<string, unknown>) => unknown, string]>([
    ['unchanged', (one) => one, 'offered'],
    ['another version', (one) => ({ ...one, version: '3' }), 'not-mirrored'],
    ['another app', (one) => ({ ...one, app: 'other' }), 'not-mirrored'],
    ['no board', (one) => ({ ...one, boards: {} }), 'not-mirrored'],
    [
      'another board',
      (one) => ({ ...one, boards: { 'arm64-usr': Object.values(one.boards as object)[0] } }),
      'not-mirrored',
    ],
    [
      'one board more',
      (one) => ({ ...one, boards: { ...(one.boards as object), any: Object.values(one.boards as object)[0] } }),
      'not-mirrored',
    ],
    ['an unknown member', (one) => ({ ...one, more: 1 }), 'not-mirrored'],
    ['a reserved name', (one) => JSON.parse(JSON.stringify(one).replace('"amd64-usr"', '"__proto__"')), 'not-mirrored'],
    ['other packages', (one) => JSON.parse(JSON.stringify(one).replaceAll('oem.gz', 'oen.gz')), 'not-mirrored'],
    ['no JSON', () => 'text', 'not-mirrored'],
    ['null', () => null, 'not-mirrored'],
  ])('signed with %s: %s', async (_, edit, want) => {
    await forge(edit)
    const got = await packagesFor()
    expect(typeof got === 'string' ? got : 'offered').toBe(want)
  })
})
