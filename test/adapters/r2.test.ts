import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { partKey } from '../../src/documents/paths.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import type { Documents } from '../../src/store/documents.ts'
import { r2Documents, r2Packages } from '../../src/store/r2/r2.ts'
import { r2Uploads } from '../../src/store/r2/uploads.ts'
import { documentRows } from '../conformance/documents.ts'
import { suite } from '../conformance/register.ts'

const server = createTestHarness({
  root: import.meta.dirname,
  workers: [
    {
      config: {
        name: 'r2-suite',
        main: '../runtimes/r2-suite.worker.ts',
        compatibility_date: '2026-10-01',
        r2_buckets: [{ binding: 'STORE', bucket_name: 'store' }],
        send_metrics: false,
      },
    },
  ],
})
beforeAll(() => server.listen())
afterAll(() => server.close())

test.each(['/documents', '/packages', '/uploads', '/locks'])('inside workerd: %s', async (path) => {
  expect(await (await server.fetch(path)).json()).toEqual([])
})

const bucket = async (): Promise<R2Bucket> => (await server.getWorker<{ readonly STORE: R2Bucket }>().getEnv()).STORE

suite('r2Documents', documentRows, async () => r2Documents(await bucket()))

const one = new TextEncoder().encode('one')
const two = new TextEncoder().encode('two')

/** A bucket with some methods replaced; the others are those of the real one. */
const changed = (real: R2Bucket, changes: Partial<R2Bucket>): R2Bucket =>
  new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

const broken = async (): Promise<never> => {
  throw new Error('put: We encountered an internal error. Please try again. (10001)')
}

describe('a write that R2 answers with an error', () => {
  const landing: Partial<R2Bucket> = {
    put: async (key: string, value: Uint8Array) => {
      await (await bucket()).put(key, value)
      return await broken()
    },
  }
  const create = (store: Documents, key: string) => store.create(key, two)
  const swap = async (store: Documents, key: string) => {
    await r2Documents(await bucket()).create(key, one)
    return await store.swap(key, two, (await store.get(key, 10))?.token ?? '')
  }
  test.each([
    ['create', create, 'created'],
    ['swap', swap, 'ok'],
  ] as const)('%s succeeds if it landed', async (name, write, outcome) => {
    const store = r2Documents(changed(await bucket(), landing))
    expect(await write(store, `landed/${name}`)).toBe(outcome)
  })

  test.each([
    ['create', create],
    ['swap', swap],
  ] as const)('%s is unknown if it did not land', async (name, write) => {
    const store = r2Documents(changed(await bucket(), { put: broken }))
    const message = expect.stringMatching(/^lost\/.*: R2 failed to put it: .*10001/)
    await expect(write(store, `lost/${name}`)).rejects.toMatchObject({ code: 'store-unavailable', message })
  })

  test('is unknown if the store cannot be read either', async () => {
    const store = r2Documents(changed(await bucket(), { ...landing, get: broken }))
    await expect(store.create('unknown', one)).rejects.toMatchObject({ code: 'store-unavailable' })
  })
})

test('list continues on the next page', async () => {
  const real = await bucket()
  const paged = changed(real, { list: (options) => real.list({ ...options, limit: 2 }) })
  const store = r2Documents(paged)
  for (const n of [1, 2, 3, 4, 5]) await store.create(`paged/${n}.jws`, one)
  const listed: string[] = []
  for await (const key of store.list?.('paged/') ?? []) listed.push(key)
  expect(listed).toEqual([1, 2, 3, 4, 5].map((n) => `paged/${n}.jws`))
})

describe('an upload', () => {
  const part = 'x'.repeat(70_001)
  /** Of which one part was sent; the binding outside of workerd has no FixedLengthStream to send it by. */
  async function begun() {
    const real = await bucket()
    const store = r2Uploads(real, { packages: r2Packages(real, { newHasher: nodeHasher }) })
    const token = await store.begin()
    const [mark = '', id = ''] = token.split(' ')
    const { etag } = await real.resumeMultipartUpload(`staging/${mark}/whole`, id).uploadPart(1, part)
    const remember = (named: string) =>
      real.put(partKey(mark, 1), '', { customMetadata: { etag: named, size: String(part.length) } })
    await remember(etag)
    return { real, store, token, mark, id, remember }
  }

  test('sends a part again if its recorded ETag differs', async () => {
    const { store, token, remember } = await begun()
    await remember('0'.repeat(32))
    await expect(store.complete(token)).rejects.toMatchObject({ code: 'conflict' })
    expect(await store.parts(token)).toEqual([])
  })

  test('completed by a process that died afterwards is complete', async () => {
    const { real, store, token, mark, id } = await begun()
    const [{ etag = '' } = {}] = [(await real.head(partKey(mark, 1)))?.customMetadata]
    await real.resumeMultipartUpload(`staging/${mark}/whole`, id).complete([{ partNumber: 1, etag }])
    expect(await store.parts(token)).toEqual([{ number: 1, size: part.length }])
    await store.complete(token)
    expect(await store.parts(token)).toBe('whole')
  })

  test('that R2 has dropped is gone', async () => {
    const { real, store, token, mark, id } = await begun()
    await real.resumeMultipartUpload(`staging/${mark}/whole`, id).abort()
    await expect(store.complete(token)).rejects.toMatchObject({ code: 'conflict' })
    expect(await store.parts(token)).toBeUndefined()
    await store.discard(token)
  })

  test('keeps its parts if completion fails for another reason', async () => {
    const { real, store: whole, token } = await begun()
    const failing = changed(real, {
      resumeMultipartUpload: (key, id) => ({ ...real.resumeMultipartUpload(key, id), complete: broken }),
    })
    const store = r2Uploads(failing, { packages: r2Packages(real, { newHasher: nodeHasher }) })
    await expect(store.complete(token)).rejects.toMatchObject({ code: 'store-unavailable' })
    expect(await store.parts(token)).toEqual([{ number: 1, size: part.length }])
    await whole.discard(token)
  })
})
