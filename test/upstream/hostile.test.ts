/** What servers do that are not what they should be: each is an error in words, in time, and nothing is believed. */
import type { RequestListener, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamDocuments, upstreamPackages } from '../../src/store/http/upstream.ts'
import { serve, type TestServer } from './server.ts'

const transport = nodeTransport()

/** Enough for a machine that has other things to do. */
const patientMs = 10_000
/** Where nothing will come anyway. */
const impatientMs = 200
const key = 'packages/example.app/1.0.0/amd64-usr/0123/os.gz'
let server: TestServer | undefined
afterEach(() => server?.close())

/** A server that answers so, and what reads it. */
async function from(answer: RequestListener, idleMs = patientMs) {
  server = await serve(answer)
  const { url } = server
  return {
    server,
    documents: upstreamDocuments(url, { idleMs, transport }),
    packages: upstreamPackages(url, { idleMs, transport }),
    origin: url.slice(0, -1),
  }
}

/** What goes wrong: code, message and what to do; or what came instead. */
const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `came: ${JSON.stringify(value)}`,
    (error: unknown) =>
      error instanceof PlatteError ? `${error.code}: ${error.message}; ${error.hint}` : `a defect: ${error}`,
  )

const page = '<!DOCTYPE html><title>Please log in</title>'
const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(code, headers).end(page)
const broken = (response: ServerResponse, announced: number, sent: number): void => {
  response.writeHead(200, { 'Content-Length': announced })
  response.write('x'.repeat(sent), () => response.destroy())
}

describe('a document', () => {
  test.each<[string, RequestListener, RegExp]>([
    ['403', status(403), /^forbidden: catalog\.jws: http:\/\/\S+ answers 403; .*s3:GetObject and s3:ListBucket/],
    ['401', status(401), /^forbidden: .*answers 401/],
    ['500', status(500), /^store-unavailable: .*answers 500; .*PLATTE_STORE/],
    ['503', status(503, { 'Retry-After': '1' }), /^store-unavailable: .*answers 503/],
    ['429', status(429), /^store-unavailable: .*answers 429/],
    [
      '206 that nobody asked for',
      status(206, { 'Content-Range': 'bytes 0-9/10' }),
      /^store-unavailable: .*answers 206/,
    ],
    ['304 that nobody asked for', (_, response) => response.writeHead(304).end(), /^store-unavailable: .*answers 304/],
    [
      'a redirect to itself',
      status(302, { Location: '/catalog.jws' }),
      /^store-unavailable: .*redirects more than 5 times/,
    ],
    ['a redirect to a file', status(307, { Location: 'file:///etc/passwd' }), /^store-unavailable: .*not plain http/],
    ['a redirect to data', status(302, { Location: 'data:text/plain,x' }), /^store-unavailable: .*not plain http/],
    ['a redirect with a password', status(302, { Location: 'http://me:canary@127.0.0.1/' }), /not plain http/],
    ['a redirect to nowhere', status(301), /^store-unavailable: .*redirects without a valid Location/],
    [
      'a redirect to no URL',
      status(301, { Location: 'http://' }),
      /^store-unavailable: .*redirects without a valid Location/,
    ],
    [
      'an encoding',
      status(200, { 'Content-Encoding': 'gzip' }),
      /^store-unavailable: .*Content-Encoding; configure that/,
    ],
    ['a body that breaks off', (_, response) => broken(response, 100, 50), /^store-unavailable: /],
    [
      'no HTTP',
      ({ socket }) => void socket.end('SSH-2.0-OpenSSH\r\n'),
      /^store-unavailable: .*cannot be read from http:\/\/127\.0\.0\.1:\d+: ./,
    ],
    [
      'a closed connection',
      ({ socket }) => void socket.destroy(),
      /^store-unavailable: .*cannot be read from http:\/\/127\.0\.0\.1:\d+: ./,
    ],
    ['too much, announced', status(200, { 'Content-Length': '5000' }), /^too-large: catalog\.jws/],
    ['too much, unannounced', (_, response) => flood(response), /^too-large: catalog\.jws/],
  ])('%s', async (_, answer, want) => {
    const { documents, server } = await from(answer)
    const words = await failure(documents.get('catalog.jws', 1000))
    expect(words).toMatch(want)
    expect(words).not.toContain('canary')
    expect(server.seen.length).toBeLessThan(10)
  })

  test.each([404, 410])('%s is an absent document', async (code) => {
    const { documents, packages } = await from(status(code))
    expect(await documents.get('catalog.jws', 1000)).toBeUndefined()
    expect(await packages.open(key)).toBeUndefined()
    expect(await packages.stat(key)).toBeUndefined()
  })

  test.each([
    ['a weak tag', 'W/"1"', undefined],
    ['a malformed ETag', '1', undefined],
    ['a tag of a file that changed just now', '"1"', 0],
  ])('%s is not trusted', async (_, tag, ageMs) => {
    const modified = ageMs === undefined ? {} : { 'Last-Modified': new Date(Date.now() - ageMs).toUTCString() }
    let state = 'one'
    const { documents, server } = await from((_request, response) => {
      response.writeHead(200, { ETag: tag, ...modified }).end(state)
    })
    const known = await documents.get('catalog.jws', 1000)
    state = 'two'
    const next = await documents.get('catalog.jws', 1000, known)
    expect(new TextDecoder().decode(next?.bytes)).toBe('two')
    expect(server.seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, undefined])
  })

  test('an unreachable server', async () => {
    const { documents, server } = await from(status(200))
    await server.close()
    expect(await failure(documents.get('catalog.jws', 1000))).toMatch(
      /^store-unavailable: .*cannot be read from .*ECONNREFUSED/,
    )
    await from(status(200))
  })

  test('a request has no credentials, and asks for unencoded bytes', async () => {
    const { documents, server } = await from(status(200))
    const got = await documents.get('catalog.jws', 1000)
    expect(new TextDecoder().decode(got?.bytes)).toBe(page)
    const headers = server.seen[0]?.headers ?? {}
    expect(headers['accept-encoding']).toBe('identity')
    for (const name of ['authorization', 'cookie', 'referer', 'if-none-match', 'range'])
      expect(headers).not.toHaveProperty(name)
  })
})

/** One byte at a time, each in time. */
function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write('x'), 50)
  response.on('close', () => clearInterval(timer))
}

/** Bytes for as long as somebody takes them. */
function flood(response: ServerResponse): void {
  const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), more))
  more()
}

const range = { start: 10, end: 19 }
const bytes = Buffer.from('0123456789'.repeat(10))
const partial = (contentRange: string, body: Uint8Array): RequestListener => {
  return (_, response) => void response.writeHead(206, { 'Content-Range': contentRange }).end(body)
}
const read = async (work: ReturnType<ReturnType<typeof upstreamPackages>['open']>): Promise<string> =>
  new Response((await work)?.body).text()

describe('a range of a package', () => {
  test.each<[string, RequestListener, string | RegExp]>([
    ['the part', partial('bytes 10-19/100', bytes.subarray(10, 20)), 'came: "0123456789"'],
    ['the whole', (_, response) => response.writeHead(200, { 'Content-Length': 100 }).end(bytes), 'came: "0123456789"'],
    ['another part', partial('bytes 0-9/100', bytes.subarray(0, 10)), /^store-unavailable: .*another range than 10-19/],
    ['a smaller part', partial('bytes 10-18/100', bytes.subarray(10, 19)), /^store-unavailable: .*another range/],
    ['a part of an unknown whole', partial('bytes 10-19/*', bytes.subarray(10, 20)), /without a Content-Range/],
    ['a part that says nothing', (_, response) => response.writeHead(206).end(bytes), /without a Content-Range/],
    [
      'a part that is short',
      partial('bytes 10-19/100', bytes.subarray(10, 19)),
      // What is missing is asked for again.
      /sends another range than 19-19/,
    ],
    [
      'a part that is long',
      partial('bytes 10-19/100', bytes.subarray(10, 40)),
      /30 bytes came where 10 were announced/,
    ],
    ['a smaller whole', partial('bytes 10-14/15', bytes.subarray(10, 15)), /^bad-request: .*outside its 15 bytes/],
    ['416 of a smaller whole', status(416, { 'Content-Range': 'bytes */5' }), /^bad-request: .*outside its 5 bytes/],
    [
      '416 of a whole that has it',
      status(416, { 'Content-Range': 'bytes */100' }),
      /^store-unavailable: .*another range/,
    ],
    ['416 without words', status(416), /^store-unavailable: .*without a Content-Range/],
    ['a whole of no length', (_, response) => void response.write(bytes), /sends no Content-Length/],
  ])('%s', async (_, answer, want) => {
    const { packages } = await from(answer)
    expect(await failure(read(packages.open(key, range)))).toMatch(want)
  })
})

describe('a package', () => {
  test.each<[string, RequestListener, RegExp]>([
    ['403', status(403), /^forbidden: packages.*answers 403/],
    ['502', status(502), /^store-unavailable: .*answers 502/],
    ['a redirect to itself', status(307, { Location: '#' }), /redirects more than 5 times/],
  ])('%s, by GET and by HEAD', async (_, answer, want) => {
    const { packages } = await from(answer)
    expect(await failure(packages.open(key))).toMatch(want)
    // A reason hangs on a body, and HEAD has none.
    expect(await failure(packages.stat(key))).toMatch(want)
  })

  test.each<[string, RequestListener, RegExp]>([
    ['a length that is not said', (_, response) => void response.write('x'), /sends no Content-Length/],
    ['a body that breaks off', (_, response) => broken(response, 100, 50), /^store-unavailable: /],
  ])('%s', async (_, answer, want) => {
    const { packages } = await from(answer)
    expect(await failure(read(packages.open(key)))).toMatch(want)
  })

  test('slow readers are allowed: only the server has timeouts', async () => {
    const sent = Buffer.alloc(5_000_000, 'x')
    const answer: RequestListener = (_, response) =>
      response.writeHead(200, { 'Content-Length': sent.length }).end(sent)
    const { packages } = await from(answer, 1000)
    const open = await packages.open(key)
    await new Promise((later) => setTimeout(later, 1500))
    expect((await new Response(open?.body).arrayBuffer()).byteLength).toBe(sent.length)
  })

  test('redirects are followed with the same request, to other hosts too', async () => {
    const other = await serve((_, response) => {
      response.writeHead(206, { 'Content-Range': 'bytes 10-19/100' }).end(bytes.subarray(10, 20))
    })
    const { packages } = await from((request, response) => {
      response.writeHead(307, { Location: new URL(request.url ?? '', other.url).href }).end()
    })
    expect(await read(packages.open(key, range))).toBe('0123456789')
    expect(other.seen).toMatchObject([{ method: 'GET', path: `/${key}`, headers: { range: 'bytes=10-19' } }])
    await other.close()
  })
})

describe('a server that stops sending', () => {
  const stops: RequestListener = (_, response) => void response.writeHead(200, { 'Content-Length': 9 }).write('x')

  test('before an answer', async () => {
    const { documents, packages } = await from(() => {}, impatientMs)
    const want = /^store-unavailable: \S+: nothing came from \S+ for 200 ms; .*PLATTE_STORE/
    expect(await failure(documents.get('catalog.jws', 1000))).toMatch(want)
    expect(await failure(packages.open(key))).toMatch(want)
    expect(await failure(packages.stat(key))).toMatch(want)
  })

  test('in the middle', async () => {
    const { documents, packages } = await from(stops, 1000)
    expect(await failure(documents.get('catalog.jws', 1000))).toMatch(/nothing came from \S+ for 1000 ms/)
    expect(await failure(read(packages.open(key)))).toMatch(/nothing came from \S+ for 1000 ms/)
  })

  test('a document that trickles times out, too', async () => {
    const { documents } = await from((_, response) => drip(response), 1000)
    expect(await failure(documents.get('catalog.jws', 1000))).toMatch(/did not come from \S+ within 3000 ms/)
  })

  test('a timeout closes the connection', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const { packages } = await from((_, response) => {
      response.on('close', resolve)
      response.writeHead(200, { 'Content-Length': 9 }).write('x')
    }, 1000)
    expect(await failure(read(packages.open(key)))).toMatch(/nothing came/)
    await closed
  })
})

test('every write is refused', async () => {
  const { documents, packages, server } = await from(status(200))
  const body = new ReadableStream<Uint8Array>()
  const writes = [
    documents.create('catalog.jws', bytes),
    documents.swap('catalog.jws', bytes, 'token'),
    packages.put(key, body, { size: 100, sha256: '' }),
    packages.remove(key),
  ]
  for (const work of writes)
    expect(await failure(work)).toMatch(/^refused: .*http:\/\/127\.0\.0\.1:\d+ is read-only; set PLATTE_STORE/)
  expect(server.seen).toEqual([])
  expect([documents, packages].map((store) => ['list', 'folders', 'stage'].some((name) => name in store))).toEqual([
    false,
    false,
  ])
})
