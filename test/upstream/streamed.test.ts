/** Packages that are no copies here: verified while they are sent, so that no client has all of wrong bytes, nor a range. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import type { LogEntry } from '../../src/kernel/log.ts'
import { createApp } from '../../src/runtime/app.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamPackages } from '../../src/store/http/upstream.ts'
import { memoryPackages } from '../memory.ts'
import { newStore, publishOne, sourceOf } from '../world.ts'
import { fileServer, serve, type TestServer } from './server.ts'

const content = `data ${'0123456789'.repeat(30_000)}`
const log: LogEntry[] = []
let server: TestServer
let path: string
let app: ReturnType<typeof createApp>
/** What the upstream sends instead of the package. */
let instead: Buffer | undefined

beforeEach(async () => {
  const origin = await newStore()
  await publishOne(origin, '2', { sources: [sourceOf('os.gz', content)], raw: true })
  for await (const key of origin.packages.list?.('packages/') ?? []) path = `/${key}`
  instead = undefined
  server = await serve((request, response) => {
    if (instead === undefined) fileServer(origin.publisher, { tags: 'content', ranges: true })(request, response)
    else response.writeHead(200, { 'Content-Length': instead.length }).end(instead)
  })
  app = createApp({
    ...{ cache: newCatalogCache(), reader: { ...origin.publisher, log: (entry: LogEntry) => void log.push(entry) } },
    packages: memoryPackages(nodeHasher),
    upstream: { packages: upstreamPackages(server.url, { transport: nodeTransport() }), newHasher: nodeHasher },
    ...{ events: () => {}, publicUrl: 'http://127.0.0.1', background: () => undefined },
  })
})
afterEach(() => server.close())

/** Status and bytes of an answer as far as they come. */
async function get(range?: string) {
  const { status, body, headers } = await app.request(path, { headers: range ? { range } : {} })
  const reader = body?.getReader()
  const chunks: Uint8Array[] = []
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) chunks.push(next.value)
    return { status, headers, text: Buffer.concat(chunks).toString(), isWhole: true }
  } catch {
    return { status, headers, text: Buffer.concat(chunks).toString(), isWhole: false }
  }
}

test.each([
  [undefined, 200, 0, content.length],
  ['bytes=0-9', 206, 0, 10],
  ['bytes=100000-', 206, 100_000, content.length],
  ['bytes=-7', 206, content.length - 7, content.length],
  ['bytes=65536-131071', 206, 65_536, 131_072],
])('right bytes come whole: %s', async (range, status, from, to) => {
  expect(await get(range)).toMatchObject({ status, text: content.slice(from, to), isWhole: true })
})

describe('of wrong bytes of the right size', () => {
  const wrong = Buffer.from(`${content.slice(0, 50)}X${content.slice(51)}`)
  beforeEach(() => {
    instead = wrong
  })
  test.each([undefined, 'bytes=0-9', 'bytes=100000-', 'bytes=-7', 'bytes=0-65535', 'bytes=299990-300000'])(
    'the last 64 KiB never come: %s',
    async (range) => {
      const found = await get(range)
      expect(found.isWhole).toBe(false)
      expect(found.text.length).toBeLessThanOrEqual(content.length - 65_536)
      if (range !== undefined && range !== 'bytes=100000-') expect(found.text).toBe('')
      expect(log.at(-1)).toMatchObject({ event: 'package', code: 'mismatch' })
    },
  )
})

test('of another size nothing comes, and the size is not told', async () => {
  instead = Buffer.alloc(4711)
  for (const range of [undefined, 'bytes=0-9']) {
    const found = await get(range)
    expect(found.status).toBe(404)
    expect(found.text).not.toMatch(/4711|127\.0\.0\.1/)
  }
  const head = await app.request(path, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length')]).not.toContain('4711')
})
