/** What every process that serves does the same, whatever listens for it. */

import { type CatalogCache, newCatalogCache, reload } from '../catalog/cache.ts'
import { loadRoot } from '../catalog/read.ts'
import type { Publisher } from '../channels/publish.ts'
import { type CheckCore, openChecks } from '../checks/answer.ts'
import type { Routes } from '../checks/serving.ts'
import { openTelemetry } from '../fleet/telemetry.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { packagesBehind } from '../mirroring/packages-behind.ts'
import { newPublishState } from '../publish-api/state.ts'
import { sweepUploads } from '../publish-api/sweep-uploads.ts'
import type { Uploading } from '../publish-api/upload-records.ts'
import { lazyPages } from '../site/pages/lazy.ts'
import { createApp } from './app.ts'
import { refreshEveryMs, refreshSlice, runLog } from './refreshing.ts'
import type { SettingsWith } from './settings.ts'
import { openUploadsOf } from './store.ts'

/** A look costs a few milliseconds for each of these channels; with more of them, a commit is found some minutes later. */
const slice = { most: 100, opens: 100 }
/** How long requests that are running may go on after the signal to stop. */
export const graceMs = 10_000

/** A server that runs. */
export interface Running {
  /** Where it listens, without a "/" at the end. */
  readonly url: string
  /** Takes no more requests, lets those that run end (10 s at most), and resolves. */
  stop(): Promise<void>
}

/** The endpoint as a runtime's own server calls it. */
export interface Served {
  readonly fetch: (request: Request) => Response | Promise<Response>
  /** The core of update checks, for a server that can do without a Request. */
  readonly checks?: CheckCore | undefined
}

/** A port that is listened on. */
interface Listening {
  /** Without a "/" at the end. */
  readonly url: string
  /** Takes no more requests; resolves when those that ran have ended, or were ended after `graceMs`. */
  close(): Promise<void>
}

/**
 * How a runtime listens, and serves what `make` makes when the port is known: offers name it.
 * @throws PlatteError('configuration') where it cannot.
 */
export type Listen = (
  address: { readonly host: string; readonly port: number },
  make: (port: number) => Served,
) => Promise<Listening>

/** A host as URLs write it. */
export const urlHost = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/**
 * Serves update checks and packages; with the timestamp key at hand it also keeps the catalog fresh.
 * @param settings read with the need `host`: beyond loopback there is a public URL.
 * @throws PlatteError('configuration') where the port is taken, and whatever keeps the pinned root from being read:
 *   without a root it does not start.
 */
export async function serveWith(
  listen: Listen,
  settings: SettingsWith<'store' | 'pin'>,
  opened: Publisher,
): Promise<Running> {
  const { host, publicUrl, packagesUrl, explain, locks, app, pages } = settings
  const publisher = { ...opened, ...(await openUntrusted(settings, opened)) }
  await checkPin(publisher)
  const cache = newCatalogCache()
  await reload(cache, publisher)
  const orders = await openOrders(settings, publisher, cache)
  const openLocks = locks && (await import('../locks/http/routes.ts')).openLocks
  const stopRefreshing = await keepFresh(orders?.uploading ?? publisher, cache)
  const { events, metrics, close } = await openTelemetry(settings, publisher, cache)
  const { packages } = publisher
  const background = () => (work: Promise<void>) => void work
  const listening = await listen(settings, (port) => {
    const url = publicUrl ?? `http://${urlHost(host)}:${port}`
    const serving = {
      cache,
      reader: publisher,
      packages,
      events,
      metrics,
      publicUrl: url,
      packagesUrl,
      explain,
      app,
      pages: pages === 'off' ? undefined : lazyPages,
      locks: locks && openLocks?.({ ...locks, locking: publisher }),
      background,
    }
    return { fetch: createApp(serving, ...(orders?.routes ?? [])).fetch, checks: openChecks(serving) }
  }).catch((error: unknown) => {
    stopRefreshing()
    throw error
  })
  return {
    url: listening.url,
    stop: async () => {
      stopRefreshing()
      await listening.close()
      await close()
    },
  }
}

/** What pipelines may ask for, where the settings name a policy; nothing of it is loaded elsewhere. */
async function openOrders(
  { publishPolicy, store }: SettingsWith<'store'>,
  publisher: Publisher,
  cache: CatalogCache,
): Promise<{ readonly uploading: Uploading; readonly routes: readonly Routes[] } | undefined> {
  if (publishPolicy === undefined) return undefined
  const { readPolicy } = await import('../publish-api/read-policy.ts')
  const { publishingRoutes } = await import('../publish-api/routes.ts')
  const policy = await readPolicy(publishPolicy)
  const uploading = { ...publisher, uploads: await openUploadsOf(store, publisher.packages) }
  return { uploading, routes: publishingRoutes(uploading, { policy, cache, ...newPublishState() }) }
}

/** What it takes beside a store to answer from somebody else's: a memory, and packages that were not mirrored. */
async function openUntrusted(
  { store, upstream, mark }: SettingsWith<'store'>,
  { packages }: Publisher,
): Promise<Partial<Publisher>> {
  const isBehind = upstream !== undefined && !(store.kind === 'http' && store.url === upstream)
  return {
    ...(mark !== undefined && { mark: (await import('../store/folder/high-water-mark.ts')).markFile(mark) }),
    ...(isBehind && {
      packages: packagesBehind(packages, (await import('../store/http/upstream.ts')).upstreamPackages(upstream)),
    }),
  }
}

/** A port that cannot be listened on, in words. */
export const cannotListen = (
  { host, port }: { readonly host: string; readonly port: number },
  { message, isTaken, cause }: { readonly message: string; readonly isTaken: boolean; readonly cause: unknown },
): PlatteError =>
  new PlatteError('configuration', `cannot listen on ${host} port ${port}: ${message}`, {
    hint: isTaken ? 'another process listens there: set PORT to another one' : 'check PORT and PLATTE_HOST',
    cause,
  })

/** A wrong pin must not start; a store that is down may: it answers `noupdate` until the store is back. */
async function checkPin(publisher: Publisher): Promise<void> {
  try {
    await loadRoot(publisher, publisher.pin.version)
  } catch (error) {
    if (!(error instanceof PlatteError && error.code === 'store-unavailable')) throw error
    publisher.log({ level: 'error', event: 'catalog', ...describeError(error) })
  }
}

/** One look at a time: a slow store is not asked by ever more of them, which would race each other for the catalog. */
async function keepFresh(publisher: Publisher | Uploading, cache: CatalogCache): Promise<() => void> {
  if (publisher.timestamp.length === 0) return () => {}
  let isLooking = false
  const once = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    await refreshSlice({ ...publisher, log: runLog(publisher.log) }, cache, { ...slice, sweep: sweepUploads })
    isLooking = false
  }
  await once()
  const timer = setInterval(once, refreshEveryMs)
  return () => clearInterval(timer)
}
