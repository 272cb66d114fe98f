/** Uploads into R2, through the real workerd. */
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll } from 'vitest'
import { createTestHarness } from 'wrangler'
import { fillBucket } from '../runtimes/bucket.ts'
import { makeSceneStore } from '../scenes/fixture.ts'
import { sendOver } from '../scenes/send.ts'
import { httpSuite, type Target } from './http-suite.ts'

const { publisher, pin, timestampKey } = await makeSceneStore()
const server = createTestHarness({
  root: import.meta.dirname,
  workers: [
    {
      config: {
        name: 'uploads',
        main: 'uploads.worker.ts',
        compatibility_date: '2026-10-01',
        r2_buckets: [{ binding: 'PLATTE_BUCKET', bucket_name: 'platte' }],
        vars: { PIN: pin, TIMESTAMP_JWK: timestampKey },
        send_metrics: false,
      },
    },
  ],
})
let target: Target
beforeAll(async () => {
  const send = sendOver((await server.listen()).url.href)
  const logs = (): string => JSON.stringify(server.getLogs())
  target = { send, partBytes: 5 * 1024 * 1024, isDirect: false, logs }
  const { PLATTE_BUCKET } = await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>().getEnv()
  await fillBucket(PLATTE_BUCKET, publisher)
})
afterAll(() => server.close())

httpSuite('workerd', () => target)
