import { describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { publish } from '../../src/channels/publish.ts'
import { catalogKey, channelKey, notesKey, rootKey } from '../../src/documents/paths.ts'
import { isoText } from '../../src/kernel/format.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { seal } from '../../src/trust/envelope.ts'
import { editChannel } from '../changes.ts'
import { payloadText } from '../payloads.ts'
import {
  app,
  ask,
  bytesOf,
  day,
  newReader,
  newStore,
  now,
  orderOf,
  publishOne,
  refusal,
  sourceOf,
  type TestStore,
} from '../world.ts'

const stable = (seq: number): string => channelKey(app, 'stable', seq)
const notes = bytesOf('# Version 3')

interface Scene extends TestStore {
  readonly notes: string
  /** Of version 3. */
  readonly package: string
}

/** Three manifests of `stable`, one of `beta`, notes, three packages and a second root. */
async function scene(): Promise<Scene> {
  const store = await newStore()
  await publishOne(store, '1')
  await publishOne(store, '2')
  await publishOne(store, '2', { channel: 'beta' })
  await publishOne(store, '3', { notes })
  const edited = await editRoot(await loadRoot(store.publisher), {}, isoText(now))
  await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(edited), store.keys.root))
  await refresh(store.publisher)
  const keys = []
  for await (const key of store.packages.list?.(`packages/${app}/3/`) ?? []) keys.push(key)
  return { ...store, notes: notesKey(await sha256Hex(notes)), package: keys[0] ?? '' }
}

const findings = async ({ publisher }: TestStore) =>
  (await inspectStore(publisher)).findings.map(({ level, key }) => `${level} ${key}`)

const flip = (at: number) => (bytes: Uint8Array) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
const change =
  (key: string, edit: (bytes: Uint8Array) => Uint8Array) =>
  async ({ bucket }: TestStore) =>
    bucket.overwrite(key, edit(await bucket.read(key)))

async function replacePackage({ packages }: TestStore, key: string, text: string): Promise<void> {
  await packages.remove(key)
  const source = sourceOf('x', text)
  await packages.put(key, source.open(), { size: source.size, sha256: await sha256Hex(bytesOf(text)) })
}

test('an intact store has no findings', async () => {
  const store = await scene()
  expect(await inspectStore(store.publisher)).toEqual({
    unchecked: [],
    findings: [],
    channels: 2,
    manifests: 4,
    packages: 3,
  })
})

type Damage = (store: Scene) => Promise<unknown> | unknown

/** What was done, the keys that are named, and what a new reader says to a machine of version 2. */
const rows: readonly (readonly [string, Damage, (store: Scene) => string[], string])[] = [
  ['the current manifest: one byte', change(stable(3), flip(40)), () => [`error ${stable(3)}`], 'unverifiable'],
  [
    'the current manifest: its last byte',
    (s) => change(stable(3), (b) => flip(b.length - 1)(b))(s),
    () => [`error ${stable(3)}`],
    'unverifiable',
  ],
  [
    'the current manifest: cut short',
    change(stable(3), (b) => b.slice(0, 100)),
    () => [`error ${stable(3)}`],
    'unverifiable',
  ],
  [
    'the current manifest: longer',
    change(stable(3), (b) => bytesOf(`${Buffer.from(b)}\n`)),
    () => [`error ${stable(3)}`],
    'unverifiable',
  ],
  [
    'the current manifest: empty',
    change(stable(3), () => new Uint8Array()),
    () => [`error ${stable(3)}`],
    'unverifiable',
  ],
  ['the current manifest: gone', ({ bucket }) => bucket.erase(stable(3)), () => [`error ${stable(3)}`], 'not-mirrored'],
  [
    'the current manifest: an earlier one',
    async (s) => s.bucket.overwrite(stable(3), await s.bucket.read(stable(2))),
    () => [`error ${stable(3)}`],
    'unverifiable',
  ],
  [
    "the current manifest: another channel's",
    async (s) => s.bucket.overwrite(stable(3), await s.bucket.read(channelKey(app, 'beta', 1))),
    () => [`error ${stable(3)}`],
    'unverifiable',
  ],
  ['a past manifest: one byte', change(stable(2), flip(40)), () => [`error ${stable(2)}`], 'update 3'],
  ['a past manifest: cut short', change(stable(1), (b) => b.slice(0, 100)), () => [`error ${stable(1)}`], 'update 3'],
  ['a past manifest: gone', ({ bucket }) => bucket.erase(stable(2)), () => [`error ${stable(2)}`], 'update 3'],
  ['a next manifest that follows another one', forkNext, () => [`error ${stable(4)}`], 'update 3'],
  ["two past manifests in each other's place", swapPast, () => [`error ${stable(2)}`], 'update 3'],
  [
    'a package: one byte',
    (s) => replacePackage(s, s.package, payloadText('CrAU 4 amd64-usr')),
    (s) => [`error ${s.package}`],
    'update 3',
  ],
  [
    'a package: cut short',
    (s) => replacePackage(s, s.package, payloadText()),
    (s) => [`error ${s.package}`],
    'update 3',
  ],
  ['a package: gone', (s) => s.packages.remove(s.package), (s) => [`error ${s.package}`], 'update 3'],
  ['notes: one byte', (s) => change(s.notes, flip(3))(s), (s) => [`error ${s.notes}`], 'update 3'],
  ['notes: gone', (s) => s.bucket.erase(s.notes), (s) => [`error ${s.notes}`], 'update 3'],
  [
    'a package that nothing names',
    (s) => replacePackage(s, 'packages/x/1/y/z/a.gz', 'x'),
    () => ['note packages/x/1/y/z/a.gz'],
    'update 3',
  ],
  ['notes that nothing names', ({ bucket }) => bucket.create('notes/x', notes), () => ['note notes/x'], 'update 3'],
  ['a root far ahead', ({ bucket }) => bucket.create(rootKey(9), notes), () => [`note ${rootKey(9)}`], 'update 3'],
  [
    'a manifest of a channel that is in no catalog',
    ({ bucket }) => bucket.create(channelKey(app, 'gone', 1), notes),
    () => [`note ${channelKey(app, 'gone', 1)}`],
    'update 3',
  ],
  ['a manifest far ahead', ({ bucket }) => bucket.create(stable(7), notes), () => [`note ${stable(7)}`], 'update 3'],
  [
    'an invalid next manifest',
    ({ bucket }) => bucket.create(stable(4), notes),
    () => [`error ${stable(4)}`],
    'update 3',
  ],
]

/** What the release key can do with a copy of the store from before. */
async function forkNext({ bucket, keys }: TestStore): Promise<void> {
  const manifest = { format: 1, type: 'channel', app, channel: 'stable', seq: 4, previous: 'a'.repeat(64) }
  const payload = bytesOf({ ...manifest, issuedAt: isoText(now), releases: [] })
  await bucket.create(stable(4), await seal('platte-channel+jws', payload, keys.release))
}

async function swapPast({ bucket }: TestStore): Promise<void> {
  const [one, two] = [await bucket.read(stable(1)), await bucket.read(stable(2))]
  await bucket.overwrite(stable(1), two)
  await bucket.overwrite(stable(2), one)
}

describe('a changed object is reported, and no other', () => {
  test.each(rows)('%s', async (_, damage, want, answer) => {
    const store = await scene()
    await damage(store)
    const found = await findings(store)
    expect(found).toEqual(want(store))
    expect(await ask(newReader(store), { version: '2' })).toBe(answer)
    expect(await ask(newReader(store), { channel: 'beta' })).toBe('update 2')
  })
})

describe('without a verifiable root or catalog, nothing else is reported', () => {
  test.each<[string, Damage, RegExp]>([
    ['the pinned root: one byte', change(rootKey(1), flip(40)), /^mismatch: root\/1\.jws: /],
    ['the pinned root: gone', ({ bucket }) => bucket.erase(rootKey(1)), /^missing: root\/1\.jws, which the pin names/],
    ['the next root: one byte', change(rootKey(2), flip(40)), /^bad-signature: root\/2\.jws: /],
    [
      'the next root: the first',
      async (s) => s.bucket.overwrite(rootKey(2), await s.bucket.read(rootKey(1))),
      /^rollback: root\/2\.jws: /,
    ],
    ['the catalog: one byte', change(catalogKey, flip(40)), /^bad-signature: catalog: /],
    ['the catalog: cut short', change(catalogKey, (b) => b.slice(0, 100)), /^bad-signature: catalog: /],
    ['the catalog: gone', ({ bucket }) => bucket.erase(catalogKey), /^missing: catalog\.jws is not in the store/],
    [
      'the catalog: a manifest',
      async (s) => s.bucket.overwrite(catalogKey, await s.bucket.read(stable(1))),
      /^(bad-signature|bad-document): catalog: /,
    ],
  ])('%s', async (_, damage, want) => {
    const store = await scene()
    await damage(store)
    expect(await refusal(inspectStore(store.publisher))).toMatch(want)
    expect(await ask(newReader(store))).toBe('unverifiable')
  })
})

test('a lost root is an error, and readers go on if the root before it verifies the catalog', async () => {
  const store = await scene()
  store.bucket.erase(rootKey(2))
  expect(await refusal(inspectStore(store.publisher))).toMatch(/^missing: .* root\/2\.jws is not in the store/)
  expect(await ask(newReader(store))).toBe('update 3')
})

test('roots before that of the pin: a mirror has none of them, and one in between is lost', async () => {
  const store = await scene()
  const { root, sha256 } = await loadRoot(store.publisher)
  expect(root.version).toBe(2)
  const pinned = { ...store.publisher, pin: { version: 2, sha256 } }
  expect((await inspectStore(pinned)).findings).toEqual([])
  store.bucket.erase(rootKey(1))
  const problem = 'is not here: readers whose pin is before root 2 cannot start'
  expect((await inspectStore(pinned)).findings).toEqual([{ level: 'note', key: rootKey(1), problem }])
})

test('a rolled-back catalog: later commits are noted, and readers with a mark do not go back', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const old = await store.bucket.read(catalogKey)
  await publishOne(store, '3')
  const warm = newReader(store)
  expect(await ask(warm)).toBe('update 3')
  await store.bucket.overwrite(catalogKey, old)
  store.time.now += 60_000
  expect(await ask(warm)).toBe('update 3')
  expect(await inspectStore(store.publisher)).toMatchObject({
    findings: [{ level: 'note', key: stable(2), problem: 'is committed and waits for a refresh' }],
    manifests: 2,
    packages: 2,
  })
  await refresh(store.publisher)
  expect(await findings(store)).toEqual([])
  expect(await ask(newReader(store))).toBe('update 3')
})

test('an expired catalog is an error of the catalog, and everything else is still checked', async () => {
  const store = await scene()
  store.time.now += 20 * day
  expect(await inspectStore(store.publisher)).toMatchObject({
    findings: [{ level: 'error', key: catalogKey, problem: expect.stringContaining('expired at') }],
    ...{ channels: 2, manifests: 4, packages: 3 },
  })
})

test('a SHA-1 that differs from the package: Omaha clients would get it', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  await commitChannel(store.publisher, { app, channel: 'stable' }, (current) => {
    const text = JSON.stringify(current.releases).replace(/"sha1":"[0-9a-f]{40}"/, `"sha1":"${'0'.repeat(40)}"`)
    return { ...current, releases: JSON.parse(text) }
  })
  await refresh(store.publisher)
  const { findings } = await inspectStore(store.publisher)
  expect(findings).toMatchObject([{ level: 'error', problem: expect.stringMatching(/^its SHA-1 is/) }])
})

test('a chain broken after the catalog is not moved forward', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const { bucket, keys, publisher } = store
  const manifest = { format: 1, type: 'channel', app, channel: 'stable', issuedAt: isoText(now), releases: [] }
  let previous = 'a'.repeat(64)
  for (const seq of [2, 3]) {
    const bytes = await seal('platte-channel+jws', bytesOf({ ...manifest, seq, previous }), keys.release)
    await bucket.create(stable(seq), bytes)
    previous = await sha256Hex(bytes)
  }
  const problem = `${stable(2)}: does not follow the manifest before it`
  expect(await refresh(publisher, { force: true })).toMatchObject({ rolled: [], problems: [problem] })
  expect(await refusal(publishOne(store, '3'))).toBe(`fork: ${problem}`)
  expect((await inspectStore(publisher)).findings).toMatchObject([
    { level: 'error', key: stable(2) },
    { level: 'note' },
  ])
  expect(await ask(newReader(store))).toBe('update 2')
})

test('progress names packages before they are read, and counts every byte', async () => {
  const store = await scene()
  const seen: string[] = []
  let bytes = 0
  await inspectStore({
    ...store.publisher,
    newHasher: nodeHasher,
    onPackage: ({ name, size }) => {
      seen.push(name)
      const add = (more: number): void => {
        bytes += more
      }
      return { add, end: () => add(-size) }
    },
  })
  expect([seen.length, bytes]).toEqual([3, 0])
})

test('a store without lists is checked without orphans, and the report notes it', async () => {
  const store = await scene()
  await publish({ ...store.publisher, timestamp: [] }, orderOf('4'))
  await store.bucket.create('notes/x', notes)
  const { list: _, ...documents } = store.publisher.documents
  const { findings, unchecked } = await inspectStore({ ...store.publisher, documents })
  expect(findings).toMatchObject([{ level: 'note', key: stable(4) }])
  expect(unchecked).toEqual([expect.stringContaining('cannot be listed')])
  expect((await inspectStore(store.publisher)).unchecked).toEqual([])
})

test('a floor that keeps machines back by ramp or target is a note', async () => {
  const store = await scene()
  const floor = { reason: 'why' }
  await editChannel(store.publisher, { app, channel: 'stable' }, (one) => ({
    ...one,
    releases: one.releases.map((release) => ({
      ...release,
      floor,
      ...(release.version === '1' && { target: { oem: { not: ['pxe'] } } }),
      ...(release.version === '2' && { ramp: [{ at: '2020-01-01T00:00:00Z', share: 0.25 }] }),
    })),
  }))
  const found = (await inspectStore(store.publisher)).findings
  expect(found.map(({ level, problem }) => `${level}: ${problem}`)).toEqual([
    'note: floor 2 is offered to 25 % of machines: the others stay below it',
    'note: floor 1 has a target: machines that it refuses stay below the floor',
  ])
})
