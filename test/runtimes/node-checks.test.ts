/** What node:http answers itself, what it leaves to Hono, and clients that go away. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { type CheckCore, openChecks } from '../../src/checks/answer.ts'
import { listen } from '../../src/runtime/node.ts'
import { gate, newStore } from '../world.ts'
import { check, outcomesOf } from './bad-input.ts'

const { publisher, log } = await newStore()
let checks: CheckCore
let server: Server
let url = ''

/** A core over a store that answers when `opened` does. */
function coreOver(opened: Promise<unknown>): CheckCore {
  const { documents, packages } = publisher
  const get: typeof documents.get = async (...asked) => {
    await opened
    return documents.get(...asked)
  }
  const reader = { ...publisher, documents: { ...documents, get } }
  const serving = { cache: newCatalogCache(), reader, packages, events: publisher.log, publicUrl: 'https://u.example' }
  return openChecks({ ...serving, background: () => undefined })
}

const byHono = () => new Response('by Hono', { status: 418 })

beforeAll(async () => {
  const served = {
    fetch: byHono,
    get checks() {
      return checks
    },
  }
  ;({ server, url } = await listen({ host: '127.0.0.1', port: 0 }, () => served))
})
beforeEach(() => {
  checks = coreOver(Promise.resolve())
  log.length = 0
})
afterAll(() => void server.close())

const head = (...lines: readonly string[]): string =>
  ['POST /v1/update/ HTTP/1.1', 'Host: 127.0.0.1', 'Connection: close', ...lines, '', ''].join('\r\n')
const length = `Content-Length: ${check.length}`

test.each([
  ['a check', head(length), [200]],
  ['the other path', head(length).replace('v1/update/', 'omaha'), [200]],
  ['another path', head(length).replace('update/', 'update/x'), [418]],
  ['a query', head(length).replace('update/', 'update/?a'), [418]],
  ['another method', head(length).replace('POST', 'PUT'), [418]],
  ['chunks', head('Transfer-Encoding: chunked'), [418]],
  ['a body that is too large', head('Content-Length: 65537'), [418]],
  ['an encoding', head(length, 'Content-Encoding: gzip'), [418]],
  ['an invalid Host', head(length).replace('127.0.0.1', 'a b'), [400]],
])('%s', async (_, asked, want) => {
  expect(await outcomesOf(url, { pieces: [Buffer.from(asked), check] })).toEqual(want)
})

test('returns the id of a request, and logs it', async () => {
  const headers = { 'x-request-id': 'abc-1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
  const answer = await fetch(`${url}/v1/update/`, { method: 'POST', headers, body: '' })
  expect([answer.status, answer.headers.get('x-request-id')]).toEqual([400, 'abc-1'])
  expect(await answer.text()).toBe('error: the body is empty: POST an Omaha request here\n')
  const { traceparent } = headers
  const refused = {
    level: 'info',
    event: 'contact',
    refused: 'bad-request',
    path: '/v1/update/',
    status: 400,
    requestId: 'abc-1',
    traceparent,
  }
  expect(log).toEqual([expect.objectContaining(refused)])
})

test.each([
  ['a line that is no request', 'GET\r\n\r\n', /^the request is not HTTP that can be read: \S/],
  ['headers that are too large', head(`X: ${'x'.repeat(20_000)}`), /its headers are too large$/],
  ['two lengths', head(length, 'Content-Length: 1'), /Content-Length/],
])('what the parser refuses leaves a line: %s', async (_, asked, problem) => {
  expect(await outcomesOf(url, { pieces: [Buffer.from(asked)] })).toEqual([400])
  const refused = { level: 'info', event: 'contact', refused: 'bad-request', status: 400 }
  expect(log).toEqual([expect.objectContaining({ ...refused, problem: expect.stringMatching(problem) })])
})

test('a crowd of them leaves 60 lines a minute', async () => {
  const one = () => outcomesOf(url, { pieces: [Buffer.from('nonsense\r\n\r\n')] })
  expect(new Set((await Promise.all(Array.from({ length: 70 }, one))).flat())).toEqual(new Set([400]))
  expect(log.length).toBeGreaterThan(50)
  expect(log.length).toBeLessThanOrEqual(60)
})

test('a client that disconnects halfway through its body is logged, but not as an error', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(head('Content-Length: 9999', 'User-Agent: curl/8.5.0'))
  socket.write(check)
  await once(server, 'request')
  socket.destroy()
  await vi.waitFor(() =>
    expect(log).toEqual([
      expect.objectContaining({
        level: 'info',
        event: 'contact',
        refused: 'bad-request',
        problem: 'the body broke off before its end',
      }),
    ]),
  )
})

test('a client that disconnects during a store read causes no error', async () => {
  const slow = gate()
  checks = coreOver(slow.opened)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(head(length))
  socket.write(check)
  const [, response] = await once(server, 'request')
  const answered = vi.spyOn(response, 'end')
  socket.destroy()
  await once(response, 'close')
  slow.open()
  await vi.waitFor(() => expect(log).toContainEqual(expect.objectContaining({ event: 'contact' })))
  expect(answered).not.toHaveBeenCalled()
  checks = coreOver(Promise.resolve())
  expect(await outcomesOf(url, { pieces: [Buffer.from(head(length)), check] })).toEqual([200])
})
