import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestHarness } from 'wrangler'
import { r2Documents } from '../../src/adapters/r2.ts'
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

test.each(['/documents', '/packages'])('inside workerd: %s', async (path) => {
  expect(await (await server.fetch(path)).json()).toEqual([])
})

suite('r2Documents', documentRows, async () => {
  const { STORE } = await server.getWorker<{ readonly STORE: R2Bucket }>().getEnv()
  return r2Documents(STORE)
})
