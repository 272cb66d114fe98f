/** Both ways of Node, its own and through Hono, answer the same bytes on a socket: headers, bodies, and how it ends. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { openChecks } from '../../src/checks/answer.ts'
import { createApp } from '../../src/runtime/app.ts'
import { listen } from '../../src/runtime/node.ts'
import { bodyOf, updateEngineRequests } from '../protocol/samples.ts'
import { newStore, publishOne } from '../world.ts'
import { type BadInput, badInput } from './bad-input.ts'

const store = await newStore()
await publishOne(store, '4152.2.0', { channel: 'beta' })
const { publisher, log } = store
const urls: string[] = []
const servers: Server[] = []

beforeAll(async () => {
  for (const isDirect of [true, false]) {
    const { packages } = publisher
    const serving = { cache: newCatalogCache(), reader: publisher, packages, events: publisher.log }
    const full = { ...serving, publicUrl: 'https://u.example', background: () => () => {} }
    const served = { fetch: createApp(full).fetch, checks: isDirect ? openChecks(full) : undefined }
    const { server, url } = await listen({ host: '127.0.0.1', port: 0 }, () => served)
    servers.push(server)
    urls.push(url)
  }
})
afterAll(() => servers.map((server) => server.close()))

const quietMs = 150
/** For hangs. */
const hangMs = 30_000

/** What comes back until the connection ends, or nothing comes for a while where it stays open. */
async function answersOf(url: string, { pieces, halfCloses }: Pick<BadInput, 'pieces' | 'halfCloses'>) {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), allowHalfOpen: true })
  let [received, last] = ['', performance.now()]
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    last = performance.now()
  })
  let isOver = false
  for (const event of ['end', 'close']) socket.on(event, () => (isOver = true))
  await once(socket, 'connect')
  for (const [turn, piece] of pieces.entries()) {
    if (turn > 0) await sleep(10)
    if (socket.writable) socket.write(piece)
  }
  if (halfCloses) socket.end()
  const began = performance.now()
  const isQuiet = () => received !== '' && performance.now() - last > quietMs
  while (!isOver && !isQuiet() && performance.now() - began < hangMs) await sleep(5)
  socket.destroy()
  return { received: alike(received), isOver }
}

/** Dates, and ids that are made. */
const alike = (text: string): string =>
  text.replace(/^Date: .+$/gim, 'Date: …').replace(/^x-request-id: [0-9a-f]{12}-\d+/gim, 'x-request-id: …')

const bytes = (text: string) => Buffer.from(text, 'latin1')
const post = (body: string | Buffer, path = '/v1/update/', ...lines: readonly string[]) => {
  const content = typeof body === 'string' ? Buffer.from(body) : body
  const head = [`POST ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...lines, `Content-Length: ${content.length}`, '', '']
  return Buffer.concat([bytes(head.join('\r\n')), content])
}
const check = bodyOf('updatecheck-scheduled-steady-state')
const close = 'Connection: close'
const trace = `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
const row = (name: string, ...pieces: readonly Uint8Array[]): BadInput => ({ name, pieces, want: [] })
const whole = Buffer.concat([post(check), post(bodyOf('full-update-01')), post('', '/omaha', close)])

const shapes: readonly BadInput[] = [
  ...badInput,
  ...updateEngineRequests.map((name) => row(name, post(bodyOf(name), '/v1/update/', close))),
  ...[
    '/v1/update',
    '/omaha',
    '/omaha/',
    '/omaha/json',
    '/service/update2/json',
    '/v1/update/?a=b',
    '/v1/update/?cup2key=1:2',
  ].map((path) => row(path, post(check, path, close))),
  row('a mark in front', post(`\ufeff${check}`, '/v1/update/', close)),
  row('an id of its own', post(check, '/v1/update/', 'X-Request-Id: abc-1', trace, close)),
  row('ids that are none', post(check, '/v1/update/', 'X-Request-Id: a b', 'traceparent: 00', close)),
  row('words of another tongue', post(check.replace('web-1', 'größe 日本'), '/v1/update/', close)),
  row(
    'a channel of no name, and an answer that is not ASCII',
    post(check.replace('{e96', '{é96'), '/v1/update/', close),
  ),
  row('kept alive', post(check)),
  row(
    'HTTP/1.0 kept alive',
    bytes(post(check, '/v1/update/', 'Connection: keep-alive').toString('latin1').replace('1.1', '1.0')),
  ),
  row('three at once', whole),
  row('three, byte after byte in sevens', ...(whole.toString('latin1').match(/[\s\S]{1,97}/g) ?? []).map(bytes)),
  row('a refusal between two checks', post(check), post('nonsense'), post(check, '/v1/update/', close)),
  row(
    'a check behind one by Hono',
    post(check, '/v1/update/?a'),
    post(check),
    bytes('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
  ),
  row('two lengths of one', post(check, '/v1/update/', `Content-Length: ${check.length}`, close)),
  row(
    'a Host with a port',
    bytes(post(check, '/v1/update/', close).toString('latin1').replace('127.0.0.1', '[::1]:80')),
  ),
  { ...row('one that goes away in its body', post(check).subarray(0, 500)), halfCloses: true },
]

test.each(shapes)('$name', async (shape) => {
  const [direct, byHono] = await Promise.all(urls.map((url) => answersOf(url, shape)))
  expect(direct).toEqual(byHono)
})

test('a check in each of many states of a connection leaves one line', async () => {
  log.length = 0
  for (const url of urls) await answersOf(url, row('three', whole))
  const lines = log.map(({ requestId: _, ...entry }) => entry)
  expect(lines).toHaveLength(6)
  expect(lines.slice(0, 3)).toEqual(lines.slice(3))
})
