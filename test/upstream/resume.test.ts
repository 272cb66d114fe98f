/** Packages over lines that break, and servers that change their minds meanwhile: real sockets, cut by a proxy. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { upstreamPackages } from '../../src/store/http/upstream.ts'
import { hashInto } from '../../src/store/streams.ts'
import { serve, type TestServer } from './server.ts'

const key = 'packages/example.app/1.0.0/amd64-usr/0123/os.gz'
const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 255))
const sha256 = createHash('sha256').update(sent).digest('hex')

let server: TestServer | undefined
let line: Server | undefined
afterEach(async () => {
  line?.close()
  await server?.close()
})

type Manners = Readonly<{ tag?: string; ranges?: boolean }>

/** As nginx and S3 answer ranges; without them as Python's server does. */
const fileOf =
  (bytes: () => Buffer, { tag, ranges = true }: Manners): RequestListener =>
  ({ headers }, response) => {
    const whole = bytes()
    const described = { ...(tag && { ETag: tag }) }
    const isSame = headers['if-range'] === undefined || headers['if-range'] === tag
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec((ranges && isSame && headers.range) || '') ?? []
    if (from === undefined)
      return void response.writeHead(200, { ...described, 'Content-Length': whole.length }).end(whole)
    const part = whole.subarray(Number(from), Number(to) + 1)
    const range = `bytes ${from}-${to}/${whole.length}`
    response.writeHead(206, { ...described, 'Content-Length': part.length, 'Content-Range': range }).end(part)
  }

/** A line to a port that breaks after this many bytes of an answer. @returns its URL. */
async function breaking(port: number, everyBytes: number): Promise<string> {
  line = createServer((client) => {
    const there = connect(port, '127.0.0.1')
    let left = everyBytes
    client.on('error', () => {}).pipe(there.on('error', () => {}))
    there.on('data', (chunk) => {
      client.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left > 0) return
      there.destroy()
      client.end()
    })
    client.on('close', () => there.destroy())
    there.on('close', () => client.end())
  })
  await once(line.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(line.address() as AddressInfo).port}/`
}

async function fetched(answer: RequestListener, everyBytes: number, idleMs = 5000): Promise<string> {
  server = await serve(answer)
  const url = await breaking(Number(new URL(server.url).port), everyBytes)
  const packages = upstreamPackages(url, { transport: nodeTransport(), idleMs })
  try {
    const open = await packages.open(key)
    if (open === undefined) return 'absent'
    const found = await hashInto(open.body, async () => {}, { hasher: nodeHasher(), name: key })
    return found.sha256 === sha256 ? 'whole' : `${found.size} other bytes`
  } catch (error) {
    return String(error)
  }
}

describe('over a line that breaks every 150,000 bytes', () => {
  test('a package arrives, by ranges that hold only for the same bytes', async () => {
    expect(
      await fetched(
        fileOf(() => sent, { tag: '"one"' }),
        150_000,
      ),
    ).toBe('whole')
    const [first, ...others] = server?.seen ?? []
    expect(first?.headers).not.toHaveProperty('range')
    expect(others.length).toBeGreaterThanOrEqual(6)
    for (const { headers } of others)
      expect(headers).toMatchObject({ range: expect.stringMatching(/^bytes=\d+-999999$/), 'if-range': '"one"' })
  })

  test.each([undefined, 'W/"one"'])('a package with the tag %s arrives: the digest tells', async (tag) => {
    expect(
      await fetched(
        fileOf(() => sent, { ...(tag && { tag }) }),
        150_000,
      ),
    ).toBe('whole')
    for (const { headers } of server?.seen ?? []) expect(headers).not.toHaveProperty('if-range')
  })

  test('a server without ranges is left after four vain attempts', async () => {
    expect(
      await fetched(
        fileOf(() => sent, { ranges: false }),
        150_000,
      ),
    ).toMatch(/store-unavailable|bytes came|cannot be read/)
    expect(server?.seen.length).toBe(4)
  })

  test('a server that sends the whole again is read from its beginning', async () => {
    let requests = 0
    // The second connection holds.
    const answer: RequestListener = (request, response) =>
      ++requests === 1
        ? response
            .writeHead(200, { 'Content-Length': sent.length })
            .write(sent.subarray(0, 150_000), () => response.destroy())
        : fileOf(() => sent, { ranges: false })(request, response)
    expect(await fetched(answer, 1e9)).toBe('whole')
    expect(requests).toBe(2)
  })

  test('a package that was replaced meanwhile is not pieced together', async () => {
    let requests = 0
    const other = Buffer.alloc(sent.length + 1)
    const answer: RequestListener = (request, response) =>
      fileOf(() => (++requests === 1 ? sent : other), { tag: `"${requests}"` })(request, response)
    expect(await fetched(answer, 150_000)).toMatch(/was replaced at the upstream/)
  })
})

test('a server that drips is left, however long it would go on', async () => {
  const answer: RequestListener = (_, response) => {
    response.writeHead(200, { 'Content-Length': sent.length })
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(timer))
  }
  expect(await fetched(answer, 1e9, 200)).toMatch(/sends it too slowly/)
})

test('a server that breaks off after each byte is left, too', async () => {
  const answer: RequestListener = (request, response) => {
    const [, from = '0'] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? []
    const head =
      from === '0' ? 'HTTP/1.1 200 OK\r\n' : `HTTP/1.1 206 Partial\r\nContent-Range: bytes ${from}-999999/1000000\r\n`
    response.socket?.end(`${head}Content-Length: ${1_000_000 - Number(from)}\r\n\r\nx`)
  }
  expect(await fetched(answer, 1e9, 200)).toMatch(/too slowly|bytes came|cannot be read/)
})

test('bytes after the end, and a connection that is closed at once, end no process', async () => {
  const answer: RequestListener = ({ socket }) =>
    void socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}HTTP/1.1 nonsense\r\n`)
  expect(await fetched(answer, 1e9)).toBe('1000000 other bytes')
})
