/** The client of an endpoint: what it repeats and how long, and where it sends no token. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callFunction, findIdToken, requireConfidential } from '../../src/publish-api/client.ts'
import { refusal } from '../world.ts'

type Answer = (response: ServerResponse) => void

/** Answers by path, one after another; the last one stays. */
const answers = new Map<string, Answer[]>()
const times = new Map<string, number[]>()
const server = createServer(({ url = '' }, response) => {
  times.set(url, [...(times.get(url) ?? []), Date.now()])
  const left = answers.get(url) ?? []
  const next = left.length > 1 ? left.shift() : left[0]
  next?.(response)
})
let origin = ''
beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end('{}')
/** As a plain web server that closes early. */
const closing: Answer = (response) =>
  void response.writeHead(200, { 'content-length': 9e5 }).write('{', () => response.destroy())
const later = () => {
  const now = Math.ceil(Date.now() / 1000) * 1000
  const [date, after] = [now, now + 3000].map((at) => new Date(at).toUTCString())
  return status(429, { date: date ?? '', 'retry-after': after ?? '' })
}

describe.concurrent('a request is safe to repeat', () => {
  test.each<readonly [string, readonly Answer[], RegExp, number, number]>([
    ['too-many', [status(429, { 'retry-after': '3' }), status(200)], /^accepted$/, 2, 3000],
    ['too-many-until', [later(), status(200)], /^accepted$/, 2, 3000],
    ['too-many-without-a-word', [status(429), status(200)], /^accepted$/, 2, 900],
    ['a-defect', [status(500), status(500), status(200)], /^accepted$/, 3, 900],
    ['a-defect-that-stays', [status(500)], /^store-unavailable: .* answered 500/, 4, 900],
    ['a-gateway', [status(502), status(503), status(504), status(200)], /^accepted$/, 4, 900],
    ['too-many-for-ever', [status(429, { 'retry-after': '0' })], /^store-unavailable: .* answered 429/, 4, 900],
    ['a-refusal', [status(403)], /^refused/, 1, 0],
    ['a-conflict', [status(409)], /^conflict/, 1, 0],
    ['no-token', [status(401)], /^unauthorized/, 1, 0],
  ])('%s', async (name, some, words, count, waitMs) => {
    const path = `/${name}`
    answers.set(path, [...some])
    expect(await refusal(callFunction({ url: origin + path, body: '{}' }))).toMatch(words)
    const [first = 0, second = first, ...others] = times.get(path) ?? []
    expect(others.length + (times.get(path)?.length === 1 ? 1 : 2)).toBe(count)
    expect(second - first).toBeGreaterThanOrEqual(count === 1 ? 0 : waitMs)
  })

  test('so is the request for a token', async () => {
    const given: Answer = (response) => void response.end('{"value":"a.b.c"}')
    answers.set('/token?audience=x', [status(503), given])
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: `${origin}/token`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary' }
    expect(await findIdToken(undefined, env, 'x')).toBe('a.b.c')
  })

  test('so is an upload, while the server closes as soon as bytes come', async () => {
    const bytes = new Uint8Array(20_000_000).fill(7)
    const sizes: number[] = []
    const closed = createServer((request, response) => {
      let size = 0
      const isFirst = sizes.push(0) < 3
      request.on('data', (chunk) => {
        size += chunk.length
        if (isFirst) request.socket.destroy()
      })
      request.on('end', () => {
        sizes.push(size)
        response.end()
      })
    })
    await new Promise<void>((listening) => closed.listen(0, '127.0.0.1', listening))
    const url = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/part`
    await callFunction({ url, method: 'PUT', body: new Blob([bytes]) })
    expect(sizes).toEqual([0, 0, 0, bytes.length])
    closed.close()
  })

  test('so is the request for a token, when its server closes in the middle', async () => {
    answers.set('/cut?audience=x', [closing, (response) => void response.end('{"value":"a.b.c"}')])
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: `${origin}/cut`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary' }
    expect(await findIdToken(undefined, env, 'x')).toBe('a.b.c')
  })

  test('a defect ends even a request that is repeated forty times', async () => {
    answers.set('/complete', [status(500)])
    expect(await refusal(callFunction({ url: `${origin}/complete`, attempts: 40 }))).toMatch(/^store-unavailable/)
    expect(times.get('/complete')).toHaveLength(4)
  })
})

describe('a token goes to', () => {
  test.each<readonly [string, boolean]>([
    ['https://updates.example.org', true],
    ['http://127.0.0.1:8080', true],
    ['http://127.1.2.3', true],
    ['http://[::1]:8080', true],
    ['http://localhost', true],
    ['http://updates.example.org', false],
    ['http://localhost.example.org', false],
    ['http://127.0.0.1.example.org', false],
    ['http://10.0.0.1', false],
    ['http://0.0.0.0', false],
    ['http://[::ffff:127.0.0.1]', false],
    ['ftp://localhost', false],
  ])('%s: %s', async (url, isAllowed) => {
    const problem = await refusal(Promise.resolve().then(() => requireConfidential(new URL(url), 'PLATTE_ENDPOINT')))
    expect(problem).toMatch(
      isAllowed ? /^accepted$/ : /^configuration: PLATTE_ENDPOINT: .* gets no token: it would travel/,
    )
  })

  test('no token service over http, whose bearer is a secret too', async () => {
    const env = {
      ACTIONS_ID_TOKEN_REQUEST_URL: 'http://tokens.example.org/?x=1',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary',
    }
    expect(await refusal(findIdToken(undefined, env, 'x'))).toMatch(
      /^unauthorized: .*ACTIONS_ID_TOKEN_REQUEST_URL: .*no token/,
    )
  })
})
