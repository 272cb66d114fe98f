/** Documents over HTTP: every byte of what anybody may read, and nothing of what else lies in the store. */
import { createHash } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { publicDocument } from '../../src/documents/paths.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { createApp } from '../../src/runtime/app.ts'
import type { Documents } from '../../src/store/documents.ts'
import { memoryDocuments } from '../memory.ts'
import { makeSceneStore, publicUrl, type SceneStore } from '../scenes/fixture.ts'

const documents = memoryDocuments()
const log: LogEntry[] = []
let store: SceneStore

beforeAll(async () => {
  store = await makeSceneStore(documents)
})

/** Asks an endpoint over the store, or over other documents. */
const ask = (path: string, headers: Readonly<Record<string, string>> = {}, over: Documents = documents) => {
  const { publisher } = store
  const reader = { ...publisher, documents: over, log: (entry: LogEntry) => void log.push(entry) }
  const { packages } = publisher
  const app = createApp({
    cache: newCatalogCache(),
    reader,
    packages,
    events: reader.log,
    publicUrl,
    background: () => undefined,
  })
  return app.request(path, { headers })
}

const stored = async (key: string): Promise<Uint8Array> => {
  const found = await documents.get(key, 2 ** 20)
  if (found === undefined) throw new Error(`${key} is not there`)
  return found.bytes
}

test('every public document of a store is served byte for byte, with its SHA-256 as ETag', async () => {
  const all: string[] = []
  for await (const key of documents.list?.('') ?? []) if (!key.startsWith('locks/')) all.push(key)
  expect(all.map((key) => publicDocument(key)?.kind)).toEqual(
    expect.arrayContaining(['root', 'catalog', 'channel', 'notes']),
  )
  const isLock = (key: string): boolean => key.startsWith('locks/')
  for (const key of all.filter(isLock)) expect((await ask(`/${key}`)).status).toBe(404)
  for (const key of all.filter((one) => !isLock(one))) {
    const answer = await ask(`/${key}`)
    const bytes = await stored(key)
    expect(answer.status).toBe(200)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes)
    expect(answer.headers.get('content-length')).toBe(`${bytes.length}`)
    const etag = answer.headers.get('etag') ?? ''
    expect(etag).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`)
    expect((await ask(`/${key}`, { 'if-none-match': etag })).status).toBe(304)
    expect((await ask(`/${key}`, { 'if-none-match': etag.replace(/\w/, 'x') })).status).toBe(200)
  }
})

test.each([
  'locks/closed.json',
  `publish/${'0'.repeat(64)}`,
  'events/dt=2026-11-23/1.json',
  'root/1.jws.bak',
  'root/0.jws',
  'root/latest.jws',
  'apps/example.app/stable/1.jws',
  'apps/example.app/stable/0000000001.json',
  'apps/example.app/0000000001.jws',
  'apps/example.app/stable/x/0000000001.jws',
  'apps/EXAMPLE.APP/stable/0000000001.jws',
  `notes/${'A'.repeat(64)}`,
  'notes/README.md',
  'catalog.jws.1',
])('%s is in the store, but is not served', async (key) => {
  const secret = new TextEncoder().encode('what only writers know')
  // Keys that no adapter takes are not there for it either.
  await documents.create(key, secret).catch(() => undefined)
  for (const path of [`/${key}`, `//${key}`, `/packages/../${key}`, `/notes/%2e%2e/${key}`, `/root/..%2f${key}`]) {
    const answer = await ask(path)
    expect([path, answer.status]).toEqual([path, 404])
    expect(await answer.text()).not.toContain('writers know')
  }
})

const failing = (error: Error): Documents => ({ ...documents, get: () => Promise.reject(error) })

test.each([
  ['store-unavailable', new PlatteError('store-unavailable', 'secret-bucket does not answer')],
  ['forbidden', new PlatteError('forbidden', 'secret-bucket wants s3:GetObject')],
])('a store that fails with %s is 503, and the log has the reason', async (_, error) => {
  log.length = 0
  const answer = await ask('/catalog.jws', {}, failing(error))
  expect(answer.status).toBe(503)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(await answer.json()).toMatchObject({ detail: 'something went wrong here; the log says what' })
  expect(log).toContainEqual(expect.objectContaining({ path: '/catalog.jws', problem: error.message }))
})

const put = async (key: string, bytes: Uint8Array): Promise<void> => {
  const there = await documents.get(key, 2 ** 21)
  await (there ? documents.swap(key, bytes, there.token) : documents.create(key, bytes))
}

test.each([
  ['root/9.jws', 64 * 1024],
  [`notes/${'9'.repeat(64)}`, 1024 * 1024],
  ['apps/example.app/stable/0000000009.jws', 1024 * 1024],
])('%s above the size limit is reported as an error of the store', async (key, maxBytes) => {
  await put(key, new Uint8Array(maxBytes + 1))
  log.length = 0
  expect((await ask(`/${key}`)).status).toBe(500)
  expect(log).toContainEqual(expect.objectContaining({ problem: `${key}: is larger than ${maxBytes} bytes` }))
})

test('notes of the maximum size are served', async () => {
  const notes = new Uint8Array(1024 * 1024)
  const key = `notes/${createHash('sha256').update(notes).digest('hex')}`
  await put(key, notes)
  expect((await ask(`/${key}`)).status).toBe(200)
})

test.each(['root/8.jws', `notes/${'8'.repeat(64)}`, 'apps/example.app/stable/0000000008.jws'])(
  '%s that is not a valid document is not passed on: an upstream may redirect to internal hosts',
  async (key) => {
    for (const text of ['{"AccessKeyId":"inside"}', '{"payload":"aW5zaWRl","signatures":[]}']) {
      await put(key, new TextEncoder().encode(text))
      const answer = await ask(`/${key}`)
      expect([answer.status, answer.headers.get('etag')]).toEqual([500, null])
      expect(await answer.json()).toMatchObject({ detail: 'something went wrong here; the log says what' })
    }
  },
)
