/** The publish function in the real workerd, over the R2 that wrangler simulates. */
import { resolve } from 'node:path'
import type { R2Bucket } from '@cloudflare/workers-types'
import { afterAll, beforeAll } from 'vitest'
import { createTestHarness } from 'wrangler'
import { fillBucket } from '../runtimes/bucket.ts'
import { flowSuite } from './flow-suite.ts'
import { startIssuer } from './issuer.ts'
import { emptyStore } from './store.ts'

const issuer = await startIssuer()
const { publisher, env } = await emptyStore(issuer)
const server = createTestHarness({
  root: resolve(import.meta.dirname, '../..'),
  workers: [{ configPath: 'wrangler.toml', vars: env }],
})
let url: URL
beforeAll(async () => {
  url = (await server.listen()).url
  const { PLATTE_BUCKET } = await server.getWorker<{ readonly PLATTE_BUCKET: R2Bucket }>().getEnv()
  await fillBucket(PLATTE_BUCKET, publisher)
})
afterAll(async () => {
  await server.close()
  issuer.close()
})

flowSuite('on workerd', () => ({ issuer, fetch: (path, init) => fetch(new URL(path, url), init) }))
