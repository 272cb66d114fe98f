import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { r2Documents } from '../../src/adapters/r2.ts'
import type { Documents } from '../../src/ports/documents.ts'
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

test.each(['/documents', '/packages', '/locks'])('inside workerd: %s', async (path) => {
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

describe('a write that R2 answers with a failure', () => {
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
  ] as const)('%s is done where it had landed', async (name, write, outcome) => {
    const store = r2Documents(changed(await bucket(), landing))
    expect(await write(store, `landed/${name}`)).toBe(outcome)
  })

  test.each([
    ['create', create],
    ['swap', swap],
  ] as const)('%s is unknown where it had not', async (name, write) => {
    const store = r2Documents(changed(await bucket(), { put: broken }))
    const message = expect.stringMatching(/^lost\/.*: R2 did not put it: .*10001/)
    await expect(write(store, `lost/${name}`)).rejects.toMatchObject({ code: 'store-unavailable', message })
  })

  test('it is unknown where the store cannot be read either', async () => {
    const store = r2Documents(changed(await bucket(), { ...landing, get: broken }))
    await expect(store.create('unknown', one)).rejects.toMatchObject({ code: 'store-unavailable' })
  })
})

test('list goes on behind a page, without the prefix of the bucket', async () => {
  const real = await bucket()
  const paged = changed(real, { list: (options) => real.list({ ...options, limit: 2 }) })
  const store = r2Documents(paged, 'shared/')
  for (const n of [1, 2, 3, 4, 5]) await store.create(`root/${n}.jws`, one)
  const listed: string[] = []
  for await (const key of store.list?.('root/') ?? []) listed.push(key)
  expect(listed).toEqual([1, 2, 3, 4, 5].map((n) => `root/${n}.jws`))
})
