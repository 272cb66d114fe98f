/** Details of releases through mirrors and bundles: before the manifest, verified, and no obstacle to a hold. */
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { catalogKey, missingKey, rootKey } from '../../src/documents/paths.ts'
import { endBundle, exportBundle, importBundle } from '../../src/mirroring/bundle.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { mirrorStep } from '../../src/mirroring/step.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamDocuments, upstreamPackages } from '../../src/store/http/upstream.ts'
import { holdRelease } from '../changes.ts'
import { memoryPackages } from '../memory.ts'
import { app, ask, bytesOf, minute, newReader, newStore, publishOne, type TestStore } from '../world.ts'
import { fileServer, serve, type TestServer } from './server.ts'

const every = { packages: 'all' } as const
let origin: TestStore
let server: TestServer
let instead: Map<string, RequestListener>
let own: TestStore

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of items) found.push(one)
  return found
}

/** An empty store that trusts the origin's root. */
async function emptyCopy(): Promise<TestStore> {
  const { bucket, ...store } = await newStore()
  for (const key of [rootKey(1), catalogKey]) bucket.erase(key)
  const packages = memoryPackages(nodeHasher)
  return { ...store, bucket, packages, publisher: { ...origin.publisher, documents: bucket, packages } }
}

const upstream = () => {
  const transport = nodeTransport()
  const documents = upstreamDocuments(server.url, { idleMs: 3000, transport })
  return { ...origin.publisher, documents, packages: upstreamPackages(server.url, { idleMs: 300, transport }) }
}
const copy = (more: object = {}) => mirror({ from: upstream(), to: own.publisher }, { ...every, ...more })
const detailsOf = async (version: string): Promise<string> => {
  for (const key of await all(origin.bucket.list('notes/releases/')))
    if (JSON.parse(Buffer.from(await origin.bucket.read(key)).toString()).version === version) return key
  throw new Error(`${version} has none`)
}
const listed = async () => {
  const stored = await own.bucket.get(missingKey, 1e6)
  return stored && JSON.parse(new TextDecoder().decode(stored.bytes)).missing
}

beforeEach(async () => {
  origin = await newStore({ format: 2 })
  await publishOne(origin, '2', { notes: bytesOf('# 2\n') })
  instead = new Map()
  server = await serve((request, response) => {
    const other = instead.get(decodeURIComponent(request.url ?? '').slice(1))
    if (other) return other(request, response)
    fileServer(origin.publisher, { tags: 'content', ranges: true })(request, response)
  })
  own = await emptyCopy()
  await copy()
  origin.time.now += minute
})
afterEach(() => server.close())

const step = () =>
  mirrorStep(
    {
      reader: own.publisher,
      store: own.publisher,
      ...{ upstream: server.url, transport: nodeTransport(), wanted: { packages: 'all', channels: undefined } },
    },
    {},
  )

test('a mirror is the same store, with each document before the manifest that names it', async () => {
  for (const board of ['amd64-usr', 'arm64-usr']) await publishOne(origin, '3', { board, channel: 'beta' })
  const written: string[] = []
  const { create } = own.bucket
  const documents = {
    ...own.bucket,
    create: (key: string, bytes: Uint8Array) => {
      written.push(key)
      return create(key, bytes)
    },
  }
  await mirror({ from: upstream(), to: { ...own.publisher, documents } }, every)
  const isDetails = (key: string): boolean => key.startsWith('notes/releases/')
  // The history of the channel names the document of one board, too.
  expect(written.filter(isDetails)).toHaveLength(2)
  expect(written.findIndex(isDetails)).toBeLessThan(written.findIndex((key) => key.startsWith('apps/')))
  expect(await all(own.bucket.list('notes/'))).toEqual(await all(origin.bucket.list('notes/')))
  expect(await inspectStore(own.publisher)).toMatchObject({ findings: [], manifests: 3, packages: 3 })
  expect(await ask(newReader(own), { channel: 'beta', board: 'arm64-usr' })).toBe('update 3')
})

const attacks: readonly (readonly [string, RequestListener, RegExp])[] = [
  ['absent', (_, response) => response.writeHead(404).end(), /is not at the upstream/],
  ['refused', (_, response) => response.writeHead(403).end(), /answers 403/],
  ['failing', (_, response) => response.writeHead(500).end(), /answers 500/],
  ['hanging', () => {}, /nothing came/],
  ['empty', (_, response) => response.end(), /0 bytes, the manifest says/],
  [
    'of other bytes',
    async (_, response) => response.end((await origin.bucket.read(await detailsOf('3'))).with(99, 120)),
    /SHA-256/,
  ],
  [
    'of another release',
    async (_, response) => response.end(await origin.bucket.read(await detailsOf('2'))),
    /larger than|bytes, the manifest|SHA-256/,
  ],
  ['a page', (_, response) => response.end(`<html>${'x'.repeat(9e6)}`), /larger than/],
]

test.each(attacks)(
  'details that are %s keep no hold back, and their release is withheld until they come',
  async (_, answer, problem) => {
    await publishOne(origin, '3')
    await publishOne(origin, '5', { channel: 'beta' })
    const key = await detailsOf('3')
    instead.set(key, answer)
    expect(await copy()).toMatchObject({
      kind: 'mirrored',
      missing: [{ key, problem: expect.stringMatching(problem) }],
    })
    expect(await listed()).toEqual([
      {
        packages: expect.stringContaining('/3/amd64-usr/'),
        channel: 'stable',
        problem: expect.stringMatching(problem),
      },
    ])
    expect(await ask(newReader(own))).toBe('update 2')
    expect(await ask(newReader(own), { version: '2' })).toBe('not-mirrored')
    expect(await ask(newReader(own), { channel: 'beta' })).toBe('update 5')
    origin.time.now += minute
    await holdRelease(origin.publisher, { app, channel: 'beta' }, { version: '5', reason: 'it breaks machines' })
    await copy()
    expect(await ask(newReader(own), { channel: 'beta' })).toBe('held')
    instead.clear()
    expect(await copy()).toMatchObject({ missing: [] })
    expect(await listed()).toEqual([])
    expect(await ask(newReader(own))).toBe('update 3')
  },
)

test('an upstream that fails for many is not asked for each', async () => {
  for (let version = 10; version < 40; version++) await publishOne(origin, String(version))
  const asked: string[] = []
  for (let version = 10; version < 40; version++)
    instead.set(await detailsOf(String(version)), (request, response) => {
      asked.push(request.url ?? '')
      response.writeHead(500).end()
    })
  await copy()
  expect(await listed()).toHaveLength(30)
  expect(new Set(asked).size).toBeLessThan(20)
  expect(await ask(newReader(own))).toBe('update 2')
})

test('a damaged copy is replaced', async () => {
  const key = await detailsOf('2')
  await own.bucket.overwrite(key, bytesOf('damaged'))
  expect(await ask(newReader(own))).toBe('not-mirrored')
  await copy()
  expect(await own.bucket.read(key)).toEqual(await origin.bucket.read(key))
  expect(await ask(newReader(own))).toBe('update 2')
})

test('a schedule copies them in steps, and later what could not be had', async () => {
  for (let version = 10; version < 50; version++) await publishOne(origin, String(version))
  const key = await detailsOf('30')
  instead.set(key, (_, response) => response.writeHead(404).end())
  await step()
  expect(await ask(newReader(own))).toBe('update 2')
  for (let i = 0; i < 60; i++) await step()
  expect(await ask(newReader(own))).toBe('update 49')
  expect(await listed()).toMatchObject([{ packages: expect.stringContaining('/30/') }])
  instead.clear()
  for (let i = 0; i < 5; i++) await step()
  expect(await listed()).toEqual([])
  expect(await inspectStore(own.publisher)).toMatchObject({ findings: [], packages: 41 })
})

describe('a bundle', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'platte-details-'))
  })
  afterEach(() => rm(folder, { recursive: true }))
  const bundleOf = async (name: string, since = 0): Promise<string> => {
    const file = join(folder, name)
    const out = createWriteStream(file)
    await exportBundle(origin.publisher, out, { ...every, since })
    await endBundle(out)
    return file
  }

  test('has them, always in the same bytes; a later one only what is new', async () => {
    await publishOne(origin, '3')
    const first = await bundleOf('first.tar')
    expect(await readFile(await bundleOf('again.tar'))).toEqual(await readFile(first))
    own = await emptyCopy()
    await importBundle(first, own.publisher, every)
    expect(await inspectStore(own.publisher)).toMatchObject({ findings: [], manifests: 2, packages: 2 })
    origin.time.now += minute
    await publishOne(origin, '4')
    const later = await bundleOf('later.tar', 2)
    const names = (await readFile(later)).toString('latin1').match(/notes\/releases\/[0-9a-f]{64}/g)
    expect(names).toEqual([await detailsOf('4')])
    expect(await importBundle(later, own.publisher, every)).toMatchObject({ kind: 'mirrored', absent: [] })
    expect(await ask(newReader(own))).toBe('update 4')
    expect(await inspectStore(own.publisher)).toMatchObject({ findings: [], manifests: 3, packages: 3 })
  })

  test('leaves wrong details out, and withholds their release where it is imported', async () => {
    await publishOne(origin, '3')
    const key = await detailsOf('3')
    const bytes = await origin.bucket.read(key)
    await origin.bucket.overwrite(key, bytes.with(99, 120))
    const file = await bundleOf('wrong.tar')
    await origin.bucket.overwrite(key, bytes)
    const problem = expect.stringContaining('neither here nor in the bundle')
    expect(await importBundle(file, own.publisher, every)).toMatchObject({ missing: [{ key, problem }] })
    expect(await listed()).toMatchObject([{ packages: expect.stringContaining('/3/') }])
    expect(await ask(newReader(own))).toBe('update 2')
    await importBundle(await bundleOf('right.tar'), own.publisher, every)
    expect(await ask(newReader(own))).toBe('update 3')
  })
})
