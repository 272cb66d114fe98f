/** A mirror over stores of this process: what is copied, in which order, and that every pass can die anywhere. */
import { describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { catalogKey, channelKey, missingKey, rootKey } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { isoText } from '../../src/kernel/format.ts'
import { type MirrorMemory, mirror } from '../../src/mirroring/mirror.ts'
import type { MirrorOptions } from '../../src/mirroring/mirror-pass.ts'
import { metered } from '../../src/mirroring/step.ts'
import { withField } from '../../src/release/edits.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { seal } from '../../src/trust/envelope.ts'
import { describeChannel, editChannel, followChannel } from '../changes.ts'
import { faultsOf, faultyDocuments, faultyPackages } from '../faults/faulty.ts'
import { everyFault } from '../faults/scene.ts'
import { memoryPackages } from '../memory.ts'
import {
  app,
  ask,
  type Bucket,
  bytesOf,
  day,
  minute,
  newReader,
  newStore,
  publishOne,
  refusal,
  sourceOf,
  type TestStore,
  watched,
} from '../world.ts'

/** An upstream with two channels and some history, and an empty store beside it. */
async function scene() {
  const origin = await newStore()
  await publishOne(origin, '1', { notes: bytesOf('# One') })
  await publishOne(origin, '2', { sources: [sourceOf('update.gz', 'CrAU 2'), sourceOf('oem.gz', 'oem 2')] })
  await publishOne(origin, '1', { channel: 'beta' })
  const { bucket } = await newStore()
  for (const key of ['root/1.jws', catalogKey]) bucket.erase(key)
  return { origin, ...mirrorOf(origin, bucket) }
}

function mirrorOf(origin: TestStore, bucket: Bucket, packages = memoryPackages(nodeHasher)) {
  const seen = watched(origin.bucket)
  const own = { ...origin.publisher, documents: bucket, packages }
  const mirroring = { from: { ...origin.publisher, documents: seen.documents }, to: { documents: bucket, packages } }
  return { bucket, own, mirroring, reads: seen.reads }
}

const all: MirrorOptions = { packages: 'all' }
const keysOf = async (bucket: Bucket): Promise<string[]> => {
  const keys: string[] = []
  for await (const key of bucket.list('')) keys.push(key)
  return keys
}

test('everything is copied byte for byte, and verifies like the origin', async () => {
  const { origin, bucket, own, mirroring } = await scene()
  const result = await mirror(mirroring, all)
  expect(result).toMatchObject({ kind: 'mirrored', documents: 5, packages: 3, absent: [] })
  for (const key of await keysOf(origin.bucket)) expect(await bucket.read(key)).toEqual(await origin.bucket.read(key))
  expect(await inspectStore(own)).toMatchObject({ findings: [], channels: 2, manifests: 3, packages: 3 })
  expect(await ask(newReader({ publisher: own }))).toBe('update 2')
})

test('a new release is copied with the minimum of requests; no change costs one', async () => {
  const { origin, own, mirroring, reads } = await scene()
  const memory: MirrorMemory = {}
  await mirror(mirroring, all, memory)
  reads.length = 0
  expect(await mirror(mirroring, all, memory)).toMatchObject({ kind: 'unchanged', documents: 0, packages: 0 })
  expect(reads).toEqual([catalogKey])
  origin.time.now += minute
  await publishOne(origin, '3')
  reads.length = 0
  expect(await mirror(mirroring, all, memory)).toMatchObject({ kind: 'mirrored', documents: 1, packages: 1 })
  expect(reads).toEqual([catalogKey, rootKey(2), channelKey(app, 'stable', 3)])
  expect(await ask(newReader({ publisher: own }))).toBe('update 3')
})

test('the list of what lacks is written now and then, not for each package', async () => {
  const { origin, bucket, mirroring } = await scene()
  for (let i = 3; i < 63; i++) await publishOne(origin, String(i))
  let written = 0
  const swap: Bucket['swap'] = async (key, ...state) => {
    if (key === missingKey) written++
    return bucket.swap(key, ...state)
  }
  await mirror({ ...mirroring, to: { ...mirroring.to, documents: { ...bucket, swap } } }, all)
  expect(written).toBeGreaterThan(0)
  expect(written).toBeLessThan(30)
  expect(JSON.parse(Buffer.from(await bucket.read(missingKey)).toString())).toMatchObject({ missing: [] })
})

test('of a refreshed catalog without changes, only the catalog is copied', async () => {
  const { origin, bucket, mirroring, reads } = await scene()
  await mirror(mirroring, all)
  origin.time.now += 6 * day
  await refresh(origin.publisher)
  reads.length = 0
  expect(await mirror(mirroring, all)).toMatchObject({ kind: 'mirrored', documents: 0, packages: 0 })
  expect(reads).toEqual([catalogKey, rootKey(2)])
  expect(await bucket.read(catalogKey)).toEqual(await origin.bucket.read(catalogKey))
})

test('only the named channels are copied; others answer not-mirrored, and can be added later', async () => {
  const { own, mirroring } = await scene()
  await mirror(mirroring, { packages: 'all', channels: ['beta'] })
  const reader = newReader({ publisher: own })
  expect([await ask(reader), await ask(reader, { channel: 'beta', version: '0' })]).toEqual([
    'not-mirrored',
    'update 1',
  ])
  expect(await refusal(mirror(mirroring, { packages: 'all', channels: ['edge'] }))).toMatch(/^refused: .*"edge"/)
  await mirror(mirroring, { packages: 'all', channels: [`${app}/stable`] })
  expect(await ask(newReader({ publisher: own }))).toBe('update 2')
})

test.each([
  ['none', []],
  ['current', ['/2/', '/2/']],
  ['all', ['/1/', '/2/', '/2/']],
] as const)('packages %s', async (packages, wanted) => {
  const { own, mirroring } = await scene()
  await mirror(mirroring, { packages, channels: ['stable'] })
  const keys: string[] = []
  for await (const key of own.packages.list?.('packages/') ?? []) keys.push(key)
  expect(keys.map((key) => /\/[12]\//.exec(key)?.[0])).toEqual(wanted)
  await mirror(mirroring, all)
  expect((await inspectStore(own)).findings).toEqual([])
})

test('a follower brings its source, with the releases that it may still offer', async () => {
  const { origin, own, mirroring } = await scene()
  const later = { app, channel: 'later' }
  await describeChannel(origin.publisher, later, {}, { create: true })
  await followChannel(origin.publisher, later, { channel: 'stable', after: 'P7D' })
  await mirror(mirroring, { packages: 'current', channels: ['later'] })
  const reader = newReader({ publisher: own })
  expect(await ask(reader, { channel: 'later' })).toBe('up-to-date')
  origin.time.now += 7 * day + minute
  expect(await ask(newReader({ publisher: own }), { channel: 'later' })).toBe('update 2')
  expect(await ask(newReader({ publisher: own }), { channel: 'beta' })).toBe('not-mirrored')
})

/** In the same order each time. */
const one = { ...all, packagesAtOnce: 1 }

/** Whether the packages of 2 are in the store. */
async function allHere({ packages }: Awaited<ReturnType<typeof scene>>['own']): Promise<boolean> {
  const keys: string[] = []
  for await (const key of packages.list?.('packages/') ?? []) if (key.includes('/2/')) keys.push(key)
  return keys.length === 2
}

describe('an interrupted pass', () => {
  /** The root; notes and two manifests; the list; the catalog; packages, and the list with each folder; what was before. */
  const writes = 12

  test('the number of writes is fixed, and packages come after the catalog', async () => {
    const { mirroring } = await scene()
    const faults = faultsOf()
    await mirror({ ...mirroring, to: faulty(mirroring.to, faults) }, one)
    const at = faults.written.indexOf(`create ${catalogKey}`)
    expect(faults.written[at - 1]).toBe(`create ${missingKey}`)
    expect(faults.written.slice(0, at).filter((write) => write.includes('packages/'))).toEqual([])
    expect(faults.written.length).toBe(writes)
    expect(faults.written[0]).toBe(`create ${rootKey(1)}`)
  })

  test.each(everyFault(writes))(
    'write $at $face: nothing is offered before its packages are copied, and the next pass continues',
    async ({ at, face }) => {
      const { own, mirroring } = await scene()
      const faults = faultsOf({ [at]: face })
      expect(await refusal(mirror({ ...mirroring, to: faulty(mirroring.to, faults) }, one))).toMatch(
        /^store-unavailable/,
      )
      const told = await ask(newReader({ publisher: own }))
      const isThere = await allHere(own)
      expect(isThere ? ['update 2', 'not-mirrored'] : ['unverifiable', 'not-mirrored']).toContain(told)
      await mirror(mirroring, all)
      expect(await ask(newReader({ publisher: own }))).toBe('update 2')
      expect(await inspectStore(own)).toMatchObject({ findings: [], manifests: 3, packages: 3 })
      expect(await mirror(mirroring, all)).toMatchObject({ kind: 'unchanged', documents: 0, packages: 0 })
    },
  )
})

const faulty = (
  { documents, packages }: Awaited<ReturnType<typeof scene>>['mirroring']['to'],
  faults: ReturnType<typeof faultsOf>,
) => ({
  documents: faultyDocuments(documents, faults),
  packages: faultyPackages(packages, faults),
})

test('two mirrors of one store: the slower one continues from the work of the other', async () => {
  const { origin, own, mirroring } = await scene()
  const stale = await origin.bucket.read(catalogKey)
  origin.time.now += minute
  await publishOne(origin, '3')
  const behind = mirrorOf(origin, mirroring.to.documents as Bucket, mirroring.to.packages)
  const get: typeof mirroring.from.documents.get = async (key, maxBytes, known) =>
    key === catalogKey ? { bytes: stale, token: 'stale' } : mirroring.from.documents.get(key, maxBytes, known)
  const late = { ...behind.mirroring, from: { ...mirroring.from, documents: { ...mirroring.from.documents, get } } }
  const results = await Promise.all([
    mirror(late, all),
    mirror(mirroring, all),
    mirror(late, all),
    mirror(mirroring, all),
  ])
  expect(results.map(({ kind }) => kind)).toContain('mirrored')
  expect(await ask(newReader({ publisher: own }))).toBe('update 3')
  expect(await inspectStore(own)).toMatchObject({ findings: [], manifests: 4, packages: 4 })
})

test('missing objects are requested again, and one bad channel does not block others', async () => {
  const { origin, own, mirroring } = await scene()
  const manifest = await origin.bucket.read(channelKey(app, 'beta', 1))
  origin.bucket.erase(channelKey(app, 'beta', 1))
  const memory: MirrorMemory = {}
  expect(await mirror(mirroring, all, memory)).toMatchObject({ kind: 'mirrored', absent: [channelKey(app, 'beta', 1)] })
  expect(await ask(newReader({ publisher: own }), { channel: 'beta', version: '0' })).toBe('not-mirrored')
  await origin.bucket.overwrite(channelKey(app, 'beta', 1), manifest)
  expect(await mirror(mirroring, all, memory)).toMatchObject({ kind: 'mirrored', documents: 1, absent: [] })
  origin.time.now += minute
  await publishOne(origin, '4', { channel: 'beta' })
  await publishOne(origin, '3')
  await origin.bucket.overwrite(channelKey(app, 'stable', 3), manifest)
  const bad = channelKey(app, 'stable', 3)
  expect(await mirror(mirroring, all, memory)).toMatchObject({ kind: 'mirrored', missing: [{ key: bad }] })
  expect(await own.documents.get(channelKey(app, 'beta', 2), 1e6)).toBeDefined()
  expect(await ask(newReader({ publisher: own }))).toBe('not-mirrored')
})

test('an overtaken mirror leaves the newer catalog alone', async () => {
  const { origin, bucket, own, mirroring } = await scene()
  const overtaken: typeof mirroring.to.documents = {
    ...bucket,
    async create(key, bytes) {
      if (key !== catalogKey) return bucket.create(key, bytes)
      origin.time.now += minute
      await publishOne(origin, '3')
      await mirror(mirroring, all)
      return bucket.create(key, bytes)
    },
  }
  await mirror({ ...mirroring, to: { ...mirroring.to, documents: overtaken } }, all)
  expect(await bucket.read(catalogKey)).toEqual(await origin.bucket.read(catalogKey))
  expect(await ask(newReader({ publisher: own }))).toBe('update 3')
})

test('bounded steps start nothing beyond their bounds, and write the catalog before history', async () => {
  const { origin, bucket, own, mirroring } = await scene()
  for (let i = 0; i < 12; i++) await publishOne(origin, '1', { channel: `more-${i}` })
  const steps: number[] = []
  let offered: string | undefined
  for (let kind = 'more'; kind === 'more' && steps.length < 50; ) {
    const meter = { used: 0 }
    const bounds = { packages: 1, isSpent: () => meter.used >= 12 }
    const bounded = { from: metered(mirroring.from, meter), to: metered(mirroring.to, meter) }
    kind = (await mirror(bounded, { packages: 'none', bounds })).kind
    steps.push(meter.used)
    const hasHistory = (await bucket.get(channelKey(app, 'stable', 1), 1e6)) !== undefined
    if (!hasHistory) offered = await ask(newReader({ publisher: own }))
  }
  expect([steps.length > 3, Math.max(...steps) <= 20, offered]).toEqual([true, true, 'update 2'])
  expect(await inspectStore(own)).toMatchObject({ channels: 14, manifests: 15 })
})

test('a step that ends at a follower has copied its source', async () => {
  const { origin, own, mirroring } = await scene()
  const later = { app, channel: 'later' }
  await describeChannel(origin.publisher, later, {}, { create: true })
  await followChannel(origin.publisher, later, { channel: 'beta', after: 'P7D' })
  for (let kind = 'more', steps = 0; kind === 'more' && steps < 10; steps++) {
    let request = 0
    const bounds = { packages: 1, isSpent: () => request++ > 0 }
    kind = (await mirror(mirroring, { packages: 'none', channels: ['later'], bounds })).kind
  }
  origin.time.now += 7 * day + minute
  expect(await ask(newReader({ publisher: own }), { channel: 'later', version: '0' })).toBe('update 1')
})

test('a schedule that mirrors a follower also copies new releases of its source', async () => {
  const { origin, own, mirroring } = await scene()
  const later = { app, channel: 'later' }
  await describeChannel(origin.publisher, later, {}, { create: true })
  await followChannel(origin.publisher, later, { channel: 'beta' })
  const memory: MirrorMemory = {}
  for (const version of ['1', '3', '4']) {
    await publishOne(origin, version, { channel: 'beta' })
    origin.time.now += minute
    for (let kind = 'more', steps = 0; kind === 'more' && steps < 10; steps++) {
      const bounds = { packages: 1, isSpent: () => false }
      kind = (await mirror(mirroring, { packages: 'all', channels: ['later'], bounds }, memory)).kind
    }
    expect(await ask(newReader({ publisher: own }), { channel: 'later', version: '0' })).toBe(`update ${version}`)
  }
})

test.each([undefined, ['alpha'], ['alpha', 'beta']])(
  'two channels that follow each other do not loop in a schedule: %j',
  async (channels) => {
    const { origin, own, mirroring, reads } = await scene()
    await publishOne(origin, '3', { channel: 'alpha' })
    for (const [channel, source] of [
      ['alpha', 'beta'],
      ['beta', 'alpha'],
    ] as const)
      await editChannel(origin.publisher, { app, channel }, (current) =>
        withField(current, 'follow', { channel: source }),
      )
    const { documents } = mirroring.from
    const get: typeof documents.get = (...request) => {
      if (reads.length > 100) throw new Error(`no end of ${request[0]}`)
      return documents.get(...request)
    }
    const ending = { ...mirroring, from: { ...mirroring.from, documents: { ...documents, get } } }
    const memory: MirrorMemory = {}
    for (let kind = 'more', steps = 0; kind === 'more' && steps < 10; steps++) {
      const bounds = { packages: 9, isSpent: () => false }
      kind = (await mirror(ending, { packages: 'all', bounds, ...(channels && { channels }) }, memory)).kind
    }
    expect(reads.filter((key) => key === channelKey(app, 'alpha', 2))).toHaveLength(1)
    expect(await ask(newReader({ publisher: own }), { channel: 'alpha' })).toBe('update 3')
  },
)

describe('other bytes in the own store', () => {
  /** A signature of nobody's, in the right form: anything on the way can add one. */
  const withJunk = (bytes: Uint8Array): Uint8Array => {
    const envelope = JSON.parse(Buffer.from(bytes).toString())
    const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: 'A'.repeat(43), typ: 'platte-root+jws' }))
    const junk = { protected: header.toString('base64url'), signature: 'A'.repeat(85).concat('A') }
    return bytesOf({ ...envelope, signatures: [...envelope.signatures, junk] })
  }
  const kinds = [
    ['the pinned root', rootKey(1)],
    ['a later root', rootKey(2)],
    ['a manifest', channelKey(app, 'stable', 2)],
    ['an earlier manifest', channelKey(app, 'stable', 1)],
    ['the catalog', catalogKey],
  ] as const
  const damages = [
    ['a signature of nobody', withJunk],
    ['other bytes', () => bytesOf('other')],
    ['no bytes', () => new Uint8Array()],
    ['a page of 2 MB', () => bytesOf('x'.repeat(2_000_000))],
  ] as const

  test.each(kinds.flatMap(([name, key]) => damages.map(([damage, make]) => [name, damage, key, make] as const)))(
    "%s with %s: is not stuck, and its readers get the upstream's state",
    async (_name, _damage, key, make) => {
      const { origin, bucket, own, mirroring } = await scene()
      await nextRoot(origin)
      await refresh(origin.publisher)
      for (const isFirst of [true, false]) {
        if (isFirst) await bucket.overwrite(key, make(await origin.bucket.read(key)))
        else {
          await bucket.overwrite(key, make(await origin.bucket.read(key)))
          origin.time.now += minute
          await publishOne(origin, '3')
        }
        await mirror(mirroring, all)
        expect(await ask(newReader({ publisher: own }))).toBe(isFirst ? 'update 2' : 'update 3')
      }
    },
  )

  test('a cache adds a signature to a root and disconnects: the next pass accepts the root', async () => {
    const { origin, bucket, own, mirroring } = await scene()
    await mirror(mirroring, all)
    const { root } = await nextRoot(origin)
    await publishOne(origin, '3')
    const junk = withJunk(await origin.bucket.read(rootKey(2)))
    let isCut = false
    const get: typeof bucket.get = async (key, maxBytes, known) => {
      if (key === rootKey(2)) return { bytes: junk, token: 'junk' }
      isCut ||= key.startsWith('apps/')
      if (isCut) throw new PlatteError('store-unavailable', 'the line is cut')
      return mirroring.from.documents.get(key, maxBytes, known)
    }
    const cut = { ...mirroring, from: { ...mirroring.from, documents: { ...mirroring.from.documents, get } } }
    expect(await refusal(mirror(cut, all))).toMatch(/^store-unavailable/)
    expect(await bucket.read(rootKey(2))).toEqual(junk)
    expect(await ask(newReader({ publisher: own }))).toBe('update 2')
    await mirror(mirroring, all)
    expect(await bucket.read(rootKey(2))).toEqual(await origin.bucket.read(rootKey(2)))
    const pin = { version: root.version, sha256: await sha256Hex(await origin.bucket.read(rootKey(2))) }
    expect(await ask(newReader({ publisher: { ...own, pin } }))).toBe('update 3')
  })

  test.each([
    ['root', rootKey(2), 'platte-root+jws'],
    ['manifest', channelKey(app, 'stable', 3), 'platte-channel+jws'],
  ] as const)('another %s of the same keys is a fork, and nothing is overwritten', async (_, key, type) => {
    const { origin, bucket, mirroring } = await scene()
    await mirror(mirroring, all)
    await nextRoot(origin)
    await publishOne(origin, '3')
    const { payload } = JSON.parse(Buffer.from(await origin.bucket.read(key)).toString())
    const other = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), issuedAt: '2026-11-01T00:00:00Z' }
    const { root, release } = origin.keys
    const bytes = await seal(type, bytesOf(other), type === 'platte-root+jws' ? root : release)
    await bucket.overwrite(key, bytes)
    expect(await refusal(mirror(mirroring, all))).toMatch(/^fork: (root|apps)\/.*both are signed/)
    expect(await bucket.read(key)).toEqual(bytes)
  })

  /** A root that only has a later date. */
  async function nextRoot({ publisher, keys }: TestStore) {
    const next = await editRoot(await loadRoot(publisher), {}, isoText(publisher.clock()))
    return publishRoot(publisher, await seal('platte-root+jws', bytesOf(next), keys.root))
  }
})
