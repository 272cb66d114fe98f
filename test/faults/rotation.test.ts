/** The fault table of rotations: resumable at every point, and readers never notice. */
import { describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { editRoot, publishRoot, type RootEdit } from '../../src/catalog/roots.ts'
import { reissueChannels, rotateKey } from '../../src/catalog/rotate.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { type Publisher, publish } from '../../src/channels/publish.ts'
import { channelKey, rootKey } from '../../src/documents/paths.ts'
import type { RoleName } from '../../src/documents/root.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { isoText } from '../../src/kernel/format.ts'
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
  type TestKey,
  type TestStore,
} from '../world.ts'
import { askAll, countWrites, endsWell, errorsOf, everyFault, withFault } from './scene.ts'

/** With the new key at hand, as `platte root rotate` has it. */
const rotating =
  (role: RoleName, fresh: TestKey, { keys }: TestStore) =>
  (writer: Publisher) =>
    rotateKey(
      role === 'root' ? writer : { ...writer, [role]: [...writer[role], fresh] },
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

  test('makes these writes', async () => {
    const { store, rotate } = await begin()
    expect((await countWrites(store, rotate)).map((key) => (key.startsWith('apps/') ? 'apps' : key))).toEqual(writes)
  })

  // A rotation does nothing after a write that failed, so dying before one is failing before it.
  test.each(everyFault(writes.length).filter(({ face }) => face !== 'kill-before'))(
    'write $at $face',
    async (fault) => {
      const { store, fresh, rotate, warm } = await begin()
      expect(await ask(warm)).toBe('update 2')
      expect(await withFault(store, fault, rotate)).toMatch(/^store-unavailable/)
      expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
      expect(await errorsOf(store)).toEqual([])
      await rotate(store.publisher)
      expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
      const reissued = role === 'release' ? 1 : 0
      await endsWell(store, { beta: 1 + reissued, stable: 2 + reissued }, { manifests: 3 + 2 * reissued, packages: 2 })
      const { root } = await loadRoot(store.publisher)
      expect([root.version, root.roles[role].keyIds]).toEqual([3, [fresh.keyId]])
      await onlyTheNewKey(store, role, fresh)
      await rotate(store.publisher)
      expect((await loadRoot(store.publisher)).root.version).toBe(3)
    },
  )
})

async function keysOf({ bucket, packages }: TestStore): Promise<string[]> {
  const keys: string[] = []
  for (const list of [bucket.list(''), packages.list?.('') ?? []]) for await (const key of list) keys.push(key)
  return keys
}

/** Writers with the old key are refused before anything is written; those with the new one go on. */
async function onlyTheNewKey(store: TestStore, role: RoleName, fresh: TestKey): Promise<void> {
  if (role === 'root') return
  const before = await keysOf(store)
  expect(await refusal(publish(store.publisher, orderOf('3')))).toMatch(
    /^credentials: root 3 wants 1 (release|timestamp) key/,
  )
  expect(await keysOf(store)).toEqual(before)
  await publish({ ...store.publisher, [role]: [fresh] }, orderOf('3'))
  expect(await ask(newReader(store))).toBe('update 3')
}

test('a manifest signed by the old release key after rotation does not block refresh, and is reported until removed', async () => {
  const store = await newStore()
  await publishOne(store, '2', { channel: 'beta' })
  await publishOne(store, '2')
  const fresh = await newKey('EdDSA')
  await rotating('release', fresh, store)(store.publisher)
  const writer = { ...store.publisher, release: [fresh] }
  await publish({ ...writer, timestamp: [] }, orderOf('3', { channel: 'beta' }))
  const late = await commitLate(store)
  store.time.now += 6 * day
  const { kind, problems } = await refresh(writer)
  expect([kind, problems]).toEqual(['refreshed', [expect.stringContaining(late)]])
  expect(store.log.at(-1)).toMatchObject({ level: 'error', event: 'refresh', code: expect.any(String) })
  expect(await ask(newReader(store), { channel: 'beta' })).toBe('update 3')
  expect(await ask(newReader(store))).toBe('update 2')
  expect(await refusal(publish(writer, orderOf('4')))).toContain(late)
  await publish(writer, orderOf('4', { channel: 'beta' }))
  expect(store.log.at(-1)).toMatchObject({ level: 'warn', problem: expect.stringContaining(late) })
  expect((await inspectStore(writer)).findings.map(({ level, key }) => [level, key])).toEqual([['error', late]])
  store.bucket.erase(late)
  await publish(writer, orderOf('4'))
  expect(await ask(newReader(store))).toBe('update 4')
})

test('a publish overtaken by the last step of a rotation is refused, and nothing that it wrote is offered', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  const [fresh, [old]] = [await newKey('EdDSA'), store.keys.release]
  const step = async (edit: RootEdit): Promise<void> => {
    const next = await editRoot(await loadRoot(store.publisher), edit, isoText(store.time.now))
    await publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(next), store.keys.root))
    await refresh(store.publisher)
  }
  await step({ add: { role: 'release', key: fresh.jwk } })
  await reissueChannels({ ...store.publisher, release: [fresh] })
  await refresh(store.publisher)
  const { documents } = store.publisher
  const overtaken: Publisher['documents'] = {
    ...documents,
    create: async (key, bytes) => {
      if (key.startsWith('apps/')) await step({ remove: { role: 'release', keyId: old.keyId } })
      return documents.create(key, bytes)
    },
  }
  const late = publish({ ...store.publisher, documents: overtaken }, orderOf('2'))
  expect(await refusal(late)).toMatch(/^bad-signature: apps\/.*0000000003\.jws/)
  expect(await ask(newReader(store), { version: '0' })).toBe('update 1')
  expect((await errorsOf(store)).map(({ key }) => key)).toEqual([channelKey(app, 'stable', 3)])
})

test('a publish that began under an old root starts again', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  const rotate = rotating('release', await newKey('EdDSA'), store)
  const release = store.publisher.release.map((signer) => ({
    ...signer,
    sign: async (input: Uint8Array) => {
      if (!hasRotated) {
        hasRotated = true
        await rotate(store.publisher)
      }
      return signer.sign(input)
    },
  }))
  let hasRotated = false
  expect(await refusal(publish({ ...store.publisher, release }, orderOf('2')))).toMatch(/^credentials: root 3 wants/)
  expect(await ask(newReader(store), { version: '0' })).toBe('update 1')
  expect(await errorsOf(store)).toEqual([])
})

/** What a publisher commits that read the store before the old key left. @returns the key of it. */
async function commitLate({ publisher, bucket, keys }: TestStore): Promise<string> {
  const head = await loadHead(publisher, await loadForWriting(publisher), { app, channel: 'stable' })
  const seq = (head?.manifest.seq ?? 0) + 1
  const manifest = { ...head?.manifest, seq, previous: head?.sha256 }
  const late = channelKey(app, 'stable', seq)
  await bucket.create(late, await seal('platte-channel+jws', bytesOf(manifest), keys.release))
  return late
}

test('a channel that was committed but is not in the catalog is rotated, too', async () => {
  const store = await newStore()
  await publish({ ...store.publisher, timestamp: [] }, orderOf('2'))
  const fresh = await newKey('EdDSA')
  const rotate = rotating('release', fresh, store)
  await rotate({ ...store.publisher, timestamp: [] })
  await refresh(store.publisher)
  expect(await ask(newReader(store))).toBe('update 2')
  await publish({ ...store.publisher, release: [fresh] }, orderOf('3'))
  expect(await ask(newReader(store))).toBe('update 3')
})

test.each(['release', 'timestamp'] as const)(
  'a catalog that waits for a refresh during a rotation of the %s key',
  async (role) => {
    const store = await newStore()
    await publishOne(store, '2')
    const fresh = await newKey('EdDSA')
    const offline = { ...store.publisher, timestamp: [] }
    const warm = newReader(store)
    const rotate = rotating(role, fresh, store)
    await refusal(rotate(offline))
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    await refresh({ ...store.publisher, timestamp: role === 'timestamp' ? [fresh] : store.keys.timestamp })
    await rotate(offline)
    await refresh({ ...store.publisher, timestamp: role === 'timestamp' ? [fresh] : store.keys.timestamp })
    expect(await askAll(store, warm, {})).toEqual(['update 2', 'update 2'])
    expect((await loadRoot(store.publisher)).root.roles[role].keyIds).toEqual([fresh.keyId])
    expect(await errorsOf(store)).toEqual([])
  },
)

describe.each(['release', 'timestamp'] as const)('somebody signs with the old %s key just before it goes', (role) => {
  test('and the rotation dies: running it again repairs it', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const warm = newReader(store)
    const rotate = rotating(role, await newKey('EdDSA'), store)
    const create: Publisher['documents']['create'] = async (key, bytes) => {
      if (key === rootKey(3)) await publishOne(store, '3')
      const outcome = await store.bucket.create(key, bytes)
      if (key === rootKey(3)) throw new PlatteError('store-unavailable', 'it died')
      return outcome
    }
    expect(await refusal(rotate({ ...store.publisher, documents: { ...store.bucket, create } }))).toMatch(/it died/)
    expect(await ask(newReader(store))).not.toBe('update 3')
    await rotate(store.publisher)
    expect(await askAll(store, warm, {})).toEqual(['update 3', 'update 3'])
    expect((await loadRoot(store.publisher)).root.version).toBe(3)
    expect(await errorsOf(store)).toEqual([])
    const warned = store.log.filter(({ problem }) => `${problem}`.startsWith('only a removed key'))
    expect(warned).toHaveLength(role === 'timestamp' ? 1 : 0)
  })
})
