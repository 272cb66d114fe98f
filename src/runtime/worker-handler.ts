/**
 * What Cloudflare calls: answers from an R2 bucket, and with the timestamp key keeps its catalog fresh by a cron trigger.
 * `wrangler.toml` says what it is bound to.
 * Requests of one isolate share settings, bindings and plain data, never a promise or a stream: Workers forbid that.
 */
import type { AnalyticsEngineDataset, ExecutionContext, R2Bucket, ScheduledController } from '@cloudflare/workers-types'
import { dialectFeature } from '../dialects/feature.ts'
import { analyticsFeature } from '../events/analytics.ts'
import { consoleLog } from '../kernel/console-log.ts'
import { toHex } from '../kernel/digest.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { after, type MaybePromise } from '../kernel/maybe-promise.ts'
import type { Environment } from '../kernel/setting.ts'
import type { Documents } from '../store/documents.ts'
import { webTransport } from '../store/http/transport.ts'
import { r2Documents, r2Packages } from '../store/r2/r2.ts'
import type { r2Uploads } from '../store/r2/uploads.ts'
import type { Features } from './compose.ts'
import { brokenDeployment, type Deployment, openDeployment, settingsOrProblems } from './serverless.ts'

/** What `wrangler.toml` binds: the bucket, and texts under the names of settings; any of it may be missing. */
export interface Env {
  readonly PLATTE_BUCKET?: R2Bucket
  /** Where events go, besides the log. */
  readonly PLATTE_ANALYTICS?: AnalyticsEngineDataset
  readonly [variable: string]: unknown
}

/**
 * Free Workers may call R2 50 times in one run: a cold isolate makes 7 calls for the catalog, 1 for the list of apps, 1 for
 * each app, 1 for each channel, and up to 7 for each channel with something newer.
 */
const slice = { most: 9, opens: 1 }

const always: Features = [
  // Small enough for every Worker. Each on its own line: it goes when its room is deleted.
  analyticsFeature,
  dialectFeature,
]

/** Lays other documents over those of the bucket. */
export type Over = (bucket: Documents) => Documents

/**
 * One deployment for each isolate.
 * @param features what it carries beside checks. @param uploads how the bucket takes them, where pipelines may publish.
 */
export function workerHandler(features: Features, uploads?: typeof r2Uploads, over?: (env: Env) => Over) {
  let deployment: Deployment | undefined
  // Requests share no promise: the first ones may each open a deployment, and the first of these stays.
  const opened = async (env: Env): Promise<Deployment> => {
    const made = await openWorker(env, features, uploads, over?.(env))
    deployment ??= made
    return deployment
  }
  return {
    /** No async function: its promise would cost every check three turns of the queue. */
    fetch: (request: Request, env: Env, context: ExecutionContext): MaybePromise<Response> =>
      after(deployment ?? opened(env), ({ fetch }) => fetch(request, env, context)),
    async scheduled(_: ScheduledController, env: Env): Promise<void> {
      await (deployment ?? (await opened(env))).refresh()
    },
  }
}

export async function openWorker(
  bindings: Env,
  carried: Features,
  uploads?: typeof r2Uploads,
  over: Over = (documents) => documents,
): Promise<Deployment> {
  const { PLATTE_BUCKET: bucket } = bindings
  const features = [...always, ...carried]
  const env = variablesOf(bindings)
  const others = bucket ? [] : ['PLATTE_BUCKET is missing: bind an R2 bucket under this name in wrangler.toml']
  const settings = settingsOrProblems(env, ['pin', 'publicUrl'], { others, features })
  if (bucket === undefined || typeof settings === 'string') return brokenDeployment(String(settings), consoleLog)
  const newHasher = digestStreamHasher
  const packages = r2Packages(bucket, { newHasher })
  return openDeployment(settings, env, {
    ...{ documents: over(r2Documents(bucket)), packages, newHasher, bindings, features, slice, log: consoleLog },
    transport: webTransport(),
    openUploads: async () => {
      if (uploads) return uploads(bucket, { packages })
      throw new PlatteError('configuration', 'this build takes no uploads')
    },
    background: (c) => (work) => c.executionCtx.waitUntil(work),
  })
}

const variablesOf = (env: Readonly<Record<string, unknown>>): Environment =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))

/** What workerd adds to WebCrypto, which itself digests whole buffers only. */
type DigestStream = WritableStream<Uint8Array> & { readonly digest: Promise<ArrayBuffer> }
const workersCrypto = crypto as unknown as { readonly DigestStream: new (algorithm: string) => DigestStream }

function hashing(algorithm: string) {
  const stream = new workersCrypto.DigestStream(algorithm)
  const writer = stream.getWriter()
  return {
    update: (bytes: Uint8Array): Promise<void> => writer.write(bytes),
    async digest() {
      await writer.close()
      return toHex(new Uint8Array(await stream.digest))
    },
  }
}

/** Digests for Workers. @see https://developers.cloudflare.com/workers/runtime-apis/web-crypto/ */
export const digestStreamHasher: NewHasher = Object.assign(
  () => {
    const [sha256, sha1] = [hashing('SHA-256'), hashing('SHA-1')]
    return {
      async update(bytes: Uint8Array) {
        await Promise.all([sha256.update(bytes), sha1.update(bytes)])
      },
      digest: async () => ({ sha256: await sha256.digest(), sha1: await sha1.digest() }),
    }
  },
  { sha256: () => hashing('SHA-256') },
)
