/** Files at URLs of other servers, over real sockets: whole, cut, of another size, and where they may not be. */
import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { configuredAt, fetchBounded } from '../../src/store/http/fetch.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { hashInto } from '../../src/store/streams.ts'
import { type DownloadOptions, remoteFile } from '../../src/url-files/download.ts'
import { refusal } from '../world.ts'
import { serve, type TestServer } from './server.ts'

const servers: TestServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function listen(answer: RequestListener): Promise<TestServer> {
  const server = await serve(answer)
  servers.push(server)
  return server
}

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))
const sha256 = createHash('sha256').update(bytes).digest('hex')

/** The file under each path but `/absent.gz`; the first GET of `/cut.gz` breaks off. */
function fileServer(): RequestListener {
  let isCut = false
  return ({ method, url, headers }, response) => {
    if (url === '/absent.gz') return void response.writeHead(404).end()
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)
    const range = headers.range && { 'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
    response.writeHead(range ? 206 : 200, { 'Content-Length': bytes.length - from, ...range })
    if (method === 'HEAD') return void response.end()
    if (url !== '/cut.gz' || isCut) return void response.end(bytes.subarray(from))
    isCut = true
    response.write(bytes.subarray(0, 100_000), () => response.destroy())
  }
}

const options: DownloadOptions = { transport: nodeTransport(), idleMs: 5000 }

async function fetched(url: string, more: Partial<DownloadOptions> = {}) {
  const { name, size, open } = await remoteFile(url, { ...options, ...more })
  const found = await hashInto(open(), async () => {}, { hasher: nodeHasher(), name })
  return { name, size, isSame: found.sha256 === sha256 }
}

test('a file has the name and the size that it has there, and may be read twice', async () => {
  const { url } = await listen(fileServer())
  const file = await remoteFile(`${url}4152.2.0/oem-azure.gz?x=1`, options)
  for (let i = 0; i < 2; i++)
    expect((await hashInto(file.open(), async () => {}, { hasher: nodeHasher(), name: '' })).sha256).toBe(sha256)
  expect(file).toMatchObject({ name: 'oem-azure.gz', size: bytes.length })
})

test.each([403, 405, 501])(
  'a server that answers HEAD with %i, as for a presigned URL, is asked by GET',
  async (status) => {
    const files = fileServer()
    const { url } = await listen((request, response) =>
      request.method === 'HEAD' ? response.writeHead(status).end() : files(request, response),
    )
    expect(await fetched(`${url}a.gz`)).toEqual({ name: 'a.gz', size: bytes.length, isSame: true })
    expect(await refusal(fetched(`${url}absent.gz`))).toMatch(/^missing: /)
  },
)

test('a download goes on where its connection broke off', async () => {
  const server = await listen(fileServer())
  expect(await fetched(`${server.url}cut.gz`)).toEqual({ name: 'cut.gz', size: bytes.length, isSame: true })
  expect(server.seen.map(({ method, headers }) => [method, headers.range])).toEqual([
    ['HEAD', undefined],
    ['GET', undefined],
    ['GET', 'bytes=100000-299999'],
  ])
})

test.each([
  ['absent.gz', {}, /^missing: http:\S+\/absent\.gz: there is no such file/],
  ['absent.gz', { size: 3 }, /^missing: /],
  ['x.gz', { size: 299_999 }, /^mismatch: http:\S+\/x\.gz: has 300000 bytes, expected 299999/],
  ['x.gz', { maxBytes: 1000 }, /^too-large: /],
])('%s with %j is refused', async (name, more, words) => {
  const { url } = await listen(fileServer())
  expect(await refusal(fetched(url + name, more))).toMatch(words)
})

test.each(['ftp://example.org/x', 'https://u:p@example.org/x', 'x', 'https://example.org/%ff'])(
  '%s is no URL of a file',
  async (url) => expect(await refusal(remoteFile(url, options))).toMatch(/^usage: (?!.*u:p@ex.*u:p)/),
)

test('a server of the internet may not name an address of this machine or network', async () => {
  const inside = await listen(fileServer())
  const from = configuredAt('https://updates.example.org/v1/update/')
  for (const url of [`${inside.url}x.gz`, 'http://169.254.169.254/x.gz', 'http://10.0.0.1/x.gz'])
    expect(await refusal(fetched(url, { from, size: 300_000 }))).toMatch(
      /^store-unavailable: .*https:\/\/updates\.example\.org names \S+, an address of this machine or its network/,
    )
  expect(inside.seen).toEqual([])
  const own = configuredAt('http://127.0.0.1:1/v1/update/')
  expect(await fetched(`${inside.url}x.gz`, { from: own })).toMatchObject({ isSame: true })
})

test('a POST arrives with its body, also behind a redirect that keeps it; others are refused', async () => {
  const echo = await listen((request, response) => void request.pipe(response))
  const status = { code: 307 }
  const { url } = await listen((_, response) => void response.writeHead(status.code, { Location: echo.url }).end())
  const ask = async () => {
    const asked = { method: 'POST', url, body: '<request/>', key: 'an answer', ...options, idleMs: 5000 } as const
    return new Response((await fetchBounded(asked)).body(undefined)).text()
  }
  expect(await ask()).toBe('<request/>')
  status.code = 302
  expect(await refusal(ask())).toMatch(/answers a POST with the redirect 302/)
})
