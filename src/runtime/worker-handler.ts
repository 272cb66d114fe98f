/**
 * What Cloudflare calls: answers from an R2 bucket, and with the timestamp key keeps its catalog fresh by a cron trigger.
 * `wrangler.toml` says what it is bound to.
 * What an isolate shares between requests is settings, bindings and plain data, never a promise or a stream.
 */
import type { AnalyticsEngineDataset, ExportedHandler, R2Bucket } from '@cloudflare/workers-types'
import { analyticsEvents } from '../fleet/events-analytics.ts'
import { fanOut } from '../fleet/fan-out.ts'
import { consoleLog } from '../kernel/console-log.ts'
import { r2Documents, r2Packages } from '../store/r2/r2.ts'
import type { r2Uploads } from '../store/r2/uploads.ts'
import type { Features } from './features.ts'
import { digestStreamHasher } from './hasher-workers.ts'
import { brokenDeployment, type Deployment, openDeployment, settingsOrProblems } from './serverless.ts'
import type { Environment } from './settings.ts'

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

interface WorkerFeatures extends Features {
  readonly uploads?: typeof r2Uploads
}

/** One deployment for each isolate. @param extras what it carries beside checks; with `publishing` goes `uploads`. */
export function workerHandler(extras: WorkerFeatures): Handler {
  let deployment: Deployment | undefined
  return {
    fetch(request, env, context) {
      deployment ??= open(env, extras)
      return deployment.app.fetch(request, env, context)
    },
    async scheduled(_, env) {
      deployment ??= open(env, extras)
      await deployment.refresh()
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

function open(
  { PLATTE_BUCKET: bucket, PLATTE_ANALYTICS: analytics, ...others }: Env,
  extras: WorkerFeatures,
): Deployment {
  const env = variablesOf(others)
  const settings = settingsOrProblems(env, ['pin', 'publicUrl'], { others: bucket ? [] : [noBucket], extras })
  if (bucket === undefined || typeof settings === 'string') return brokenDeployment(String(settings), consoleLog)
  const { uploads } = extras
  const packages = r2Packages(bucket, { newHasher: digestStreamHasher })
  return openDeployment(settings, env, {
    documents: r2Documents(bucket),
    packages,
    uploads: uploads && (async () => uploads(bucket, { packages })),
    newHasher: digestStreamHasher,
    log: consoleLog,
    events: analytics ? fanOut([consoleLog, analyticsEvents(analytics)]) : consoleLog,
    extras,
    background: (c) => (work) => c.executionCtx.waitUntil(work),
    slice,
  })
}

const noBucket = 'PLATTE_BUCKET is missing: bind an R2 bucket under this name in wrangler.toml'

const variablesOf = (env: Readonly<Record<string, unknown>>): Environment =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
