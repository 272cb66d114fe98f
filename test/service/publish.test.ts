import { describe, expect, test } from 'vitest'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { type PublishOrder, planPublish, publish } from '../../src/channels/publish.ts'
import { findPackage } from '../../src/checks/http-files.ts'
import { channelKey, notesKey, packageFolder } from '../../src/documents/paths.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Packages } from '../../src/store/packages.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { memoryPackages } from '../memory.ts'
import { payloadText } from '../payloads.ts'
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
  type TestStore,
  watched,
} from '../world.ts'

const stranger = await newKey('EdDSA')

/** Every key of both stores. */
async function allKeys({ bucket, packages }: TestStore): Promise<string[]> {
  const keys: string[] = []
  for await (const key of bucket.list('')) keys.push(key)
  for await (const key of packages.list?.('') ?? []) keys.push(key)
  return keys
}

/** Packages that count what is read from the source before anything has a name. */
function countingPackages(): { readonly packages: Packages; readonly puts: string[] } {
  const puts: string[] = []
  const packages = memoryPackages(nodeHasher)
  const put: Packages['put'] = (key, body, expected) => {
    puts.push(key)
    return packages.put(key, body, expected)
  }
  return { packages: { ...packages, put }, puts }
}

test('a repeated CVE is stored once, in its place', async () => {
  const store = await newStore()
  const cves = ['CVE-2026-2222', 'CVE-2026-1111', 'CVE-2026-2222']
  expect(await publishOne(store, '1', { cves })).toMatchObject({ kind: 'published' })
  expect(await publishOne(store, '1', { cves })).toMatchObject({ kind: 'unchanged' })
  const { payload } = JSON.parse(Buffer.from(await store.bucket.read(channelKey(app, 'stable', 1))).toString())
  const { releases } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  expect(releases[0].cves).toEqual(cves.slice(0, 2))
})

describe('a refused publish leaves nothing behind', () => {
  const file = (name: string) => ({ sources: [sourceOf(name, 'CrAU 3 amd64-usr')] as const })
  test.each<[string, Partial<PublishOrder>, RegExp]>([
    ['a lower version', { version: '1' }, /^refused: 1 is lower than 2/],
    ['other bytes', { version: '2', ...file('update.gz') }, /^refused: .*with other bytes/],
    [
      'other bytes than in another channel',
      { version: '7', ...file('update.gz') },
      /^refused: .*already in channel beta, with other bytes/,
    ],
    ['a channel that is not there', { channel: 'prod', create: false }, /^refused: .* has no channel "prod"/],
    ['an app that is not there', { app: 'other', create: false }, /^refused: other has no channel/],
    ['an invalid version', { version: 'main' }, /^usage: publish: version/],
    ['a version that leaves its folder', { version: '3/../../x' }, /^usage: publish: version/],
    ['an invalid board', { board: 'AMD64' }, /^usage: publish: board/],
    ['a board named as what objects carry', { board: 'constructor' }, /^usage: publish: board/],
    ['an invalid channel', { channel: 'Stable' }, /^usage: publish: channel/],
    ['a channel that leaves its folder', { channel: '../x' }, /^usage: publish: channel/],
    ['a channel named __proto__', { channel: '__proto__' }, /^usage: publish: channel/],
    ['an app named constructor', { app: 'constructor' }, /^usage: publish: app/],
    ['an invalid file name', file('.hidden'), /^usage: publish: files\.0\.name/],
    ['a file whose name leaves its folder', file('../update.gz'), /^usage: publish: files\.0\.name/],
    [
      'a file twice',
      { sources: [sourceOf('a.gz', 'a'), sourceOf('a.gz', 'b')] },
      /^usage: publish: files: two files are called /,
    ],
    ['an empty file', { sources: [sourceOf('update.gz', '')] }, /^usage: publish: files\.0\.size: is empty/],
    [
      'an empty extra',
      { sources: [sourceOf('update.gz', 'x'), sourceOf('oem.gz', '')] },
      /^usage: publish: files\.1\.size: is empty/,
    ],
    ['an invalid component', { components: { __proto__x: 'x', '': 'y' } }, /^usage: publish: components/],
    ['an invalid CVE', { cves: ['CVE'] }, /^usage: publish: cves/],
  ])('%s', async (_, more, message) => {
    const { packages, puts } = countingPackages()
    const store = await newStore({ packages })
    await publishOne(store, '2')
    await publishOne(store, '7', { channel: 'beta' })
    const [before, written] = [await allKeys(store), puts.length]
    expect(await refusal(publishOne(store, '3', more))).toMatch(message)
    expect(await refusal(planPublish(store.publisher, orderOf('3', more)))).toMatch(message)
    expect([await allKeys(store), puts.length]).toEqual([before, written])
  })

  test.each([
    ['no release key', { release: [] }, /^credentials: root 1 wants 1 release key/],
    ["a stranger's release key", { release: [stranger] }, /^credentials: root 1 wants 1 release key/],
    ["a stranger's timestamp key", { timestamp: [stranger] }, /^credentials: root 1 wants 1 timestamp key/],
  ])('%s', async (_, more, message) => {
    const store = await newStore()
    await publishOne(store, '2')
    const before = await allKeys(store)
    expect(await refusal(publish({ ...store.publisher, ...more }, orderOf('3')))).toMatch(message)
    expect(await allKeys(store)).toEqual(before)
  })

  test('for a manifest above the size limit', async () => {
    const store = await newStore()
    await commitChannel(store.publisher, { app, channel: 'stable' }, (current) => ({
      ...current,
      rollbackFrom: Array.from({ length: 12_800 }, (_, i) => `1.${i}.${'0'.repeat(45)}`),
    }))
    const notes = { components: Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`c${i}`, 'x'.repeat(100)])) }
    expect(await refusal(publishOne(store, '2', notes))).toMatch(/^refused: .*\/stable: its manifest would have/)
    expect(await store.bucket.get(channelKey(app, 'stable', 2), 1e7)).toBeUndefined()
  })
})

describe('dry run', () => {
  test('prints the result, writes nothing, needs no key', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const before = await allKeys(store)
    const keyless = { ...store.publisher, release: [], timestamp: [] }
    expect(await planPublish(keyless, orderOf('3'))).toMatchObject({
      kind: 'dry-run',
      seq: 2,
      offered: false,
    })
    expect(await planPublish(keyless, orderOf('1', { channel: 'beta' }))).toMatchObject({
      kind: 'dry-run',
      seq: 1,
    })
    expect(await planPublish(keyless, orderOf('2'))).toMatchObject({ kind: 'dry-run', seq: 1 })
    expect(await allKeys(store)).toEqual(before)
  })

  test('needs no write permission, even on stores that stage packages', async () => {
    const { publisher } = await newStore()
    const refused = async (): Promise<never> => {
      throw new Error('it is only read')
    }
    const packages = { ...publisher.packages, stage: refused, put: refused }
    const order = orderOf('1')
    let read = 0
    const result = await planPublish({ ...publisher, packages }, order, (bytes) => {
      read += bytes
    })
    expect(result).toMatchObject({ kind: 'dry-run', seq: 1 })
    expect(read).toBe(order.sources.reduce((sum, { size }) => sum + size, 0))
  })
})

test('a published version needs no release key again', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  expect(await publish({ ...store.publisher, release: [] }, orderOf('2'))).toMatchObject({ kind: 'unchanged', seq: 1 })
})

test('one version has the same bytes in every channel, and one folder', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  const before = (await allKeys(store)).filter((key) => key.startsWith('packages/'))
  await publishOne(store, '2', { channel: 'beta' })
  expect((await allKeys(store)).filter((key) => key.startsWith('packages/'))).toEqual(before)
})

test('the first package is required, the others are optional', async () => {
  const sources = [sourceOf('update.gz', 'CrAU'), sourceOf('oem.gz', 'oem')] as const
  const { packages } = await publishOne(await newStore(), '2', { sources })
  expect(packages.map(({ name, size, required }) => [name, size, required])).toEqual([
    ['update.gz', payloadText('CrAU').length, undefined],
    ['oem.gz', 3, false],
  ])
})

test('progress counts each byte half for hashing and half for copying, even if the copy is skipped', async () => {
  const store = await newStore()
  let bytes = 0
  const whenCopying: number[] = []
  const packages: Packages = {
    ...store.packages,
    put(...args) {
      whenCopying.push(bytes)
      return store.packages.put(...args)
    },
  }
  const sources = [sourceOf('update.gz', 'CrAU'), sourceOf('oem.gz', 'oem')] as const
  for (const channel of ['stable', 'beta']) {
    await publish({ ...store.publisher, packages }, orderOf('2', { channel, sources }), (more) => {
      bytes += more
    })
  }
  const [one, both] = [sources[0].size, sources[0].size + 3]
  expect(whenCopying).toEqual([both / 2, (one + both) / 2, both + both / 2, both + (one + both) / 2])
  expect(bytes).toBe(2 * both)
})

test('a file that changes between two reads is not published', async () => {
  const store = await newStore()
  let reads = 0
  const [first, second] = [sourceOf('update.gz', 'CrAU a'), sourceOf('update.gz', 'CrAU b')]
  const open = () => (reads++ === 0 ? first.open() : second.open())
  expect(await refusal(publishOne(store, '2', { sources: [{ ...first, open }] }))).toMatch(/^mismatch/)
  expect(await ask(newReader(store))).toBe('unknown-app')
})

test('notes in the store with unexpected bytes stop the publish', async () => {
  const store = await newStore()
  const notes = bytesOf('# Version 2')
  const key = notesKey(await sha256Hex(notes))
  await store.bucket.create(key, bytesOf('# Something else'))
  expect(await refusal(publishOne(store, '2', { notes }))).toMatch(new RegExp(`^mismatch: ${key}`))
  expect(await ask(newReader(store))).toBe('unknown-app')
  store.bucket.erase(key)
  await publishOne(store, '2', { notes })
  expect(await store.bucket.read(key)).toEqual(notes)
})

describe('packages that are served', () => {
  const folderOf = async (version: string) => {
    const text = payloadText(`CrAU ${version} amd64-usr`)
    const ref = { app, version, board: 'amd64-usr' }
    return packageFolder(ref, [{ name: 'update.gz', sha256: await sha256Hex(bytesOf(text)) }])
  }

  test('are those that a verified manifest names, also after the catalog expired', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    await publishOne(store, '3', { channel: 'beta' })
    const reader = newReader(store)
    const key = `${await folderOf('2')}update.gz`
    expect(await findPackage(reader, key)).toMatchObject({ name: 'update.gz', size: 40 })
    expect(await findPackage(reader, `${await folderOf('3')}update.gz`)).toMatchObject({ name: 'update.gz' })
    for (const other of [
      await folderOf('2'),
      `${key}x`,
      key.toUpperCase(),
      'packages',
      '',
      '/',
      '__proto__/__proto__',
      'catalog.jws',
      `packages/${app}/../x`,
    ])
      expect(await findPackage(reader, other)).toBeUndefined()
    store.time.now += 20 * day
    expect(await ask(reader)).toBe('catalog-expired')
    expect(await findPackage(reader, key)).toMatchObject({ name: 'update.gz' })
  })

  test('a failed channel is retried when its time has come', async () => {
    const store = await newStore()
    await publishOne(store, '2')
    const key = channelKey(app, 'stable', 1)
    const bytes = await store.bucket.read(key)
    store.bucket.erase(key)
    const reader = newReader(store)
    const wanted = `${await folderOf('2')}update.gz`
    expect(await findPackage(reader, wanted)).toBeUndefined()
    await store.bucket.overwrite(key, bytes)
    store.time.now += 30_000
    expect(await findPackage(reader, wanted)).toMatchObject({ name: 'update.gz' })
  })

  test('one request reads at most 20 channels; later requests read the rest', async () => {
    const store = await newStore()
    const names = Array.from({ length: 45 }, (_, n) => `c${String(n).padStart(2, '0')}`)
    for (const channel of names) await publishOne(store, channel === 'c44' ? '3' : '2', { channel })
    const { documents, reads } = watched(store.publisher.documents)
    const reader = newReader(store, { documents })
    const wanted = `${await folderOf('3')}update.gz`
    const found = []
    for (let request = 0; request < 3; request++) {
      const before = reads.length
      found.push(await findPackage(reader, wanted))
      expect(reads.slice(before).filter((key) => key.startsWith('apps/')).length).toBeLessThanOrEqual(20)
    }
    expect(found).toMatchObject([
      { reason: 'store-unavailable' },
      { reason: 'store-unavailable' },
      { name: 'update.gz' },
    ])
    expect(await findPackage(reader, `${wanted}x`)).toBeUndefined()
  })

  test('if nothing could be read: the reason', async () => {
    const store = await newStore()
    store.bucket.erase('catalog.jws')
    expect(await findPackage(newReader(store), 'packages/a/b')).toMatchObject({ reason: 'unverifiable' })
  })
})
