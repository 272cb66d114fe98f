/** A Worker that answers checks and takes uploads into R2, from whoever knows the header. */
import type { R2Bucket } from '@cloudflare/workers-types'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { consoleLog } from '../../src/kernel/console-log.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { uploadRoutes } from '../../src/publish-api/routes.ts'
import { createApp } from '../../src/runtime/app.ts'
import { loadEnvSigner } from '../../src/runtime/own-settings.ts'
import { digestStreamHasher } from '../../src/runtime/worker-handler.ts'
import { r2Documents, r2Packages } from '../../src/store/r2/r2.ts'
import { r2Uploads } from '../../src/store/r2/uploads.ts'
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
    const reader = { documents, pin: parsePin(env.PIN), clock: systemClock, log: consoleLog }
    const uploading = {
      ...{ ...reader, packages, timestamp, release: [], random: systemRandom, newHasher: digestStreamHasher },
      uploads: r2Uploads(env.PLATTE_BUCKET, { packages, partBytes: 5 * 1024 * 1024 }),
    }
    return await createApp(
      {
        ...{ cache: newCatalogCache(), reader, packages, events: () => {}, publicUrl: 'https://updates.example.org' },
        background: () => undefined,
      },
      uploadRoutes({ uploading, authorize }),
    ).fetch(request)
  },
}
