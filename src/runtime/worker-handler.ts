/**
 * What Cloudflare calls: answers from an R2 bucket, and with the timestamp key keeps its catalog fresh by a cron trigger.
 * `wrangler.toml` says what it is bound to.
 * What an isolate shares between requests is settings, bindings and plain data, never a promise or a stream.
 */
import type { AnalyticsEngineDataset, ExportedHandler, R2Bucket } from '@cloudflare/workers-types'
import { analyticsFeature } from '../fleet/events-analytics.ts'
import { consoleLog } from '../kernel/console-log.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Environment } from '../kernel/setting.ts'
import { r2Documents, r2Packages } from '../store/r2/r2.ts'
import type { r2Uploads } from '../store/r2/uploads.ts'
import type { Features } from './compose.ts'
import { digestStreamHasher } from './hasher-workers.ts'
import { brokenDeployment, type Deployment, openDeployment, settingsOrProblems } from './serverless.ts'

/** What `wrangler.toml` binds: the bucket, and texts under the names of settings; any of it may be missing. */
export interface Env {
  readonly PLATTE_BUCKET?: R2Bucket
  /** Where events go, besides the log. */
  readonly PLATTE_ANALYTICS?: AnalyticsEngineDataset
  readonly [variable: string]: unknown
}

/**
 * One call may ask R2 50 times where Workers are free: for a cold isolate 7 times around the catalog, once for a list of
 * apps and for each of their lists, once for each channel, and up to seven times for each that has something newer.
 */
const slice = { most: 9, opens: 1 }

const always: Features = [
  // Small enough for every Worker.
  analyticsFeature,
]

/**
 * One deployment for each isolate.
 * @param features what it carries beside checks.
 * @param uploads how the bucket takes them, where pipelines may publish.
 */
export function workerHandler(features: Features, uploads?: typeof r2Uploads): Handler {
  let deployment: Deployment | undefined
  // Requests share no promise: those that come first may each open one, and the first of these stays.
  const opened = async (env: Env): Promise<Deployment> => {
    const made = await open(env, [...always, ...features], uploads)
    deployment ??= made
    return deployment
  }
  return {
    async fetch(request, env, context) {
      return (deployment ?? (await opened(env))).app.fetch(request, env, context)
    },
    async scheduled(_, env) {
      await (deployment ?? (await opened(env))).refresh()
    },
  }
}

/** The handler in the web's types, which are the ones that everything else here is written in. */
export interface Handler {
  fetch(
    request: Request,
    env: Env,
    context: Parameters<NonNullable<ExportedHandler['fetch']>>[2],
  ): Response | Promise<Response>
  scheduled(controller: Parameters<NonNullable<ExportedHandler['scheduled']>>[0], env: Env): Promise<void>
}

async function open(bindings: Env, features: Features, uploads?: typeof r2Uploads): Promise<Deployment> {
  const { PLATTE_BUCKET: bucket, ...others } = bindings
  const env = variablesOf(others)
  const settings = settingsOrProblems(env, ['pin', 'publicUrl'], { others: bucket ? [] : [noBucket], features })
  if (bucket === undefined || typeof settings === 'string') return brokenDeployment(String(settings), consoleLog)
  const packages = r2Packages(bucket, { newHasher: digestStreamHasher })
  return openDeployment(settings, env, {
    ...{ documents: r2Documents(bucket), packages, newHasher: digestStreamHasher, bindings, features, slice },
    openUploads: async () => {
      if (uploads) return uploads(bucket, { packages })
      throw new PlatteError('configuration', 'this build takes no uploads')
    },
    log: consoleLog,
    background: (c) => (work) => c.executionCtx.waitUntil(work),
  })
}

const noBucket = 'PLATTE_BUCKET is missing: bind an R2 bucket under this name in wrangler.toml'

const variablesOf = (env: Readonly<Record<string, unknown>>): Environment =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
