/** Whoever owns the upstream can keep its readers from what is new, until the catalog expires. Nothing else. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { summarise } from '../../src/catalog/summary.ts'
import type { Answering } from '../../src/checks/update-check.ts'
import { catalogKey, channelKey, rootKey } from '../../src/documents/paths.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamDocuments, upstreamPackages } from '../../src/store/http/upstream.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { seal } from '../../src/trust/envelope.ts'
import { app, ask, bytesOf, day, minute, newKey, newReader, newStore, publishOne, type TestStore } from '../world.ts'
import { serve, type TestServer } from './server.ts'

const transport = nodeTransport()

let store: TestStore
let server: TestServer
let reader: Answering
/** What the owner of the upstream puts in the place of what is stored. */
let forged: Map<string, () => Promise<Uint8Array> | Uint8Array>
/** Says that nothing changed, whatever was asked. */
let always304: boolean

beforeEach(async () => {
  store = await newStore()
  forged = new Map()
  always304 = false
  await publishOne(store, '2')
  server = await serve((request, response) => {
    const key = (request.url ?? '').slice(1)
    if (always304 && request.headers['if-none-match']) return void response.writeHead(304).end()
    const bytes = forged.get(key)?.() ?? store.bucket.read(key)
    Promise.resolve(bytes).then(
      async (found) => response.writeHead(200, { ETag: `"${await sha256Hex(found)}"` }).end(found),
      () => response.writeHead(404).end(),
    )
  })
  reader = newReader(store, { documents: upstreamDocuments(server.url, { transport }) })
  expect(await ask(reader)).toBe('update 2')
})
afterEach(() => server.close())

const later = (ms: number): void => {
  store.time.now += ms
}
const newcomer = (): Answering => newReader(store, { documents: upstreamDocuments(server.url, { transport }) })
const stable = (seq: number): string => channelKey(app, 'stable', seq)

test('an earlier catalog: a server with a newer mark keeps it, a new server is frozen until it expires', async () => {
  const earlier = await store.bucket.read(catalogKey)
  later(minute)
  await publishOne(store, '3')
  expect(await ask(reader)).toBe('update 3')
  forged.set(catalogKey, () => earlier)
  later(minute)
  expect(await ask(reader)).toBe('update 3')
  expect(store.log).toContainEqual(
    expect.objectContaining({ event: 'catalog', message: expect.stringContaining('not newer') }),
  )
  expect(await ask(newcomer())).toBe('update 2')
  later(15 * day)
  expect([await ask(reader), await ask(newcomer())]).toEqual(['catalog-expired', 'catalog-expired'])
})

test('endless 304 answers are the same freeze', async () => {
  always304 = true
  later(minute)
  await publishOne(store, '3')
  expect(await ask(reader)).toBe('update 2')
  later(15 * day)
  expect(await ask(reader)).toBe('catalog-expired')
})

test('an earlier manifest in place of a later one', async () => {
  await publishOne(store, '3')
  const earlier = await store.bucket.read(stable(1))
  forged.set(stable(2), () => earlier)
  expect(await ask(newcomer())).toBe('unverifiable')
})

test('a catalog, a manifest or a root of other keys', async () => {
  const stranger = await newKey('EdDSA')
  const resealed = async (key: string, type: Parameters<typeof seal>[0]): Promise<Uint8Array> => {
    const { payload } = JSON.parse(Buffer.from(await store.bucket.read(key)).toString())
    return seal(type, new Uint8Array(Buffer.from(payload, 'base64url')), [stranger])
  }
  for (const [key, type] of [
    [catalogKey, 'platte-catalog+jws'],
    [stable(1), 'platte-channel+jws'],
    [rootKey(1), 'platte-root+jws'],
  ] as const) {
    forged.clear()
    forged.set(key, () => resealed(key, type))
    expect([key, await ask(newcomer())]).toEqual([key, 'unverifiable'])
    later(minute)
    expect([key, await ask(reader)]).toEqual([key, 'update 2'])
  }
})

test('an endless chain of invented manifests is given up', async () => {
  const stranger = await newKey('EdDSA')
  const made = [await store.bucket.read(stable(1))]
  const { payload } = JSON.parse(Buffer.from(made[0] ?? []).toString())
  const first = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const makeUp = async (seq: number): Promise<Uint8Array> => {
    const previous = await sha256Hex(made.at(-1) ?? new Uint8Array())
    made.push(await seal('platte-channel+jws', bytesOf({ ...first, seq, previous }), [stranger]))
    return made.at(-1) ?? new Uint8Array()
  }
  for (let seq = 2; seq < 1200; seq++) {
    const bytes = await makeUp(seq)
    forged.set(stable(seq), () => bytes)
  }
  const inspecting = {
    ...store.publisher,
    documents: upstreamDocuments(server.url, { transport }),
    packages: upstreamPackages(server.url, { transport }),
    newHasher: nodeHasher,
  }
  const { problems, channels } = await summarise(inspecting)
  expect([problems, channels]).toEqual([
    [expect.stringContaining('is more than 1,000 manifests ahead of the catalog')],
    [],
  ])
  const { findings } = await inspectStore(inspecting)
  expect(findings).toContainEqual(expect.objectContaining({ level: 'error', key: stable(1001) }))
})
