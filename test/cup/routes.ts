/** What is proven on which path, in which dialect, and what is not: the same on every runtime. */
import { brotliDecompressSync, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { updatePaths } from '../../src/checks/http-updates.ts'
import { makeCupKey, publicHalf } from '../../src/cup/keys.ts'
import type { CupKey } from '../../src/documents/root.ts'
import { bodyOf } from '../protocol/samples.ts'
import type { SceneStore } from '../scenes/fixture.ts'
import type { Send } from '../scenes/runner.ts'
import { nextRoot } from './root.ts'
import { isProven, proofIn } from './verifier.ts'

const made = await Promise.all(['15', '16', 'ML-DSA-44-16', '17'].map(makeCupKey))
const [old, key, mlDsa] = (await Promise.all(made.slice(0, 3).map(publicHalf))) as [CupKey, CupKey, CupKey]
const listed = [old, key, mlDsa]

/** As PLATTE_CUP_KEYS takes them. The root will not list the last one. */
export const cupKeys = JSON.stringify({ keys: made })
export const listKeys = (store: SceneStore) => nextRoot(store, { cup: { add: listed } })

export interface Route {
  readonly send: Send
  readonly stop: () => Promise<unknown>
  /** Lambda gets whole requests, and its doors decide what of HTTP they let through. */
  readonly isFunction?: true
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text))
const tool = '{11111111-2222-4333-8444-555555555555}'
const id = '{7f3d2a10-1111-4a2b-8c3d-000000000001}'
const json = (protocol: string, app: object): string =>
  JSON.stringify({
    request: {
      ...{ protocol, '@os': 'linux', arch: 'x64', acceptformat: 'crx3,download,puff,run,xz,zucc' },
      [protocol.startsWith('4') ? 'apps' : 'app']: [{ appid: tool, ap: 'tools', iid: id, ...app }],
    },
  })

/** By their names; each answers 200. */
const bodies: Readonly<Record<string, readonly [body: string, answer: RegExp]>> = {
  'XML 3.0, an update': [bodyOf('full-update-01'), /<updatecheck status="ok">/],
  'XML 3.0, a ping': [bodyOf('ping-only-need-reboot'), /<ping status="ok"/],
  'XML 3.0, an unknown app': [
    bodyOf('full-update-01').replaceAll(/e96281a6/gi, '00000000'),
    /error-unknownApplication/,
  ],
  'JSON 4.0, an update': [json('4.0', { version: '1.0', updatecheck: {} }), /"pipelines":/],
  'JSON 4.0, nothing newer': [json('4.0', { version: '1.2.0', updatecheck: {} }), /"noupdate"/],
  'JSON 4.0, in other letters': [json('4.0', { version: '1.0', ap: '測試 ü', updatecheck: {} }), /"noupdate"/],
  'JSON 4.0, a ping-back': [json('4.0', { version: '1.2.0', events: [{ eventtype: 3, eventresult: 1 }] }), /"events":/],
  'JSON 3.1, an update': [json('3.1', { version: '1.0', updatecheck: {} }), /"manifest":/],
  'behind a byte order mark': [`\ufeff${json('4.0', { version: '1.0', updatecheck: {} })}`, /"pipelines":/],
}
const ask = bodies['JSON 4.0, an update']?.[0] ?? ''
/** 32 random bytes, as browsers send them. */
const nonce = 'y2vSRUx6W0Zjq1Rv3QJf9m8aVxN0sTgKcHdLpEuBiMo'
const flipped = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((byte, i) => (i === 30 ? byte ^ 1 : byte)))

export function routeSuite(name: string, start: () => Promise<Route>): void {
  describe(name, () => {
    let route: Route
    beforeAll(async () => {
      route = await start()
    })
    afterAll(() => route.stop())

    const get = async (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
      read(await route.send({ method, path, headers: { Host: 'localhost', ...headers }, body: undefined }))
    const post = async (query: string, body: string | Uint8Array<ArrayBuffer> = ask, more: Asked = {}) => {
      const { path = '/service/update2/json', headers = {} } = more
      const bytes = typeof body === 'string' ? utf8(body) : body
      const type = /^\s*</.test(Buffer.from(bytes).toString()) ? 'text/xml' : 'application/json'
      const length = 'Transfer-Encoding' in headers ? {} : { 'Content-Length': `${bytes.length}` }
      const sent = { Host: 'localhost', 'Content-Type': type, ...length, ...headers }
      return read(await route.send({ method: 'POST', path: `${path}?${query}`, headers: sent, body: bytes }))
    }

    describe.each(updatePaths)('POST %s', (path) => {
      test.each(Object.entries(bodies))('%s', async (_, [body, wanted]) => {
        for (const { kid } of listed) {
          const answer = await post(`cup2key=${kid}:${nonce}&cup2hreq=00`, body, { path })
          expect(answer).toMatchObject({ status: 200, text: expect.stringMatching(wanted) })
          expectProof(answer, { cup2key: `${kid}:${nonce}`, request: utf8(body) })
        }
      })
    })

    test.each(['/service/update2/crx', '/v1/update/'])('GET %s: an extension', async (path) => {
      const asked = `${path}?channel=tools&x=${encodeURIComponent(`id=${tool}&v=1.0&uc`)}`
      for (const { kid } of listed) {
        const cup2key = `${kid}:${nonce}`
        const answer = await get(`${asked}&cup2key=${cup2key}`)
        expect(answer).toMatchObject({ status: 200, text: expect.stringMatching('codebase=') })
        expectProof(answer, { cup2key, request: utf8('') })
      }
      expect(await get(`${asked}&cup2key=99:${nonce}`)).toMatchObject({ status: 400, proof: '' })
      expect(await get(asked)).toMatchObject({ status: 200, proof: '' })
      expect(await get(`${asked}&cup2key=16:${nonce}`, {}, 'HEAD')).toMatchObject({ status: 200, text: '' })
    })

    test.each([
      ['escaped', `cup2key=16%3A${nonce}`, `16:${nonce}`],
      ['with signs', 'cup2key=16:a%2Bb%26c%3Dd%25', '16:a+b&c=d%'],
      ['behind others', `a=b&cup2hreq=0&cup2key=16:${nonce}&c`, `16:${nonce}`],
    ])('cup2key %s', async (_, query, cup2key) => {
      expectProof(await post(query), { cup2key, request: utf8(ask) })
    })

    test('an answer is never a 304, whatever the client has of earlier ones', async () => {
      const query = `cup2key=16:${nonce}`
      const first = await post(query)
      const etag = first.header('etag') ?? ''
      for (const tag of [etag, etag.replace('W/', ''), '*']) {
        const again = await post(query, ask, { headers: { 'If-None-Match': tag } })
        expect(again.status).toBe(200)
        expectProof(again, { cup2key: `16:${nonce}`, request: utf8(ask) })
      }
    })

    test('a client that takes compressed answers reads the bytes that were proven', async () => {
      const answer = await post(`cup2key=16:${nonce}`, ask, { headers: { 'Accept-Encoding': 'gzip, br, zstd' } })
      expectProof(answer, { cup2key: `16:${nonce}`, request: utf8(ask) })
    })

    test('a body in chunks', async () => {
      if (route.isFunction) return
      const headers = { 'Transfer-Encoding': 'chunked' }
      expectProof(await post(`cup2key=16:${nonce}`, ask, { headers }), { cup2key: `16:${nonce}`, request: utf8(ask) })
    })

    test.each<[string, string, string | Uint8Array<ArrayBuffer>, number, Record<string, string>?]>([
      ['a key that nobody knows', `cup2key=99:${nonce}`, ask, 400],
      ['a key that the root does not list', `cup2key=17:${nonce}`, ask, 400],
      ['no nonce', 'cup2key=16', ask, 400],
      ['an empty value', 'cup2key=', ask, 400],
      ['half of a body', `cup2key=16:${nonce}`, ask.slice(0, 90), 400],
      ['an empty body', `cup2key=16:${nonce}`, '', 400],
      ['too large a body', `cup2key=16:${nonce}`, 'a'.repeat(70_000), 413],
      ['gzip', `cup2key=16:${nonce}`, new Uint8Array(gzipSync(ask)), 415, { 'Content-Encoding': 'gzip' }],
      ['zstd', `cup2key=16:${nonce}`, new Uint8Array(zstdCompressSync(ask)), 415, { 'Content-Encoding': 'zstd' }],
    ])('%s is refused, without a proof', async (_, query, body, status, headers = {}) => {
      expect(await post(query, body, { headers })).toMatchObject({ status, proof: '' })
    })

    test('other methods prove nothing', async () => {
      for (const method of ['HEAD', 'GET', 'PUT', 'DELETE', 'OPTIONS'])
        for (const path of updatePaths)
          expect((await get(`${path}?cup2key=16:${nonce}`, {}, method)).proof, `${method} ${path}`).toBe('')
    })
  })
}

interface Asked {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

const decoders: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  ...{ gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync },
}

/** workerd compresses what a client takes; a proof covers what the client reads. */
function read({ status, header, body: sent }: Awaited<ReturnType<Send>>) {
  const body = decoders[header('content-encoding') ?? '']?.(sent) ?? sent
  const headers = { get: (name: string) => header(name) ?? null }
  return { status, header, headers, body, text: Buffer.from(body).toString(), proof: proofIn(headers) }
}

/** Holds for these bytes and this key alone, and no cache keeps it. */
function expectProof(
  { headers, body: response, header }: ReturnType<typeof read>,
  asked: { readonly cup2key: string; readonly request: Uint8Array },
): void {
  const exchange = { ...asked, response, headers }
  const by = listed.find(({ kid }) => asked.cup2key.startsWith(`${kid}:`)) ?? key
  expect(isProven(exchange, by)).toBe(true)
  expect(isProven({ ...exchange, response: flipped(response) }, by)).toBe(false)
  if (asked.request.length > 0) expect(isProven({ ...exchange, request: flipped(asked.request) }, by)).toBe(false)
  for (const other of listed) if (other !== by && other.kty === by.kty) expect(isProven(exchange, other)).toBe(false)
  expect(header('cache-control')).toBe('no-store')
  expect(header('etag')).toBe(by.kty === 'EC' ? `W/"${header('x-cup-server-proof')}"` : undefined)
}
