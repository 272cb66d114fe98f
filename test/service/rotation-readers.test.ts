/** Readers without memory, with memory and behind a mirror, while keys are replaced: the right answer after every write. */
import { describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { editCatalog, refresh } from '../../src/catalog/edit-catalog.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { rotateKey } from '../../src/catalog/rotate.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { publish } from '../../src/channels/publish.ts'
import { catalogKey, missingKey, rootKey } from '../../src/documents/paths.ts'
import { type RoleName, roleNames } from '../../src/documents/root.ts'
import { isoText } from '../../src/kernel/format.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { HighWaterMark } from '../../src/store/documents.ts'
import { seal } from '../../src/trust/envelope.ts'
import { memoryPackages } from '../memory.ts'
import {
  ask,
  type Bucket,
  bytesOf,
  emptyBucket,
  gate,
  keys,
  minute,
  newKey,
  newReader,
  newStore,
  noticing,
  orderOf,
  publishOne,
  refusal,
  type TestKey,
  type TestStore,
  watched,
} from '../world.ts'

const [fresh, fresher]: readonly [TestKey, TestKey] = [await newKey('EdDSA'), await newKey('EdDSA')]
const stolen = keys.timestamp[0]

/** Of each role but the root's, the keys before it sign no more. */
function rotate({ publisher, keys }: TestStore, role: RoleName, key = fresh, before: TestKey[] = [...keys[role]]) {
  const writer = role === 'root' ? publisher : { ...publisher, [role]: [...before, key] }
  return rotateKey(
    writer,
    { role, key: key.jwk },
    role === 'root' ? [...new Set([...keys.root, ...before, key])] : keys.root,
  )
}

function newMark(): HighWaterMark {
  let kept: Uint8Array | undefined
  return {
    load: async () => kept,
    keep: async (bytes) => {
      kept = bytes
    },
  }
}

describe.each(roleNames)('while the %s key is replaced', (role) => {
  /** `often`: the mirror looks after every write; `once`: it was away meanwhile; `late`: for two rotations. */
  test.each(['often', 'once', 'late'] as const)(
    'a mirror looks %s: everybody is answered after each write',
    async (looks) => {
      const store = await newStore()
      await publishOne(store, '1', { channel: 'beta' })
      await publishOne(store, '2')
      const bucket = await emptyBucket()
      const mark = newMark()
      const readersOf = (documents: Bucket) => ({
        warm: newReader(store, { documents }),
        /** A sidecar that restarts each time. */
        sidecar: () => newReader(store, { documents, mark }),
        cold: () => newReader(store, { documents }),
      })
      const [at, behind] = [readersOf(store.bucket), readersOf(bucket)]
      const told: string[] = []
      const check = async (where: string, { warm, sidecar, cold }: typeof at): Promise<void> => {
        store.time.now += minute
        const answers = await Promise.all(
          [warm, cold(), ...(where === 'mirror' ? [sidecar()] : [])].map((one) => ask(one)),
        )
        if (answers.some((answer) => answer !== 'update 2')) told.push(`${where}: ${answers}`)
      }
      const mirrored = noticing(bucket, async (key) => {
        if ((await bucket.get(catalogKey, 1e6)) !== undefined) await check('mirror', behind)
        expect(key).toBeTruthy()
      })
      const pass = () =>
        mirror(
          { from: store.publisher, to: { documents: mirrored, packages: memoryPackages(nodeHasher) } },
          { packages: 'none' },
        )
      await pass()
      const origin = noticing(store.bucket, async () => {
        await check('origin', at)
        if (looks === 'often') await pass()
      })
      const writer = { ...store, publisher: { ...store.publisher, documents: origin } }
      await rotate(writer, role)
      if (looks === 'late') await rotate(writer, role, fresher, [fresh])
      await pass()
      expect(told).toEqual([])
      const version = looks === 'late' ? 5 : 3
      expect((await loadRoot({ ...store.publisher, documents: bucket })).root.version).toBe(version)
      expect(await bucket.read(catalogKey)).toEqual(await store.bucket.read(catalogKey))
      const key = looks === 'late' ? fresher : fresh
      await publish({ ...store.publisher, ...(role !== 'root' && { [role]: [key] }) }, orderOf('3'))
      await pass()
      for (const reader of [at.cold(), behind.cold(), behind.sidecar()]) expect(await ask(reader)).toBe('update 3')
      expect((await inspectStore({ ...store.publisher, documents: bucket })).findings).toEqual([])
    },
  )
})

describe('a catalog of the old timestamp key after its rotation', () => {
  /** A hold on 2 that was there is gone in it. */
  async function scene(named: number) {
    const store = await newStore()
    await publishOne(store, '2')
    await publishOne(store, '3')
    await rotate(store, 'timestamp')
    store.time.now += minute
    const forged = async () => {
      const { payload } = JSON.parse(Buffer.from(await store.bucket.read(catalogKey)).toString())
      const catalog = JSON.parse(Buffer.from(payload, 'base64url').toString())
      const later = { ...catalog, root: named, issuedAt: isoText(store.time.now) }
      await store.bucket.overwrite(catalogKey, await seal('platte-catalog+jws', bytesOf(later), [stolen]))
    }
    return { store, forged }
  }

  test.each([1, 2, 3, 4])('that names root %i is refused by everyone', async (named) => {
    const { store, forged } = await scene(named)
    const warm = newReader(store)
    expect(await ask(warm)).toBe('update 3')
    await forged()
    store.time.now += minute
    expect(await ask(newReader(store))).toBe('unverifiable')
    expect(await ask(warm)).toBe('update 3')
    const to = { documents: await emptyBucket(), packages: memoryPackages(nodeHasher) }
    expect(await refusal(mirror({ from: store.publisher, to }, { packages: 'all' }))).toMatch(
      /^(bad-signature|missing)/,
    )
    expect(await refusal(refresh({ ...store.publisher, timestamp: [fresh] }, { force: true }))).toMatch(
      /^(bad-signature|missing)/,
    )
  })

  test('a server that runs since before the rotation takes it neither, nor keeps it', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const warm = newReader(store)
    expect(await ask(warm)).toBe('update 2')
    await rotate(store, 'timestamp')
    store.time.now += minute
    const forged = await seal(
      'platte-catalog+jws',
      bytesOf({
        ...{ format: 1, type: 'catalog', root: 1, apps: {} },
        ...{ issuedAt: isoText(store.time.now), expires: isoText(store.time.now + minute * 60) },
      }),
      [stolen],
    )
    const honest = await store.bucket.read(catalogKey)
    await store.bucket.overwrite(catalogKey, forged)
    expect(await ask(warm)).toBe('update 2')
    await store.bucket.overwrite(catalogKey, honest)
    store.time.now += minute
    expect(await ask(warm)).toBe('update 2')
    expect(warm.cache.state?.root.root.version).toBe(3)
  })
})

test('at a cold start, roots and catalog are read at once; manifests are the second read', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const { documents, reads, hook } = watched(store.bucket)
  const { opened, open } = gate()
  hook.onGet = () => opened
  const answer = ask(newReader(store, { documents }))
  await new Promise((later) => setTimeout(later, 50))
  expect(reads.toSorted()).toEqual([catalogKey, missingKey, rootKey(1), rootKey(2)])
  open()
  expect(await answer).toBe('update 2')
  expect(reads).toHaveLength(5)
})

test('after many rotations, the roots that the catalog lets expect are read at once', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  for (let i = 0; i < 5; i++) {
    const next = await editRoot(await loadRoot(store.publisher), {}, isoText(store.time.now))
    await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(next), keys.root))
  }
  await refresh(store.publisher)
  const { documents, hook } = watched(store.bucket)
  let depth = 0
  let turn: Promise<void> | undefined
  // Reads of one turn of 20 ms are at once.
  hook.onGet = () => {
    turn ??= new Promise((resolve) => setTimeout(resolve, 20)).then(() => {
      depth++
      turn = undefined
    })
    return turn
  }
  expect(await ask(newReader(store, { documents }))).toBe('update 2')
  expect(depth).toBe(3)
})

test.each([
  ['a page of a web server', 'bad-signature', bytesOf('<!doctype html>')],
  ['a page longer than any root', 'too-large', bytesOf('x'.repeat(100_000))],
])('%s where the next root would be: readers go on, and say so', async (_, code, bytes) => {
  const store = await newStore()
  await publishOne(store, '2')
  await store.bucket.overwrite(rootKey(2), bytes)
  expect(await ask(newReader(store))).toBe('update 2')
  expect(store.log).toContainEqual(expect.objectContaining({ level: 'warn', event: 'root', code }))
})

test('a signature by the old key while the last root is published: the rotation signs again', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const documents = {
    ...store.bucket,
    async create(key: string, bytes: Uint8Array) {
      if (key === rootKey(3)) await editCatalog(store.publisher, (catalog) => ({ ...catalog }))
      return store.bucket.create(key, bytes)
    },
  }
  await rotate({ ...store, publisher: { ...store.publisher, documents } }, 'timestamp')
  expect(await ask(newReader(store))).toBe('update 2')
})

test('a publish with the old key while the last root is published: its manifest is signed again', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const documents = {
    ...store.bucket,
    async create(key: string, bytes: Uint8Array) {
      if (key === rootKey(3)) await publishOne(store, '3')
      return store.bucket.create(key, bytes)
    },
  }
  await rotate({ ...store, publisher: { ...store.publisher, documents } }, 'release')
  expect(await ask(newReader(store))).toBe('update 3')
})
