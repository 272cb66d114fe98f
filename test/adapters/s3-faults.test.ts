/** What becomes of documents where S3 or the network fails, in both faces: before a write landed, and after. */
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Documents } from '../../src/store/documents.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import type { Operation } from '../s3/operations.ts'
import { type Fault, startS3 } from '../s3/server.ts'

const s3 = await startS3()
useCredentials(s3)
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})
beforeEach(() => {
  s3.fault = () => undefined
  s3.seen.length = 0
})

const [one, two, three] = ['one', 'two', 'three'].map((text) => new TextEncoder().encode(text)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
/** Short only where the store hangs: a busy machine must not look like one. */
const open = async (fault = ''): Promise<Documents> =>
  s3Documents(await openStrict(s3, /hang|stalls/.test(fault) ? { patienceMs: 3_000 } : {}))

/** A write of `two`, and what makes it ready. */
const writes = {
  create: {
    prepare: async () => {},
    write: (store: Documents, key: string) => store.create(key, two),
    won: 'created',
    before: undefined,
  },
  swap: {
    prepare: async (key: string) => void s3.bucket.put(`here/${key}`, one, unconditional),
    write: (store: Documents, key: string) => store.swap(key, two, etagOf(key)),
    won: 'ok',
    before: 'one',
  },
} as const
const unconditional = { ifMatch: undefined, ifNoneMatch: undefined }
const etagOf = (key: string): string => s3.bucket.objects.get(`here/${key}`)?.etag ?? ''
const textOf = (key: string): string | undefined => {
  const object = s3.bucket.objects.get(`here/${key}`)
  return object && Buffer.from(object.bytes).toString()
}

/** Puts a fault on the first so many requests of one kind. */
function failing(operation: Operation, fault: Fault, times = Number.POSITIVE_INFINITY): void {
  let left = times
  s3.fault = (seen) => (seen.operation === operation && left-- > 0 ? fault : undefined)
}

const puts = (): number => s3.seen.filter(({ operation }) => operation === 'PutObject').length
let keys = 0

describe.each(['create', 'swap'] as const)('%s', (kind) => {
  const { prepare, write, won, before } = writes[kind]
  const begin = async (fault = '') => {
    const key = `faults/${keys++}`
    await prepare(key)
    return { key, store: await open(fault) }
  }

  test.each<[Fault, tries: number]>([
    ['reset', 2],
    ['slow-down', 2],
    ['error', 2],
    ['conflict', 2],
    ['lost', 1],
    ['late-error', 1],
    ['late-hang', 1],
  ])('that meets %s once succeeds after %i requests', async (fault, tries) => {
    const { key, store } = await begin(fault)
    failing('PutObject', fault, 1)
    expect(await write(store, key)).toBe(won)
    expect([textOf(key), puts()]).toEqual(['two', tries])
    expect(s3.seen.length).toBe(2 * tries - (tries === 1 ? 0 : 1))
  })

  test.each<[Fault, tries: number]>([
    ['reset', 2],
    ['slow-down', 2],
    ['error', 2],
    ['hang', 1],
    ['conflict', 4],
  ])('that always meets %s gives up after %i requests, and nothing is stored', async (fault, tries) => {
    const { key, store } = await begin(fault)
    failing('PutObject', fault)
    await expect(write(store, key)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringMatching(new RegExp(`^${key}: .*PLATTE_STORE`)),
    })
    expect([textOf(key), puts()]).toEqual([before, tries])
    expect(s3.seen.length).toBe(2 * tries)
  })

  test('that landed and cannot be read back is unknown', async () => {
    const { key, store } = await begin()
    s3.fault = ({ operation }) => (operation === 'PutObject' ? 'lost' : 'error')
    await expect(write(store, key)).rejects.toMatchObject({ code: 'store-unavailable' })
    expect([textOf(key), puts(), s3.seen.length]).toEqual(['two', 1, 3])
  })

  test.each<[Fault]>([['reset'], ['slow-down'], ['conflict']])(
    'that meets %s while another writer wins is not done over that one',
    async (fault) => {
      const { key, store } = await begin()
      s3.fault = ({ operation }) => {
        if (operation !== 'PutObject') return undefined
        s3.bucket.put(`here/${key}`, three, unconditional)
        return fault
      }
      const outcome = await write(store, key).catch(({ code }) => code)
      // What may have landed and been replaced since is not known to have lost.
      const unknown = kind === 'swap' && fault !== 'conflict'
      expect(outcome).toBe(unknown ? 'store-unavailable' : kind === 'swap' ? 'conflict' : 'taken')
      expect([textOf(key), puts()]).toEqual(['three', 1])
    },
  )
})

test('a create that a proxy repeated is "same", although S3 answers 412', async () => {
  failing('PutObject', 'late-412', 1)
  expect(await (await open()).create('repeated', two)).toBe('same')
  expect(textOf('repeated')).toBe('two')
})

test.each<[string, Fault | undefined, requests: number]>([
  ['412', undefined, 1],
  ['409, since it overlapped', 'conflict', 2],
])('a swap rejected by S3 (%s) is lost, even with equal bytes: two writers may add one', async (_, fault, requests) => {
  s3.bucket.put('here/lost', one, unconditional)
  const token = etagOf('lost')
  s3.bucket.put('here/lost', two, unconditional)
  s3.fault = ({ operation }) => (operation === 'PutObject' ? fault : undefined)
  expect(await (await open()).swap('lost', two, token)).toBe('conflict')
  expect(s3.seen.length).toBe(requests)
})

test('a late swap succeeds if its first attempt landed', async () => {
  s3.bucket.put('here/late', one, unconditional)
  const token = etagOf('late')
  let reads = 0
  s3.fault = ({ operation }) => {
    if (operation === 'PutObject') return s3.seen.length === 1 ? 'reset' : undefined
    // The first try lands behind the look that found nothing changed.
    if (reads++ === 0) queueMicrotask(() => setImmediate(() => s3.bucket.put('here/late', two, unconditional)))
    return undefined
  }
  expect(await (await open()).swap('late', two, token)).toBe('ok')
  expect(s3.seen.map(({ operation }) => operation)).toEqual(['PutObject', 'GetObject', 'PutObject', 'GetObject'])
})

describe('a read', () => {
  const key = 'read'
  beforeEach(() => s3.bucket.put(`here/${key}`, Buffer.alloc(100_000, 'x'), unconditional))

  test.each<[Fault]>([['reset'], ['slow-down'], ['error'], ['truncated']])(
    'that meets %s once is repeated',
    async (fault) => {
      failing('GetObject', fault, 1)
      expect((await (await open(fault)).get(key, 200_000))?.bytes.length).toBe(100_000)
      expect(s3.seen.length).toBe(2)
    },
  )

  test.each<[Fault, requests: number, message: RegExp]>([
    ['reset', 2, /: (socket hang up|.*ECONNRESET.*): check PLATTE_STORE$/],
    ['slow-down', 2, /: the store answered 503 SlowDown: check PLATTE_STORE$/],
    ['error', 2, /: the store answered 500 InternalError: check PLATTE_STORE$/],
    ['truncated', 2, /: (aborted|the store sent .*): check PLATTE_STORE$/],
    ['hang', 1, /: the store did not answer within 3 s: check PLATTE_STORE$/],
    ['stalls', 1, /: the store did not answer within 3 s: check PLATTE_STORE$/],
    ['page', 1, /: the store answered 404, without an S3 error code: check PLATTE_STORE$/],
  ])('that always meets %s ends after %i requests', async (fault, requests, message) => {
    failing('GetObject', fault)
    await expect((await open(fault)).get(key, 200_000)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringMatching(message),
    })
    expect(s3.seen.length).toBe(requests)
  })

  test('yields at most the announced size', async () => {
    failing('GetObject', 'longer')
    const store = await open()
    expect((await store.get(key, 200_000))?.bytes.length).toBe(50_000)
    s3.fault = () => undefined
    expect((await store.get(key, 200_000))?.bytes.length).toBe(100_000)
  })

  test('of a known state transfers no body', async () => {
    const store = await open()
    const known = await store.get(key, 200_000)
    expect(await store.get(key, 1, known)).toBe(known)
    expect(s3.seen.at(-1)?.headers['if-none-match']).toBe(etagOf(key))
  })
})
