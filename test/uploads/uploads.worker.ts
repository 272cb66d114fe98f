/** A Worker that answers checks and takes uploads into R2, from whoever knows the header. */
import type { R2Bucket } from '@cloudflare/workers-types'
import { consoleLog } from '../../src/adapters/console-log.ts'
import { digestStreamHasher } from '../../src/adapters/hasher-digest-stream.ts'
import { r2Documents, r2Packages } from '../../src/adapters/r2.ts'
import { r2Uploads } from '../../src/adapters/r2-uploads.ts'
import { systemClock, systemRandom } from '../../src/adapters/system.ts'
import { createApp } from '../../src/http/app.ts'
import { uploadRoutes } from '../../src/http/uploads.ts'
import { loadEnvSigner } from '../../src/runtime/env-keys.ts'
import { newCatalogCache } from '../../src/service/catalog-cache.ts'
import { parsePin } from '../../src/trust/verify-root.ts'
import { authorize } from './authorize.ts'

interface Env {
  readonly PLATTE_BUCKET: R2Bucket
  readonly PIN: string
  readonly TIMESTAMP_JWK: string
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const documents = r2Documents(env.PLATTE_BUCKET)
    const packages = r2Packages(env.PLATTE_BUCKET, { newHasher: digestStreamHasher })
    const timestamp = [await loadEnvSigner('TIMESTAMP_JWK', { TIMESTAMP_JWK: env.TIMESTAMP_JWK })]
    const reading = { documents, pin: parsePin(env.PIN), clock: systemClock, log: consoleLog }
    const uploading = {
      ...{ ...reading, packages, timestamp, release: [], random: systemRandom, newHasher: digestStreamHasher },
      uploads: r2Uploads(env.PLATTE_BUCKET, { packages, partBytes: 5 * 1024 * 1024 }),
    }
    return await createApp(
      {
        ...{ cache: newCatalogCache(), reading, packages, events: () => {}, publicUrl: 'https://updates.example.org' },
        background: () => undefined,
      },
      uploadRoutes({ uploading, authorize }),
    ).fetch(request)
  },
}
