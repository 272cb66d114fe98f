/** Answers with proofs, from the whole endpoint: over Request and Response, over node:http, with each kind of key. */
import { createPublicKey } from 'node:crypto'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { openChecks } from '../../src/checks/answer.ts'
import type { FeatureContext, Serving } from '../../src/checks/serving.ts'
import { makeCupKey, type PrivateCupKey, publicHalf, spkiOf } from '../../src/cup/keys.ts'
import { type CupCrypto, openCup, webCrypto } from '../../src/cup/open.ts'
import { derOf } from '../../src/cup/proof.ts'
import type { CupKey } from '../../src/documents/root.ts'
import { createApp } from '../../src/runtime/app.ts'
import { nodeCup } from '../../src/runtime/cup-node.ts'
import { listen } from '../../src/runtime/node.ts'
import { bodyOf } from '../protocol/samples.ts'
import { newStore } from '../world.ts'
import { nextRoot } from './root.ts'
import { isProven, proofIn } from './verifier.ts'

const [old, key, mlDsa, unlisted] = (await Promise.all(['15', '16', 'ML-DSA-44-16', '17'].map(makeCupKey))) as [
  PrivateCupKey,
  PrivateCupKey,
  PrivateCupKey,
  PrivateCupKey,
]
const [oldPublic, publicKey, mlDsaPublic] = (await Promise.all([old, key, mlDsa].map(publicHalf))) as [
  CupKey,
  CupKey,
  CupKey,
]
const store = await newStore({ format: 2 })
await nextRoot(store, { cup: { add: [oldPublic, publicKey, mlDsaPublic] } })
const { publisher } = store
const stops: (() => Promise<void>)[] = []
afterAll(async () => void (await Promise.all(stops.map((stop) => stop()))))

const body = bodyOf('full-update-01')
/** 32 random bytes, as browsers send them. */
const nonce = 'y2vSRUx6W0Zjq1Rv3QJf9m8aVxN0sTgKcHdLpEuBiMo'

/** The endpoint with some keys. @returns what POSTs to it, with the query as it is. */
async function endpoint(shell: 'fetch' | 'node:http', crypto: CupCrypto, keys: readonly PrivateCupKey[] | undefined) {
  const cache = newCatalogCache()
  const context = { cache, reader: publisher } as unknown as FeatureContext
  const extensions = keys ? [await openCup({ text: JSON.stringify({ keys }) }, context, crypto)] : []
  const { packages, log: events } = publisher
  const serving: Serving = {
    ...{ cache, reader: publisher, packages, events, extensions },
    ...{ publicUrl: 'https://u.example', background: () => undefined },
  }
  const { fetch: answer } = createApp(serving)
  const post = (url: string, sent: string) => new Request(url, { method: 'POST', body: sent })
  if (shell === 'fetch')
    return async (query: string, sent = body) => answer(post(`http://u.example/v1/update/?${query}`, sent))
  const checks = openChecks(serving)
  const byHono = () => new Response('by Hono', { status: 418 })
  const running = await listen({ host: '127.0.0.1', port: 0 }, () => ({ fetch: byHono, checks }))
  stops.push(running.stop)
  return async (query: string, sent = body) => fetch(post(`${running.url}/v1/update/?${query}`, sent))
}

const all = [old, key, mlDsa, unlisted]
const shells = (['fetch', 'node:http'] as const).flatMap((shell) =>
  (
    [
      ['WebCrypto', webCrypto],
      ['node:crypto', nodeCup],
      [
        'node:crypto of a runtime without ML-DSA',
        { ...nodeCup, openMlDsa: async () => Promise.reject(new Error('none')) },
      ],
    ] as const
  ).map(([name, crypto]) => ({ shell, name, crypto })),
)
const bytesOf = (text: string) => Buffer.from(text)

describe.each(shells)('by $shell, with $name', async ({ shell, crypto }) => {
  const ask = await endpoint(shell, crypto, all)

  test.each([oldPublic, publicKey, mlDsaPublic])('key $kid proves both bodies', async (listed) => {
    const cup2key = `${listed.kid}:${nonce}`
    const answer = await ask(`cup2key=${cup2key}&cup2hreq=0000`)
    const response = bytesOf(await answer.text())
    const exchange = { cup2key, request: bytesOf(body), response, headers: answer.headers }
    expect([answer.status, isProven(exchange, listed)]).toEqual([200, true])
    const broken = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)))
    expect(isProven({ ...exchange, request: broken(exchange.request) }, listed)).toBe(false)
    expect(isProven({ ...exchange, response: broken(response) }, listed)).toBe(false)
    expect(isProven({ ...exchange, response: Buffer.concat([response, bytesOf(' ')]) }, listed)).toBe(false)
    expect(isProven({ ...exchange, cup2key: `${listed.kid}:${nonce.slice(1)}` }, listed)).toBe(false)
    if (listed !== oldPublic && listed.kty === 'EC') expect(isProven(exchange, oldPublic)).toBe(false)
  })

  test('an ETag repeats a proof of P-256, and no proof of ML-DSA-44', async () => {
    const { headers } = await ask(`cup2key=16:${nonce}`)
    expect(headers.get('etag')).toBe(`W/"${headers.get('x-cup-server-proof')}"`)
    const long = (await ask(`cup2key=ML-DSA-44-16:${nonce}`)).headers
    expect([long.get('etag'), proofIn(long).length]).toEqual([null, 4905])
  })

  test.each([
    ['a key that nobody knows', 'cup2key=99:abc', 'there is no CUP key 99 here'],
    ['a key that the root does not list', 'cup2key=17:abc', 'there is no CUP key 17 here'],
    ['a key without a nonce', 'cup2key=16', 'cup2key is not of the form KEY:NONCE'],
    ['an empty nonce', 'cup2key=16:', 'cup2key is not of the form KEY:NONCE'],
    ['a nonce that is too long', `cup2key=16:${'a'.repeat(300)}`, 'cup2key is not of the form KEY:NONCE'],
  ])('%s is refused', async (_, query, problem) => {
    const answer = await ask(query)
    expect([answer.status, proofIn(answer.headers)]).toEqual([400, ''])
    expect(await answer.text()).toContain(problem)
  })

  test('nothing is proven without being asked, and no error is', async () => {
    const plain = await ask('cup=1').catch(() => undefined)
    if (shell === 'fetch') expect([plain?.status, plain && proofIn(plain.headers)]).toEqual([200, ''])
    const wrong = await ask(`cup2key=16:${nonce}`, '<request')
    expect([wrong.status, proofIn(wrong.headers)]).toEqual([400, ''])
    const empty = await ask(`cup2key=16:${nonce}`, '')
    expect([empty.status, await empty.text()]).toEqual([400, expect.stringContaining('the body is empty')])
  })

  test('a server without keys refuses', async () => {
    const answer = await (await endpoint(shell, crypto, undefined))(`cup2key=16:${nonce}`)
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('this server has no CUP keys')])
  })
})

test('a nonce is opaque: what is signed is cup2key as it was sent, decoded', async () => {
  const ask = await endpoint('fetch', nodeCup, all)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), async (text) => {
      const cup2key = `16:${text}`
      const answer = await ask(`a=b&cup2key=${encodeURIComponent(cup2key)}`)
      const response = bytesOf(await answer.text())
      expect(isProven({ cup2key, request: bytesOf(body), response, headers: answer.headers }, publicKey)).toBe(true)
    }),
    { numRuns: 30 },
  )
})

test('bytes that are no UTF-8 are proven as they were sent', async () => {
  const request = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytesOf(body)])
  const ask = await endpoint('fetch', nodeCup, all)
  const answer = await ask(`cup2key=16:${nonce}`, request as unknown as string)
  const response = bytesOf(await answer.text())
  expect(isProven({ cup2key: `16:${nonce}`, request, response, headers: answer.headers }, publicKey)).toBe(true)
})

test("the runtime's own ML-DSA is that of the key", async () => {
  const seed = Buffer.from(mlDsa.kty === 'AKP' ? mlDsa.priv : '', 'base64url')
  const sign = await nodeCup.openMlDsa?.(seed)
  const pub = Buffer.from(mlDsaPublic.kty === 'AKP' ? mlDsaPublic.pub : '', 'base64url')
  expect(ml_dsa44.verify(Buffer.from((await sign?.(seed)) ?? '', 'hex'), seed, pub)).toBe(true)
})

test('health names a key that the root does not list', async () => {
  const cache = newCatalogCache()
  const context = { cache, reader: publisher } as unknown as FeatureContext
  const { prover, problems } = await openCup({ text: JSON.stringify({ keys: all }) }, context, nodeCup)
  await prover?.('/?cup2key=16:a', undefined)
  expect(await problems?.()).toEqual(['CUP key 17 is not in the root, so it is not used'])
})

test('DER is minimal, whatever r and s are', () => {
  const half = fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc
      .uint8Array({ minLength: 0, maxLength: 3 })
      .map((end) => Uint8Array.from([...Array(32 - end.length).fill(0), ...end])),
  )
  fc.assert(
    fc.property(half, half, (r, s) => {
      const der = Buffer.from(derOf(Uint8Array.from([...r, ...s])))
      const read = (at: number): [number, bigint] => {
        const length = der[at + 1] ?? 0
        const digits = der.subarray(at + 2, at + 2 + length)
        expect([der[at], length > 0, (digits[0] ?? 0) < 0x80]).toEqual([2, true, true])
        if (length > 1 && digits[0] === 0) expect(digits[1]).toBeGreaterThanOrEqual(0x80)
        return [at + 2 + length, BigInt(`0x${digits.toString('hex')}`)]
      }
      const [middle, first] = read(2)
      const [end, second] = read(middle)
      expect([der[0], der[1], end]).toEqual([0x30, der.length - 2, der.length])
      expect([first, second]).toEqual([r, s].map((bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)))
    }),
  )
})

test('a public key is written as browsers are built with it', () => {
  for (const one of [publicKey, mlDsaPublic]) {
    const { kid: _, ...jwk } = one
    const read = createPublicKey({ key: Buffer.from(spkiOf(one)), format: 'der', type: 'spki' })
    expect(read.export({ format: 'jwk' })).toMatchObject(jwk)
  }
})
