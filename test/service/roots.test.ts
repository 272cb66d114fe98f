import { beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { editRoot, firstRoot, initStore, publishRoot, type RootEdit, signRoot } from '../../src/catalog/roots.ts'
import { rotateKey } from '../../src/catalog/rotate.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import { publish } from '../../src/channels/publish.ts'
import { catalogKey, rootKey } from '../../src/documents/paths.ts'
import { type Root, roleNames } from '../../src/documents/root.ts'
import { isoText } from '../../src/kernel/format.ts'
import { addSignature, seal } from '../../src/trust/envelope.ts'
import { formatPin, type TrustedRoot } from '../../src/trust/verify-root.ts'
import {
  app,
  ask,
  bytesOf,
  day,
  forgeCatalog,
  keys,
  minute,
  newKey,
  newReader,
  newStore,
  now,
  orderOf,
  publishOne,
  refusal,
  type TestKey,
  type TestStore,
} from '../world.ts'

const [a, b, c] = [await newKey('EdDSA'), await newKey('EdDSA'), await newKey('ES256')]
const at = isoText(now)
const current = ({ publisher }: TestStore): Promise<TrustedRoot> => loadRoot(publisher)

/** Edits, signs and publishes. */
async function nextRoot(store: TestStore, edit: RootEdit, signers: readonly TestKey[] = store.keys.root) {
  const root = await editRoot(await current(store), edit, at)
  return publishRoot(store.publisher, await seal('platte-root+jws', bytesOf(root), signers))
}

describe('initStore', () => {
  let store: TestStore
  let first: Root
  beforeEach(async () => {
    store = await newStore()
    first = (await current(store)).root
  })
  const pinOf = ({ publisher }: TestStore) => formatPin(publisher.pin)

  test('repeated: the same pin, and no writes', async () => {
    await publishOne(store, '2')
    const before = await store.bucket.read(catalogKey)
    expect(await initStore(store.publisher, first, keys.root)).toEqual({ pin: pinOf(store), created: false })
    expect(await store.bucket.read(catalogKey)).toEqual(before)
  })

  test('with other keys of any role: refused', async () => {
    for (const role of ['root', 'release', 'timestamp'] as const) {
      const [root, release, timestamp] = [keys.root[0].jwk, keys.release[0].jwk, keys.timestamp[0].jwk]
      const other = { root: [root], release: [release], timestamp: [timestamp], [role]: [a.jwk] } as const
      const wrong = await firstRoot({ ...other }, { issuedAt: at, maxValidity: 'P14D' })
      expect(await refusal(initStore(store.publisher, wrong, role === 'root' ? [a] : keys.root))).toMatch(
        /^refused: this store has a root already, made with other keys/,
      )
    }
  })

  test('with the keys of the root in another order: the same pin', async () => {
    await nextRoot(store, { add: { role: 'release', key: a.jwk } })
    store.bucket.erase(catalogKey)
    for (const release of [
      [keys.release[0].jwk, a.jwk],
      [a.jwk, keys.release[0].jwk],
    ] as const) {
      const order = { root: [keys.root[0].jwk], release, timestamp: [keys.timestamp[0].jwk] } as const
      const root = await firstRoot(order, { issuedAt: at, maxValidity: 'P14D' })
      expect(await initStore(store.publisher, root, keys.root)).toMatchObject({ pin: pinOf(store) })
    }
    expect(await store.bucket.read(catalogKey)).toBeDefined()
  })

  test('interrupted between root and catalog: continues', async () => {
    store.bucket.erase(catalogKey)
    expect(await initStore(store.publisher, first, keys.root)).toEqual({ pin: pinOf(store), created: true })
    await publishOne(store, '2')
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test('a truncated root is refused, not replaced', async () => {
    const cut = (await store.bucket.read(rootKey(1))).slice(0, 100)
    await store.bucket.overwrite(rootKey(1), cut)
    expect(await refusal(initStore(store.publisher, first, keys.root))).toMatch(/^bad-signature/)
    expect(await store.bucket.read(rootKey(1))).toEqual(cut)
  })

  test('two at once with one key: one root', async () => {
    const empty = await newStore()
    empty.bucket.erase(catalogKey)
    empty.bucket.erase(rootKey(1))
    const made = await Promise.allSettled([1, 2].map(() => initStore(empty.publisher, first, keys.root)))
    expect(made.some(({ status }) => status === 'fulfilled')).toBe(true)
    for (const one of made) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' })
    expect(await inspectStore(empty.publisher)).toMatchObject({ findings: [], channels: 0 })
  })

  test('a catalog lost after a rotation is created with the current keys, and a refresh finds the channels', async () => {
    await publishOne(store, '2')
    await rotateKey({ ...store.publisher, release: [keys.release[0], a] }, { role: 'release', key: a.jwk }, keys.root)
    store.bucket.erase(catalogKey)
    const writer = { ...store.publisher, release: [a] }
    expect(await refusal(refresh(writer))).toMatch(/^missing: catalog\.jws/)
    expect(await ask(newReader(store))).toBe('unverifiable')
    expect(await initStore(writer, (await current(store)).root, keys.root)).toMatchObject({ created: true })
    expect(await refresh(writer)).toMatchObject({ rolled: [{ app, channel: 'stable' }], problems: [] })
    expect(await ask(newReader(store))).toBe('update 2')
    expect(await inspectStore(writer)).toMatchObject({ findings: [], manifests: 2 })
  })
})

describe('editRoot', () => {
  const roleKeys = (root: Root) => Object.fromEntries(roleNames.map((name) => [name, root.roles[name].keyIds]))

  test.each<[string, RootEdit, (root: Root, before: Root) => void]>([
    [
      'nothing: the next version, all else the same',
      {},
      (root, before) => expect(root).toEqual({ ...before, version: 2 }),
    ],
    [
      'a key joins its role only',
      { add: { role: 'release', key: a.jwk } },
      (root, before) => {
        expect(roleKeys(root)).toEqual({ ...roleKeys(before), release: [keys.release[0].keyId, a.keyId] })
        expect(root.keys).toHaveLength(4)
      },
    ],
    [
      'a key that is there already',
      { add: { role: 'release', key: keys.release[0].jwk } },
      (root, before) => expect(roleKeys(root)).toEqual(roleKeys(before)),
    ],
    [
      'one key in two roles is listed once',
      { add: { role: 'release', key: keys.root[0].jwk } },
      (root) => expect(root.keys).toHaveLength(3),
    ],
    [
      'one key for another',
      { add: { role: 'timestamp', key: a.jwk }, remove: { role: 'timestamp', keyId: keys.timestamp[0].keyId } },
      (root) => {
        expect(root.roles.timestamp.keyIds).toEqual([a.keyId])
        expect(root.keys).toHaveLength(3)
      },
    ],
    [
      'a threshold with its key',
      { add: { role: 'release', key: a.jwk }, thresholds: { release: 2 } },
      (root) => expect(root.roles.release.threshold).toBe(2),
    ],
    ['expires', { expires: '2028-01-01T00:00:00Z' }, (root) => expect(root.expires).toBe('2028-01-01T00:00:00Z')],
    ['expires never', { expires: 'never' }, (root) => expect(root).not.toHaveProperty('expires')],
    ['maxValidity', { maxValidity: 'PT72H' }, (root) => expect(root.roles.timestamp.maxValidity).toBe('PT72H')],
  ])('%s', async (_, edit, check) => {
    const before = await current(await newStore())
    check(await editRoot(before, edit, at), before.root)
  })

  test.each<[string, RootEdit, RegExp]>([
    ['a threshold above the keys', { thresholds: { release: 2 } }, /^refused: release would need 2 of 1 keys/],
    ['a threshold of 0', { thresholds: { root: 0 } }, /^bad-document: root: roles\.root\.threshold/],
    ['a threshold of a half', { thresholds: { root: 0.5 } }, /^bad-document/],
    [
      'the last key goes',
      { remove: { role: 'root', keyId: keys.root[0].keyId } },
      /^refused: root would need 1 of 0 keys/,
    ],
    ['a key that nobody knows', { remove: { role: 'root', keyId: a.keyId } }, /^refused: root has no key/],
    [
      'a key of another role',
      { remove: { role: 'release', keyId: keys.root[0].keyId } },
      /^refused: release has no key/,
    ],
    ['expires sometime', { expires: 'tomorrow' }, /^bad-document: root: expires/],
    [
      'catalogs that are valid for nothing',
      { maxValidity: 'PT0S' },
      /^bad-document: root: .*must be longer than nothing/,
    ],
    [
      'a validity that is no duration',
      { maxValidity: '14 days' },
      /^bad-document: root: roles\.timestamp\.maxValidity/,
    ],
  ])('%s is refused', async (_, edit, message) => {
    expect(await refusal(editRoot(await current(await newStore()), edit, at))).toMatch(message)
  })

  test('expires never moves an expiry to an earlier date', async () => {
    const store = await newStore()
    await nextRoot(store, { expires: isoText(now + day) })
    expect(await editRoot(await current(store), {}, at)).toHaveProperty('expires')
    expect(await editRoot(await current(store), { expires: 'never' }, at)).not.toHaveProperty('expires')
  })
})

describe('publishRoot', () => {
  const swapRelease: RootEdit = {
    add: { role: 'release', key: a.jwk },
    remove: { role: 'release', keyId: keys.release[0].keyId },
  }
  const swapTimestamp: RootEdit = {
    add: { role: 'timestamp', key: a.jwk },
    remove: { role: 'timestamp', keyId: keys.timestamp[0].keyId },
  }

  test.each<[string, (store: TestStore) => Promise<unknown>, RegExp]>([
    [
      'under which a channel would not verify',
      (store) => nextRoot(store, swapRelease),
      new RegExp(`^refused: ${app}/stable would not verify under root 2`),
    ],
    [
      'under which a channel would lack a signature',
      (store) => nextRoot(store, { add: { role: 'release', key: a.jwk }, thresholds: { release: 2 } }),
      /^refused: .*stable would not verify/,
    ],
    [
      'under which the catalog would not verify',
      (store) => nextRoot(store, swapTimestamp),
      /^refused: the catalog would not verify under root 2/,
    ],
    ['that has expired', (store) => nextRoot(store, { expires: isoText(now) }), /^expired: root 2/],
    [
      'of the future',
      async (store) =>
        publishRoot(
          store.publisher,
          await seal(
            'platte-root+jws',
            bytesOf(await editRoot(await current(store), {}, isoText(now + day))),
            keys.root,
          ),
        ),
      /^from-the-future: root 2/,
    ],
    ['that nobody signed who may', (store) => nextRoot(store, {}, [a]), /^bad-signature/],
    [
      'that only the new root key signed',
      (store) => nextRoot(store, { add: { role: 'root', key: a.jwk } }, [a]),
      /^bad-signature/,
    ],
    [
      'that the new root keys did not sign',
      (store) => nextRoot(store, { add: { role: 'root', key: a.jwk }, thresholds: { root: 2 } }),
      /^bad-signature/,
    ],
    [
      'that skips a version',
      async (store) =>
        publishRoot(
          store.publisher,
          await seal('platte-root+jws', bytesOf({ ...(await current(store)).root, version: 3 }), keys.root),
        ),
      /^mismatch: root: version 3 does not follow version 1/,
    ],
    [
      'that is a catalog',
      async (store) => publishRoot(store.publisher, await store.bucket.read(catalogKey)),
      /^bad-signature/,
    ],
  ])('refuses a root %s', async (_, attempt, message) => {
    const store = await newStore()
    await publishOne(store, '2')
    expect(await refusal(attempt(store))).toMatch(message)
    expect((await current(store)).root.version).toBe(1)
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test('refuses for a channel that is not in the catalog, too', async () => {
    const store = await newStore()
    await publish({ ...store.publisher, timestamp: [] }, orderOf('2'))
    expect(await refusal(nextRoot(store, swapRelease))).toMatch(/^refused: .*stable would not verify/)
  })

  test('repeated: the same root', async () => {
    const store = await newStore()
    const signed = await seal('platte-root+jws', bytesOf(await editRoot(await current(store), {}, at)), keys.root)
    const once = await publishRoot(store.publisher, signed)
    expect((await publishRoot(store.publisher, signed)).sha256).toBe(once.sha256)
    expect((await current(store)).root.version).toBe(2)
  })

  test('two at once: one wins, the other must edit again', async () => {
    const store = await newStore()
    const outcomes = await Promise.all(['P10D', 'P11D'].map((maxValidity) => refusal(nextRoot(store, { maxValidity }))))
    expect(outcomes).toContain('accepted')
    expect(outcomes.find((one) => one !== 'accepted')).toMatch(/^(conflict|rollback)/)
  })

  test('a stolen timestamp key that was replaced can no longer sign', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const stolen = { ...store.publisher, timestamp: store.keys.timestamp }
    await rotateKey({ ...store.publisher, timestamp: [a] }, { role: 'timestamp', key: a.jwk }, keys.root)
    expect(await refusal(refresh(stolen, { force: true }))).toMatch(/^credentials/)
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test('a deployment pinned to the new root before any refresh refreshes by itself', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const trusted = await nextRoot(store, {})
    const writer = { ...store.publisher, pin: { version: 2, sha256: trusted.sha256 } }
    expect(await ask(newReader({ publisher: writer }))).toBe('update 2')
    expect(await refresh(writer)).toMatchObject({ kind: 'refreshed' })
    expect(await ask(newReader({ publisher: writer }))).toBe('update 2')
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test('such a deployment refuses a catalog that the keys of that root did not sign', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const earlier = await store.bucket.read(catalogKey)
    const trusted = await rotateKey(
      { ...store.publisher, timestamp: [a] },
      { role: 'timestamp', key: a.jwk },
      keys.root,
    )
    await store.bucket.overwrite(catalogKey, earlier)
    const writer = { ...store.publisher, pin: { version: 3, sha256: trusted.sha256 }, timestamp: [a] }
    for (const one of [writer, { ...store.publisher, timestamp: [a] }])
      expect(await refusal(refresh(one, { force: true }))).toMatch(/^bad-signature: catalog/)
  })
})

describe('after a theft of the timestamp key', () => {
  test('a nonexistent seq does not block replacing the key, and a new catalog repairs it', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const warm = newReader(store)
    expect(await ask(warm)).toBe('update 2')
    await forgeCatalog(store, ({ apps, ...rest }) => ({
      ...{ ...rest, issuedAt: isoText(now + 1000) },
      apps: { [app]: { channels: { stable: { ...apps[app]?.channels.stable, seq: 9e15 } } } },
    }))
    store.time.now += minute
    expect(await ask(warm)).toBe('not-mirrored')
    expect(await refusal(publishOne(store, '3'))).toMatch(/^missing: apps\/.*9000000000000000\.jws/)
    const writer = { ...store.publisher, timestamp: [a] }
    const rotation = { role: 'timestamp', key: a.jwk } as const
    await rotateKey(writer, rotation, keys.root)
    store.bucket.erase(catalogKey)
    await initStore(writer, (await current(store)).root, keys.root)
    store.time.now += minute
    expect(await refresh(writer)).toMatchObject({ rolled: [{ app, channel: 'stable' }], problems: [] })
    expect(await ask(newReader(store))).toBe('update 2')
    expect(await ask(warm)).toBe('update 2')
    await publish(writer, orderOf('3'))
    expect(await ask(newReader(store))).toBe('update 3')
  })

  test('a writer refuses a catalog of a later root than it knows', async () => {
    const store = await newStore()
    await nextRoot(store, {})
    await refresh(store.publisher)
    store.bucket.erase(rootKey(2))
    const want = 'missing: the catalog names root 2, but root/2.jws is not in the store'
    expect(await refusal(refresh(store.publisher, { force: true }))).toBe(want)
  })
})

describe('a release role with threshold 2', () => {
  async function withTwo(): Promise<TestStore> {
    const store = await newStore({ release: [a, b] })
    await nextRoot(store, { thresholds: { release: 2 } })
    await refresh(store.publisher)
    return store
  }

  test('signed by both: offered', async () => {
    const store = await withTwo()
    await publishOne(store, '2')
    expect(await ask(newReader(store))).toBe('update 2')
  })

  test.each([
    ['one of them', [a]],
    ['one of them twice', [a, a]],
    ['one of them and a stranger', [a, c]],
    ['none', []],
  ])('%s: refused, and nothing is stored', async (_, release) => {
    const store = await withTwo()
    expect(await refusal(publish({ ...store.publisher, release }, orderOf('2')))).toMatch(/^credentials/)
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], channels: 0 })
  })

  test('one of them is replaced', async () => {
    const store = await withTwo()
    await publishOne(store, '2')
    const writer = { ...store.publisher, release: [a, b, c] }
    expect(await refusal(rotateKey(writer, { role: 'release', key: c.jwk }, keys.root))).toMatch(
      /^usage: release has 2 other keys/,
    )
    const { root } = await rotateKey(writer, { role: 'release', key: c.jwk, replaces: a.keyId }, keys.root)
    expect([root.roles.release.threshold, root.roles.release.keyIds]).toEqual([2, [b.keyId, c.keyId]])
    expect(await ask(newReader(store))).toBe('update 2')
    expect(await inspectStore(store.publisher)).toMatchObject({ findings: [], manifests: 2 })
    expect(await refusal(publish({ ...store.publisher, release: [a, b] }, orderOf('3')))).toMatch(/^credentials/)
  })
})

describe('signRoot', () => {
  const draftOf = async (store: TestStore, edit: RootEdit) => bytesOf(await editRoot(await current(store), edit, at))

  test('a draft and a second signature make a root of two keys', async () => {
    const store = await newStore()
    const draft = await draftOf(store, { add: { role: 'root', key: a.jwk }, thresholds: { root: 2 } })
    const once = await signRoot(draft, keys.root[0])
    expect(await refusal(publishRoot(store.publisher, once))).toMatch(/^bad-signature/)
    const twice = await signRoot(once, a)
    expect((await publishRoot(store.publisher, twice)).root.version).toBe(2)
  })

  test('signing again with the same key changes nothing', async () => {
    const store = await newStore()
    const once = await signRoot(await draftOf(store, {}), keys.root[0])
    expect(await signRoot(once, keys.root[0])).toEqual(once)
    expect(await addSignature(once, 'platte-root+jws', keys.root[0])).toEqual(once)
  })

  test.each([
    ['no JSON', 'root', /^bad-document: the draft of the root is not JSON/],
    ['no root', '{"format":1}', /^bad-document: root: /],
    ['nothing', 'null', /^bad-document: root: /],
    ['no envelope', '{"signatures":[]}', /^bad-signature: root: /],
  ])('%s is refused', async (_, draft, message) => {
    expect(await refusal(signRoot(bytesOf(draft), a))).toMatch(message)
  })
})

test('a root of a newer format is refused with a hint, and the last good state is served', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const reader = newReader(store)
  expect(await ask(reader)).toBe('update 2')
  const newer = { ...(await editRoot(await current(store), {}, at)), format: 3 }
  await store.bucket.create(rootKey(2), await seal('platte-root+jws', bytesOf(newer), store.keys.root))
  store.time.now += 5 * minute
  await forgeCatalog(store, (catalog) => Object.assign(catalog, { root: 2, issuedAt: isoText(store.time.now) }))
  expect(await ask(reader)).toBe('update 2')
  const problem = 'root/2.jws: root: written by a newer Platte (format 3); upgrade this server'
  expect(store.log).toContainEqual(expect.objectContaining({ level: 'error', event: 'catalog', message: problem }))
  expect(await ask(newReader(store))).not.toBe('update 2')
})
