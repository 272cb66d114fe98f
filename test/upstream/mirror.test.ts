/** What a server may do to those who mirror it: each is refused by name, and what was good stays good. */
import type { RequestListener, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import { encode } from '../../src/catalog/read.ts'
import { editRoot, publishRoot } from '../../src/catalog/roots.ts'
import { loadRoot } from '../../src/catalog/walk-roots.ts'
import type { Catalog } from '../../src/documents/catalog.ts'
import { catalogKey, channelKey, notesKey, rootKey } from '../../src/documents/paths.ts'
import { isoText } from '../../src/kernel/format.ts'
import { type MirrorMemory, mirror } from '../../src/mirroring/mirror.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { tokenOfCopy, upstreamDocuments, upstreamPackages } from '../../src/store/http/upstream.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { seal } from '../../src/trust/envelope.ts'
import { holdRelease } from '../changes.ts'
import { memoryPackages } from '../memory.ts'
import {
  app,
  ask,
  bytesOf,
  day,
  emptyBucket,
  minute,
  newKey,
  newReader,
  newStore,
  publishOne,
  refusal,
  storedCatalog,
  type TestStore,
} from '../world.ts'
import { serveStore, type TestServer } from './server.ts'

const transport = nodeTransport()

let origin: TestStore
let server: TestServer
/** What is answered instead, by key. */
let instead: Map<string, RequestListener>
let mirrored: ReturnType<typeof newMirror>

const all = { packages: 'all' } as const
const stable = (seq: number): string => channelKey(app, 'stable', seq)

function newMirror(bucket: TestStore['bucket']) {
  const packages = memoryPackages(nodeHasher)
  const idleMs = 1_000
  const from = {
    ...origin.publisher,
    documents: upstreamDocuments(server.url, { idleMs, transport }),
    packages: upstreamPackages(server.url, { idleMs, transport }),
  }
  const publisher = { ...origin.publisher, documents: bucket, packages }
  return { publisher, mirroring: { from, to: { documents: bucket, packages }, tokenOf: tokenOfCopy } }
}

beforeEach(async () => {
  origin = await newStore()
  await publishOne(origin, '2')
  instead = new Map()
  server = await serveStore(() => origin.publisher, instead)
  mirrored = newMirror(await emptyBucket())
  await mirror(mirrored.mirroring, all)
})
afterEach(() => server.close())

const answer =
  (bytes: Uint8Array): RequestListener =>
  (_, response) =>
    void response.end(bytes)
const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(code, headers).end()
const flood = (response: ServerResponse): void => {
  const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), more))
  more()
}
const slow: RequestListener = (_, response) => void response.writeHead(200, { 'Content-Length': 500 }).write('x')
const endless: RequestListener = (_, response) => flood(response)
/** The size of the package of 3 is 40. */
const cut: RequestListener = (_, response) => {
  response.writeHead(200, { 'Content-Length': 40 })
  response.write('CrAU 3', () => response.destroy())
}

const packageKey = async (): Promise<string> => {
  const keys: string[] = []
  for await (const key of origin.packages.list?.('packages/') ?? []) keys.push(key)
  return keys.find((key) => key.includes('/3/')) ?? ''
}
const catalog = async (edit: (one: Catalog) => object, key = origin.keys.timestamp[0]): Promise<Uint8Array> =>
  seal('platte-catalog+jws', bytesOf(edit(await storedCatalog(origin))), [key])
const later = (ms: number): string => isoText(origin.time.now + ms)

describe('after one good pass the origin publishes 3, and the server', () => {
  let old: Uint8Array
  beforeEach(async () => {
    old = await origin.bucket.read(catalogKey)
    origin.time.now += minute
    await publishOne(origin, '3')
  })

  type Attack = readonly [key: () => Promise<string> | string, answer: () => Promise<RequestListener> | RequestListener]
  const of = (key: string, bytes: () => Promise<Uint8Array>): Attack => [() => key, async () => answer(await bytes())]
  test.each<[string, Attack, RegExp]>([
    ['is down', [() => catalogKey, () => status(503)], /^store-unavailable: catalog\.jws.*503/],
    ['is slow', [() => catalogKey, () => slow], /^store-unavailable: catalog\.jws: nothing came/],
    ['is endless', [() => catalogKey, () => endless], /^too-large: catalog\.jws/],
    [
      'redirects on and on',
      [() => catalogKey, () => status(302, { Location: '/catalog.jws' })],
      /redirects more than 5 times/,
    ],
    [
      'redirects to 169.254.169.254',
      [() => catalogKey, () => status(302, { Location: 'http://169.254.169.254/latest/meta-data/' })],
      /^store-unavailable: catalog\.jws: .* redirects to 169\.254\.169\.254, an address of this machine or its network/,
    ],
    [
      'shows a catalog of the future',
      of(catalogKey, () => catalog((one) => ({ ...one, issuedAt: later(day), expires: later(2 * day) }))),
      /^from-the-future: catalog/,
    ],
    [
      'shows a catalog that has expired',
      of(catalogKey, () => catalog((one) => ({ ...one, expires: later(-1) }))),
      /^expired: catalog/,
    ],
    [
      'shows one that is valid for ever',
      of(catalogKey, () => catalog((one) => ({ ...one, expires: later(99 * day) }))),
      /^expired: catalog: is valid for longer/,
    ],
    [
      'shows a fork of what was seen',
      of(catalogKey, async () => {
        const { issuedAt } = JSON.parse(
          Buffer.from(JSON.parse(Buffer.from(old).toString()).payload, 'base64url').toString(),
        )
        return catalog((one) => ({ ...one, issuedAt, expires: later(day) }))
      }),
      /^fork: catalog: there are two of/,
    ],
    [
      'shows two manifests at one number',
      of(catalogKey, () =>
        catalog((one) => {
          const channels = { stable: { seq: 1, sha256: 'a'.repeat(64), size: 5 } }
          return { ...one, apps: { [app]: { channels } } }
        }),
      ),
      /^fork: catalog: .*has two manifests at revision 1/,
    ],
    [
      'signs a catalog itself',
      of(catalogKey, async () => catalog((one) => one, await newKey('EdDSA'))),
      /^bad-signature: /,
    ],
    [
      'names a root that is not there',
      of(catalogKey, () => catalog((one) => ({ ...one, root: 2 }))),
      /^missing: .*root\/2\.jws/,
    ],
  ])('%s', async (_, [key, response], want) => {
    instead.set(await key(), await response())
    expect(await refusal(mirror(mirrored.mirroring, all))).toMatch(want)
    expect(await ask(newReader(mirrored))).toBe('update 2')
    expect(await mirrored.mirroring.to.documents.get(catalogKey, 1e6)).toMatchObject({ bytes: old })
    instead.clear()
    origin.time.now += minute
    await refresh(origin.publisher, { force: true })
    await mirror(mirrored.mirroring, all)
    expect(await ask(newReader(mirrored))).toBe('update 3')
  })

  test.each<[string, () => Promise<RequestListener> | RequestListener, RegExp]>([
    ['lacks', () => status(404), /0002\.jws: is not at the upstream/],
    ['fails for', () => status(503), /answers 503/],
    ['forbids', () => status(403), /answers 403/],
    ['is silent over', () => () => {}, /nothing came/],
    ['is endless over', () => endless, /is larger than/],
    ['cuts', () => cut, /0002\.jws/],
    ['serves another manifest for', async () => answer(await origin.bucket.read(stable(1))), /0002\.jws: /],
    [
      'serves the manifest of another channel for',
      async () => answer(await origin.bucket.read(channelKey(app, 'beta', 1))),
      /0002\.jws: /,
    ],
  ])('%s one manifest: that channel offers nothing, others and all holds arrive', async (_, response, problem) => {
    await publishOne(origin, '4', { channel: 'beta' })
    await publishOne(origin, '5', { channel: 'beta' })
    await holdRelease(origin.publisher, { app, channel: 'beta' }, { version: '5', reason: 'it breaks machines' })
    instead.set(stable(2), await response())
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({
      kind: 'mirrored',
      missing: [{ key: stable(2), problem: expect.stringMatching(problem) }],
    })
    expect(await ask(newReader(mirrored), { channel: 'beta' })).toBe('update 4')
    expect(await ask(newReader(mirrored))).toBe('not-mirrored')
    instead.clear()
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({ kind: 'mirrored', missing: [] })
    expect(await ask(newReader(mirrored))).toBe('update 3')
  })

  test('goes down after its catalog: nothing changes here', async () => {
    instead.set(stable(2), (request, response) => {
      instead.set(catalogKey, status(503))
      status(503)(request, response)
    })
    expect(await refusal(mirror(mirrored.mirroring, all))).toMatch(/^store-unavailable: catalog\.jws/)
    expect(await ask(newReader(mirrored))).toBe('update 2')
  })

  test.each<[string, RequestListener, RegExp]>([
    ['are not there', status(404), /^notes\/.*: is not at the upstream/],
    ['have other bytes', answer(bytesOf('other')), /^notes\/.*: has SHA-256/],
    ['hang', () => {}, /nothing came/],
  ])('has notes that %s: they are named, and everything else arrives', async (_, response, problem) => {
    await publishOne(origin, '4', { notes: bytesOf('of 4') })
    await publishOne(origin, '5', { notes: bytesOf('of 5') })
    const key = notesKey(await sha256Hex(bytesOf('of 4')))
    instead.set(key, response)
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({
      missing: [{ key, problem: expect.stringMatching(problem) }],
    })
    expect(await ask(newReader(mirrored))).toBe('update 5')
    instead.clear()
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({ missing: [], documents: 1 })
  })

  test('shows an earlier catalog: it is not newer, and nothing changes', async () => {
    await mirror(mirrored.mirroring, all)
    instead.set(catalogKey, answer(old))
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({ kind: 'not-newer', documents: 0 })
    expect(origin.log).toContainEqual(
      expect.objectContaining({ event: 'mirror', problem: expect.stringContaining('not newer') }),
    )
    expect(await ask(newReader(mirrored))).toBe('update 3')
  })

  test.each([
    ['a manifest', () => stable(2), 'not-mirrored'],
    ['a package', packageKey, 'update 2'],
  ])('lacks %s: this is reported, and does not block other channels', async (_, key, told) => {
    await publishOne(origin, '5', { channel: 'beta' })
    const missing = await key()
    instead.set(missing, status(404))
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({ kind: 'mirrored', absent: [missing] })
    expect(await ask(newReader(mirrored))).toBe(told)
    expect(await ask(newReader(mirrored), { channel: 'beta' })).toBe('update 5')
    instead.clear()
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({ kind: 'mirrored', absent: [] })
    expect(await ask(newReader(mirrored))).toBe('update 3')
  })
})

describe('a root', () => {
  const edited = async (more: object, signers = origin.keys.root as readonly Awaited<ReturnType<typeof newKey>>[]) => {
    const root = await editRoot(await loadRoot(origin.publisher), {}, isoText(origin.time.now))
    return seal('platte-root+jws', encode({ ...root, ...more }), signers)
  }
  const shown = async (bytes: Uint8Array): Promise<string> => {
    instead.set(rootKey(2), answer(bytes))
    instead.set(
      catalogKey,
      answer(await catalog((one) => ({ ...one, root: 2, issuedAt: later(0), expires: later(day) }))),
    )
    return refusal(mirror(mirrored.mirroring, all))
  }

  test('that follows is copied, and everything is verified under it', async () => {
    origin.time.now += minute
    await publishRoot(origin.publisher, await edited({}))
    await refresh(origin.publisher)
    expect(await mirror(mirrored.mirroring, all)).toMatchObject({ kind: 'mirrored', documents: 1 })
    expect(await ask(newReader(mirrored))).toBe('update 2')
  })

  test.each<[string, () => Promise<Uint8Array>, RegExp]>([
    [
      'signed by new keys only',
      async () => {
        const key = await newKey('EdDSA')
        const root = await editRoot(await loadRoot(origin.publisher), { add: { role: 'root', key: key.jwk } }, later(0))
        return seal('platte-root+jws', encode(root), [key])
      },
      /^bad-signature: root\/2\.jws/,
    ],
    ['that skips a version', () => edited({ version: 3 }), /^mismatch: root\/2\.jws: .*does not follow/],
  ])('%s is refused', async (_, bytes, want) => {
    origin.time.now += minute
    expect(await shown(await bytes())).toMatch(want)
    expect(await ask(newReader(mirrored))).toBe('update 2')
    expect(await mirrored.mirroring.to.documents.get(rootKey(2), 1e6)).toBeUndefined()
  })
})

test('no change costs one conditional GET; a new process also looks for a newer root', async () => {
  const memory: MirrorMemory = {}
  await mirror(mirrored.mirroring, all, memory)
  for (const one of [memory, memory, {}]) {
    server.seen.length = 0
    expect(await mirror(mirrored.mirroring, all, one)).toMatchObject({ kind: 'unchanged' })
    expect(server.seen.map(({ path }) => path)).toEqual(['/catalog.jws', ...(one === memory ? [] : ['/root/2.jws'])])
  }
  expect(server.seen[0]?.headers['if-none-match']).toMatch(/^"[0-9a-f]{20,64}"$/)
})
