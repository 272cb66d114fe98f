/**
 * Bad input as bytes on a socket: one table for every server. Node, Deno and workerd bring their own HTTP parsers, so a
 * row lists every outcome that is safe. More than one answer is never safe: bytes behind a request were then taken for a
 * second one.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { bodyOf } from '../protocol/samples.ts'

/** A status; `closed` where the connection ends without an answer. */
export type Outcome = number | 'closed'

export interface BadInput {
  readonly name: string
  /** What is sent, in pieces with pauses between them. */
  readonly pieces: readonly Uint8Array[]
  /** Whether the client closes its side behind the last piece. */
  readonly halfCloses?: boolean
  readonly want: readonly Outcome[]
  /** A request that Lambda can be called with, too. */
  readonly request?: PlainRequest
}

export interface PlainRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer> | undefined
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'latin1'))
export const check = bytes(bodyOf('full-update-01'))

const post = { method: 'POST', path: '/v1/update/', headers: { 'Content-Type': 'text/xml' }, body: check }

function wire({ method, path, headers, body }: PlainRequest): Uint8Array {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${lines.join('')}`
  const length = body ? `Content-Length: ${body.length}\r\n` : ''
  return Buffer.concat([bytes(`${head}${length}\r\n`), body ?? new Uint8Array()])
}

/** A whole request that every server can read, and so can Lambda. */
const whole = (name: string, want: readonly Outcome[], request: Partial<PlainRequest>): BadInput => {
  const asked = { ...post, ...request }
  return { name, want, request: asked, pieces: [wire(asked)] }
}

/** A request as it is written. `{check}` stands for the body of a check, `{length}` for its length. */
const raw = (name: string, want: readonly Outcome[], ...pieces: readonly string[]): BadInput => ({
  name,
  want,
  pieces: pieces.map((piece) =>
    bytes(piece.replaceAll('{check}', bodyOf('full-update-01')).replaceAll('{length}', `${check.length}`)),
  ),
})

const halfClosed = (row: BadInput): BadInput => ({ ...row, halfCloses: true })

const line = 'POST /v1/update/ HTTP/1.1\r\n'
const host = 'Host: 127.0.0.1\r\nConnection: close\r\n'
/** A head with these header lines in front of a body. */
const head = (...lines: readonly string[]): string => `${line}${host}${lines.map((one) => `${one}\r\n`).join('')}\r\n`
const chunked = head('Transfer-Encoding: chunked')
const chunk = `${check.length.toString(16)}\r\n{check}\r\n`
/** What a smuggler hides behind a request: with an answer of its own it would be a second one on the connection. */
const hidden = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'
const filler = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(count).fill(97)

const refused: readonly Outcome[] = [400, 'closed']

const bodies: readonly BadInput[] = [
  whole('a check', [200], {}),
  whole('a body of 65,536 bytes that is no XML', [400], { body: filler(65_536) }),
  whole('a body of 65,537 bytes', [413], { body: filler(65_537) }),
  whole('a body of a megabyte', [413], { body: filler(1_048_576) }),
  whole('an empty body', [400], { body: new Uint8Array() }),
  whole('blanks', [400], { body: bytes(' \r\n\t') }),
  whole('a byte order mark and nothing else', [400], { body: bytes('\xef\xbb\xbf') }),
  whole('NULs', [400], { body: new Uint8Array(100) }),
  whole('bytes that are not UTF-8', [400], { body: bytes('<request protocol="3.0"><app appid="\xff\xfe') }),
  whole('UTF-16', [400], { body: new Uint8Array(Buffer.from(bodyOf('full-update-01'), 'utf16le')) }),
  whole('half of a check', [400], { body: check.slice(0, 300) }),
  whole('a check twice', [400], { body: new Uint8Array(Buffer.concat([check, check])) }),
  whole('JSON', [400], { body: bytes('{"request":{}}') }),
  whole('a compressed check', [415], {
    body: new Uint8Array(gzipSync(check)),
    headers: { 'Content-Encoding': 'gzip' },
  }),
  whole('a compressed check that does not say so', [400], { body: new Uint8Array(gzipSync(check)) }),
  whole('an encoding that nobody knows', [400, 415], { body: filler(10), headers: { 'Content-Encoding': 'x' } }),
]

const lengths: readonly BadInput[] = [
  raw('no length', [400, 411], `${head()}`),
  ...['-1', 'abc', '1e2', '0x10', '5 5', '5, 6', '99999999999999999999999', '1.5'].map((value) =>
    raw(`Content-Length: ${value}`, refused, `${head(`Content-Length: ${value}`)}{check}`),
  ),
  raw(
    'a length that is twice the same',
    [200, 400],
    `${head('Content-Length: {length}', 'Content-Length: {length}')}{check}`,
  ),
  raw('two lengths', refused, `${head('Content-Length: {length}', 'Content-Length: 5')}{check}`),
  halfClosed(raw('a length of 2 MB, and a part of it', [413, 'closed'], `${head('Content-Length: 2000000')}{check}`)),
  halfClosed(raw('a body that breaks off', [400, 'closed'], `${head('Content-Length: 9999')}{check}`)),
  halfClosed(raw('a head that breaks off', [400, 408, 'closed'], `${line}Host: 127.0.0.1\r\nContent-Le`)),
  raw(
    'a body in pieces',
    [200],
    head('Content-Length: {length}'),
    ...(bodyOf('full-update-01').match(/[\s\S]{1,200}/g) ?? []),
  ),
  raw(
    'a head in pieces',
    [200],
    'PO',
    'ST /v1/upd',
    `ate/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnec`,
    `tion: close\r\nContent-Length: {length}\r\n\r\n{check}`,
  ),
  raw('bytes behind the body', [200, 400], `${head('Content-Length: {length}')}{check}${hidden}`),
]

const transfers: readonly BadInput[] = [
  raw('a chunked check', [200], `${chunked}${chunk}0\r\n\r\n`),
  raw('an empty chunked body', [400], `${chunked}0\r\n\r\n`),
  raw('chunks of 65,537 bytes', [413], `${chunked}10001\r\n${'a'.repeat(65_537)}\r\n0\r\n\r\n`),
  halfClosed(raw('chunks without an end', refused, `${chunked}${chunk}`)),
  ...['-5', 'zz', '', 'fffffffffffffffff', '0x5'].map((size) =>
    raw(`a chunk of size "${size}"`, refused, `${chunked}${size}\r\n{check}\r\n0\r\n\r\n`),
  ),
  raw('a chunk that is longer than it says', refused, `${chunked}5\r\n{check}\r\n0\r\n\r\n`),
  ...['xchunked', 'chunked, identity', 'identity', 'chunked\r\nTransfer-Encoding: identity', '"chunked"'].map((value) =>
    raw(
      `Transfer-Encoding: ${value.replace('\r\n', ' and ')}`,
      [400, 411, 501, 'closed'],
      `${head(`Transfer-Encoding: ${value}`)}0\r\n\r\n${hidden}`,
    ),
  ),
  raw('a blank before the colon', refused, `${head('Transfer-Encoding : chunked', 'Content-Length: {length}')}{check}`),
  raw('a length and chunks', refused, `${head('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${hidden}`),
  raw('chunks and a length', refused, `${head('Transfer-Encoding: chunked', 'Content-Length: 500')}0\r\n\r\n${hidden}`),
]

const heads: readonly BadInput[] = [
  ...['PUT', 'DELETE', 'PATCH', 'OPTIONS'].map((method) => whole(method, [405], { method })),
  ...['TRACE', 'PROPFIND', 'FOO', 'post'].map((method) =>
    raw(method, [400, 405, 501, 'closed'], `${method} /v1/update/ HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`),
  ),
  raw('CONNECT', [400, 404, 405, 500, 501, 'closed'], `CONNECT 127.0.0.1:22 HTTP/1.1\r\n${host}\r\n`),
  ...['/v1/update//', '/v1/updates', '/v1', '/V1/UPDATE/', '/v1/update/%00', '/omaha/../../etc/passwd'].map((path) =>
    whole(`the path ${path}`, [404, 400], { path }),
  ),
  whole('a path with dots that leads here', [200], { path: '/v1/./x/../update/' }),
  whole('a query', [200], { path: '/v1/update/?a=1&b=%zz' }),
  ...['*', 'v1/update/', '//v1/update/', '/v1/up\x00date/', '/v1/up date/', 'http://'].map((path) =>
    raw(
      `the target ${JSON.stringify(path)}`,
      [400, 404, 405, 'closed'],
      `POST ${path} HTTP/1.1\r\n${host}Content-Length: {length}\r\n\r\n{check}`,
    ),
  ),
  raw(
    'a path of 100 kB',
    [400, 404, 414, 431, 'closed'],
    `POST /${'a'.repeat(100_000)} HTTP/1.1\r\n${host}Content-Length: {length}\r\n\r\n{check}`,
  ),
  raw(
    'a header of 200 kB',
    [200, 400, 413, 431, 'closed'],
    `${head(`X-Large: ${'a'.repeat(200_000)}`, 'Content-Length: {length}')}{check}`,
  ),
  raw(
    '5,000 headers',
    [200, 400, 413, 431, 'closed'],
    `${head(...Array.from({ length: 5000 }, (_, i) => `X-${i}: ${'a'.repeat(30)}`), 'Content-Length: {length}')}{check}`,
  ),
  raw('no Host', [200, 400, 'closed'], `${line}Connection: close\r\nContent-Length: {length}\r\n\r\n{check}`),
  raw(
    'an invalid Host',
    [200, 400, 404, 'closed'],
    `${line}Host: a b/<>\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{check}`,
  ),
  raw('a header without a colon', refused, `${head('Nonsense', 'Content-Length: {length}')}{check}`),
  raw('a NUL in a header', refused, `${head('X-Odd: a\0b', 'Content-Length: {length}')}{check}`),
  raw('a folded header', [200, 400, 'closed'], `${head('X-Odd: a\r\n b', 'Content-Length: {length}')}{check}`),
  raw('HTTP/1.0', [200, 400], `POST /v1/update/ HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{check}`),
  raw('HTTP/9.9', [400, 505, 'closed'], `POST /v1/update/ HTTP/9.9\r\n${host}Content-Length: {length}\r\n\r\n{check}`),
  raw('HTTP/0.9', refused, 'POST /v1/update/\r\n\r\n'),
  halfClosed(raw('HTTP/2 without asking', [400, 405, 505, 'closed'], 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')),
  raw('the start of TLS', refused, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'),
  raw('Expect: 100-continue', [200], `${head('Expect: 100-continue', 'Content-Length: {length}')}{check}`),
  raw('Expect of something else', [200, 417], `${head('Expect: money', 'Content-Length: {length}')}{check}`),
  raw('an upgrade', [200, 400], `${head('Upgrade: h2c', 'Content-Length: {length}')}{check}`),
]

export const badInput: readonly BadInput[] = [...bodies, ...lengths, ...transfers, ...heads]

const pauseMs = 20
/** For hangs: a server that is slow must not fail a test. */
const hangMs = 25_000

/** @returns every answer on the connection, until it ends; interim ones do not count. */
export async function outcomesOf(url: string, { pieces, halfCloses }: Pick<BadInput, 'pieces' | 'halfCloses'>) {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  socket.setNoDelay(true)
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  // A server that refuses may reset the connection while the rest is still being sent.
  socket.on('error', () => {})
  const ended = Promise.race([once(socket, 'end'), once(socket, 'close')]).catch(() => {})
  await once(socket, 'connect')
  for (const [turn, piece] of pieces.entries()) {
    if (turn > 0) await sleep(pauseMs)
    if (socket.writable) socket.write(piece)
  }
  if (halfCloses) socket.end()
  const hang = new AbortController()
  const isOver = await Promise.race([
    ended.then(() => true),
    sleep(hangMs, false, { signal: hang.signal }).catch(() => true),
  ])
  hang.abort()
  socket.destroy()
  if (!isOver) return ['hangs']
  const statuses = [...received.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status))
  const final = statuses.filter((status) => status >= 200)
  return final.length === 0 ? ['closed'] : final
}
