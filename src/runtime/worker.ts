/**
 * Platte on Cloudflare Workers: reads from an R2 bucket, keeps nothing. `wrangler.toml` says what it is bound to.
 * What an isolate shares between requests is settings, bindings and plain data, never a promise or a stream.
 */
import type { ExportedHandler, R2Bucket } from '@cloudflare/workers-types'
import type { Hono } from 'hono'
import { consoleLog } from '../adapters/console-log.ts'
import { digestStreamHasher } from '../adapters/hasher-digest-stream.ts'
import { r2Documents, r2Packages } from '../adapters/r2.ts'
import { systemClock } from '../adapters/system.ts'
import { PlatteError } from '../errors.ts'
import { createApp } from '../http/app.ts'
import { newCatalogCache } from '../service/catalog-cache.ts'
import { type Environment, readSettings, type SettingsWith } from './config.ts'

/** What `wrangler.toml` binds; any of it may be missing. */
export interface Env {
  readonly PLATTE_BUCKET?: R2Bucket
  readonly PLATTE_ROOT?: string
  readonly PLATTE_PUBLIC_URL?: string
  readonly PLATTE_PACKAGES_URL?: string
}

/** One for each isolate; a string says why there is none. */
let app: Hono | string | undefined

export default {
  fetch(request, env, context) {
    app ??= openApp(env)
    // Without a root nothing can be verified: it must not look as if there were no updates.
    if (typeof app === 'string') return new Response(`error: ${app}\n`, { status: 500, headers: plain })
    return app.fetch(request, env, context)
  },
} satisfies Handler

const plain = { 'content-type': 'text/plain; charset=UTF-8', 'cache-control': 'no-store' }

/** The handler in the web's types, which are the ones that everything else here is written in. */
interface Handler {
  fetch(
    request: Request,
    env: Env,
    context: Parameters<NonNullable<ExportedHandler['fetch']>>[2],
  ): Response | Promise<Response>
}

/** @returns all problems at once where there are any. */
function openApp({ PLATTE_BUCKET: bucket, PLATTE_ROOT, PLATTE_PUBLIC_URL, PLATTE_PACKAGES_URL }: Env): Hono | string {
  const settings = settingsOf({ PLATTE_ROOT, PLATTE_PUBLIC_URL, PLATTE_PACKAGES_URL })
  if (bucket !== undefined && typeof settings !== 'string') return makeApp(bucket, settings)
  const problem = [bucket ? '' : noBucket, typeof settings === 'string' ? settings : ''].filter(Boolean).join('\n  ')
  consoleLog({ level: 'error', event: 'serve', problem })
  return problem
}

const noBucket = 'PLATTE_BUCKET is missing: bind an R2 bucket under this name in wrangler.toml'

function settingsOf(env: Environment): SettingsWith<'pin' | 'publicUrl'> | string {
  try {
    return readSettings(env, ['pin', 'publicUrl'])
  } catch (error) {
    return error instanceof PlatteError ? error.message : `a defect: ${error}`
  }
}

const makeApp = (bucket: R2Bucket, { pin, publicUrl, packagesUrl }: SettingsWith<'pin' | 'publicUrl'>): Hono =>
  createApp({
    cache: newCatalogCache(),
    reading: { documents: r2Documents(bucket), pin, clock: systemClock, log: consoleLog },
    packages: r2Packages(bucket, { newHasher: digestStreamHasher }),
    publicUrl,
    packagesUrl,
    background: (c) => (work) => c.executionCtx.waitUntil(work),
  })
