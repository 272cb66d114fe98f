/** One server, the same reads on Node, in the real Deno and in the real workerd. */
import { execFile } from 'node:child_process'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { type places, readAll } from './reads.ts'
import { serve, type TestServer } from './server.ts'

const answers: Readonly<Record<(typeof places)[number], RequestListener>> = {
  plain: (_, response) => response.end('plain bytes'),
  tagged: ({ headers }, response) =>
    headers['if-none-match'] === '"1"'
      ? response.writeHead(304).end()
      : response.writeHead(200, { ETag: '"1"' }).end('tagged'),
  missing: (_, response) => response.writeHead(404).end('not here'),
  forbidden: (_, response) => response.writeHead(403).end('not for you'),
  failing: (_, response) => response.writeHead(503).end('later'),
  moved: (_, response) => response.writeHead(307, { Location: '/notes/plain' }).end('see there'),
  loop: (_, response) => response.writeHead(302, { Location: '/notes/loop' }).end(),
  'to-file': (_, response) => response.writeHead(307, { Location: 'file:///etc/hostname' }).end(),
  encoded: (_, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('plain bytes')),
  short: (_, response) => {
    response.writeHead(200, { 'Content-Length': 50 })
    response.write('x', () => response.destroy())
  },
  long: (_, response) => response.end('x'.repeat(101)),
  silent: () => {},
  stops: (_, response) => void response.writeHead(200, { 'Content-Length': 50 }).write('x'),
  closed: ({ socket }) => void socket.destroy(),
}

const content = Buffer.from('0123456789')

function answerPackage({ method, headers }: IncomingMessage, response: ServerResponse): void {
  if (method === 'HEAD') return void response.writeHead(200, { 'Content-Length': content.length }).end()
  if (headers.range !== 'bytes=3-5')
    return void response.writeHead(200, { 'Content-Length': content.length }).end(content)
  response.writeHead(206, { 'Content-Range': 'bytes 3-5/10', 'Content-Length': 3 }).end('345')
}

const folder = '/packages/example.app/1.0.0%2B4/amd64-usr/0123'
const handlers = new Map<string, RequestListener>([
  ...Object.entries(answers).map(([name, answer]) => [`/notes/${name}`, answer] as const),
  [`${folder}/os.gz`, answerPackage],
  [`${folder}/moved.gz`, (_, response) => response.writeHead(307, { Location: `${folder}/os.gz` }).end()],
])

const want = {
  plain: 'plain bytes',
  tagged: 'tagged',
  missing: 'absent',
  forbidden: 'forbidden',
  failing: 'store-unavailable',
  moved: 'plain bytes',
  loop: 'store-unavailable',
  'to-file': 'store-unavailable',
  encoded: 'store-unavailable',
  short: 'store-unavailable',
  long: 'too-large',
  silent: 'store-unavailable',
  stops: 'store-unavailable',
  closed: 'store-unavailable',
  'plain again': 'true',
  'tagged again': 'true',
  ...Object.fromEntries(
    ['os', 'moved'].flatMap((name) => {
      const key = `packages/example.app/1.0.0+4/amd64-usr/0123/${name}.gz`
      return [
        [`open ${key}`, '10: 0123456789'],
        [`part of ${key}`, '10: 345'],
        [`stat ${key}`, '10'],
      ]
    }),
  ),
}

let server: TestServer
beforeAll(async () => {
  server = await serve((request, response) => {
    const answer = handlers.get(request.url ?? '')
    if (answer) answer(request, response)
    else response.writeHead(500).end(`what is ${request.url}?`)
  })
})
afterAll(() => server.close())

beforeEach(() => void server.seen.splice(0))

/** Each runtime came by every place, and asked for a tagged document again by its tag. */
const expectReads = (outcomes: unknown): void => {
  expect(outcomes).toEqual(want)
  expect(new Set(server.seen.map(({ path }) => path))).toEqual(new Set(handlers.keys()))
  expect(server.seen.filter(({ headers }) => headers['if-none-match'] === '"1"')).toHaveLength(1)
  // Node says it once more for a range.
  for (const { headers } of server.seen) expect(headers['accept-encoding']).toMatch(/^identity(, identity)?$/)
}

test('on Node', async () => expectReads(await readAll(server.url, nodeTransport())))

test('in Deno, with network permission only', async () => {
  const deno = join(import.meta.dirname, '../../node_modules/.bin/deno')
  const script = join(import.meta.dirname, '../runtimes/upstream-suite.deno.ts')
  const args = [
    'run',
    '--no-prompt',
    '--no-lock',
    '--cached-only',
    '--quiet',
    '--allow-net=127.0.0.1',
    script,
    server.url,
  ]
  const { stdout } = await promisify(execFile)(deno, args)
  expectReads(JSON.parse(stdout))
})

test('in workerd', async () => {
  const main = '../runtimes/upstream-suite.worker.ts'
  const config = { name: 'upstream-suite', main, compatibility_date: '2026-10-01', send_metrics: false }
  const workers = createTestHarness({ root: import.meta.dirname, workers: [{ config }] })
  try {
    await workers.listen()
    expectReads(await (await workers.fetch(`/?from=${server.url}`)).json())
  } finally {
    await workers.close()
  }
})
