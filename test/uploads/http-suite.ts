/** What every runtime answers about uploads, over its own HTTP; and the least that a pipeline has to do. */
import { describe, expect, test } from 'vitest'
import { sample } from '../conformance/rows.ts'
import { payloadOfSize } from '../payloads.ts'
import type { Send } from '../scenes/runner.ts'
import { announced, type File, orderOf } from './scene.ts'

const bearer = { Authorization: 'Bearer let-me-in', 'Content-Type': 'application/json' }

/** An endpoint that takes uploads. */
export interface Target {
  readonly send: Send
  /** Of each part but the last. */
  readonly partBytes: number
  /** Everything that was logged, as text. */
  readonly logs: () => string
  /** Whether parts go to the bucket itself. */
  readonly isDirect: boolean
}

interface Answered {
  readonly name: string
  readonly kind: 'there' | 'missing'
  readonly id: string
  readonly partSize: number
  readonly parts: readonly { readonly number: number; readonly size: number; readonly url: string }[]
  readonly have: readonly number[]
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const encoded = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

async function post(
  { send }: Target,
  path: string,
  body: unknown = '',
  headers: Readonly<Record<string, string>> = bearer,
) {
  const bytes = encoded(body)
  const length = { 'Content-Length': String(bytes.length) }
  const answer = await send({ method: 'POST', path, headers: { ...length, ...headers }, body: bytes })
  return { status: answer.status, text: text(answer.body), caching: answer.header('cache-control') }
}

async function open(target: Target, order: object): Promise<readonly Answered[]> {
  const answer = await post(target, '/v1/uploads', order)
  expect([answer.status, answer.caching]).toEqual([200, 'no-store'])
  return JSON.parse(answer.text).packages
}

async function put({ send }: Target, url: string, bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}) {
  if (url.startsWith('/')) {
    const length = { 'Content-Length': String(bytes.length) }
    const answer = await send({ method: 'PUT', path: url, headers: { ...length, ...headers }, body: bytes.slice() })
    return { status: answer.status, text: text(answer.body) }
  }
  const answer = await fetch(url, { method: 'PUT', body: bytes.slice() as Uint8Array<ArrayBuffer> })
  return { status: answer.status, text: await answer.text() }
}

const complete = (target: Target, id: string) => post(target, `/v1/uploads/${id}/complete`, '', {})

/** All that a pipeline does. */
async function upload(target: Target, files: readonly File[], order: object) {
  const outcomes: string[] = []
  for (const [i, one] of (await open(target, order)).entries()) {
    const bytes = files[i]?.bytes ?? new Uint8Array()
    for (const { number, url } of one.parts ?? []) {
      const start = (number - 1) * one.partSize
      const { status } = await put(target, url, bytes.slice(start, start + one.partSize))
      expect(status).toBe(200)
    }
    outcomes.push(one.kind === 'there' ? 'there' : String((await complete(target, one.id)).status))
  }
  return outcomes
}

/** @param target is given by `beforeAll` of who calls this. */
export function httpSuite(name: string, target: () => Target): void {
  let version = 100
  /** Two files that nobody sent yet, and their order. */
  const fresh = () => {
    version += 1
    const bytes = sample(target().partBytes + 12_345, version)
    const files: readonly [File, File] = [
      { name: 'update.gz', bytes },
      { name: 'oem+1.gz', bytes: sample(10, version) },
    ]
    return { files, order: orderOf(files, { version: String(version) }) }
  }
  const ids = new Set<string>()
  const missing = async (order: object): Promise<Answered> => {
    const [one] = await open(target(), order)
    if (one === undefined || one.kind === 'there') throw new Error('it is there')
    ids.add(one.id)
    return one
  }

  describe(name, () => {
    test('files are uploaded, verified and stored', async () => {
      const { files, order } = fresh()
      const [one] = await open(target(), order)
      expect(one?.parts.map(({ number, size }) => [number, size])).toEqual([
        [1, target().partBytes],
        [2, 12_345],
      ])
      expect(one?.parts.every(({ url }) => url.startsWith('/') !== target().isDirect)).toBe(true)
      expect(await upload(target(), files, order)).toEqual(['200', '200'])
      expect(await upload(target(), files, order)).toEqual(['there', 'there'])
      const again = await complete(target(), one?.id ?? '')
      const { name: _, ...claim } = announced(files[0])
      expect([again.status, JSON.parse(again.text)]).toMatchObject([200, claim])
    })

    test('a payload is judged in the same pass, and one with other data is refused', async () => {
      const { order } = fresh()
      const good = payloadOfSize(target().partBytes + 12_345, sample(target().partBytes + 12_345, version))
      const bad = good.map((byte, i) => (i === good.length - 9 ? byte ^ 1 : byte))
      for (const [bytes, status] of [
        [bad, '403'],
        [good, '200'],
      ] as const) {
        const files = [{ name: 'update.gz', bytes: new Uint8Array(bytes) }]
        const one = { ...order, packages: files.map(announced) }
        expect(await upload(target(), files, one)).toEqual([status])
        const [next] = await open(target(), one)
        expect([next?.kind, next?.have ?? []]).toEqual([status === '200' ? 'there' : 'missing', []])
      }
    })

    test('bytes of another SHA-1 alone leave nothing', async () => {
      const { files, order } = fresh()
      const packages = files.map(announced).map((one) => ({ ...one, sha1: '0'.repeat(40) }))
      expect(await upload(target(), files, { ...order, packages })).toEqual(['422', '422'])
      for (const one of await open(target(), { ...order, packages })) expect(one).toMatchObject({ have: [] })
    })

    test('received parts are not requested again', async () => {
      const { files, order } = fresh()
      const one = await missing(order)
      await put(target(), one.parts[1]?.url ?? '', files[0].bytes.slice(one.partSize))
      const again = await missing(order)
      expect([again.id, again.have, again.parts.map(({ number }) => number)]).toEqual([one.id, [2], [1]])
      const refused = await complete(target(), one.id)
      const detail = 'these parts are missing: 1; ask for the uploads again'
      expect([refused.status, JSON.parse(refused.text)]).toMatchObject([409, { code: 'conflict', detail }])
      expect(await upload(target(), files, order)).toEqual(['200', '200'])
    })

    test('unexpected bytes are refused with both digests, and the next upload starts over', async () => {
      const { files, order } = fresh()
      const other = { name: '', bytes: files[0].bytes.map((byte) => byte ^ 1) }
      const one = await missing(order)
      for (const { number, size, url } of one.parts) {
        const start = (number - 1) * one.partSize
        await put(target(), url, other.bytes.slice(start, start + size))
      }
      const refused = await complete(target(), one.id)
      expect(refused.status).toBe(422)
      expect(refused.text).toContain(announced(other).sha256)
      expect(refused.text).toContain(announced(files[0]).sha256)
      expect((await complete(target(), one.id)).status).toBe(404)
      expect((await missing(order)).have).toEqual([])
      expect(await upload(target(), files, order)).toEqual(['200', '200'])
    })

    test.each<[string, unknown, number, RegExp]>([
      ['that is not JSON', '{"app":', 400, /must be a JSON object/],
      ['that names nothing', {}, 400, /uploads: app/],
      [
        'of 20 GiB and a byte',
        { ...orderOf(), packages: [{ ...orderOf().packages[0], size: 20 * 2 ** 30 + 1 }] },
        400,
        /larger/,
      ],
      ['of more than 64 KiB', { ...orderOf(), more: 'x'.repeat(70_000) }, 413, /more than 65536 bytes/],
      ['of 2 MB', 'x'.repeat(2_000_000), 413, /more than 65536 bytes/],
    ])('a request %s is refused', async (_, order, status, says) => {
      const refused = await post(target(), '/v1/uploads', order)
      expect(refused.status).toBe(status)
      expect(refused.text).toMatch(says)
    })

    test.each<[string, Readonly<Record<string, string>>, object]>([
      ['a request without a token', {}, orderOf()],
      ['an unknown token', { Authorization: 'Bearer please' }, orderOf()],
      ['a token without permission for the channel', bearer, { ...orderOf(), channel: 'beta' }],
    ])('%s is refused', async (_, headers, order) => {
      const refused = await post(target(), '/v1/uploads', order, headers)
      expect([refused.status, JSON.parse(refused.text)]).toMatchObject([400, { detail: 'who are you?' }])
    })

    test.each(['f'.repeat(64), '..%2f..%2fcatalog', 'x', 'F'.repeat(64)])('the id %s is unknown', async (id) => {
      expect((await complete(target(), id)).status).toBe(404)
      expect((await put(target(), `/v1/uploads/${id}/1`, sample(10, 1))).status).toBe(404)
    })

    test('other methods are refused', async () => {
      const { send } = target()
      for (const [method, path, allow] of [
        ['GET', '/v1/uploads', 'POST'],
        ['GET', `/v1/uploads/${'f'.repeat(64)}/complete`, 'POST'],
        ['DELETE', `/v1/uploads/${'f'.repeat(64)}/1`, 'PUT'],
      ] as const) {
        const refused = await send({ method, path, headers: {}, body: undefined })
        expect([refused.status, refused.header('allow')]).toEqual([405, allow])
      }
    })

    test('invalid parts are refused, and leave nothing', async ({ skip }) => {
      if (target().isDirect) skip()
      const { files, order } = fresh()
      const one = await missing(order)
      const path = (number: unknown): string => `/v1/uploads/${one.id}/${number}`
      const last = files[0].bytes.slice(one.partSize)
      for (const [number, bytes, status] of [
        [3, last, 400],
        [0, last, 404],
        ['x', last, 404],
        ['1e3', last, 404],
        [100_000, last, 404],
        [2, last.slice(1), 400],
        [2, new Uint8Array([...last, 1]), 400],
        [2, new Uint8Array(), 400],
      ] as const)
        expect([number, bytes.length, (await put(target(), path(number), bytes)).status]).toEqual([
          number,
          bytes.length,
          status,
        ])
      expect((await put(target(), path(2), last, { 'Content-Encoding': 'gzip' })).status).toBe(415)
      const headers = { 'Transfer-Encoding': 'chunked' }
      const chunked = await target().send({ method: 'PUT', path: path(2), headers, body: last })
      const detail = 'send the part with its Content-Length'
      expect([chunked.status, JSON.parse(text(chunked.body))]).toMatchObject([411, { detail }])
      expect((await missing(order)).have).toEqual([])
    })

    test('no log line has an id', () => {
      expect(target().logs()).toMatch(/\/v1\/uploads/)
      for (const id of ids) expect(target().logs()).not.toContain(id.slice(32))
    })
  })
}
