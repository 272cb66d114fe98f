/** What every process that serves does the same, whatever listens for it. */
import { packagesBehind } from '../adapters/packages-behind.ts'
import { PlatteError } from '../errors.ts'
import { createApp } from '../http/app.ts'
import { lazyPages } from '../http/pages/lazy.ts'
import type { Routes } from '../http/serving.ts'
import { type CatalogCache, newCatalogCache, reload } from '../service/catalog-cache.ts'
import type { Publishing } from '../service/publish.ts'
import { loadRoot } from '../service/reading.ts'
import { sweepUploads } from '../service/sweep-uploads.ts'
import type { Uploading } from '../service/upload-records.ts'
import type { SettingsWith } from './config.ts'
import { newPublishState } from './publish-state.ts'
import { refreshEveryMs, refreshSlice } from './refreshing.ts'
import { openUploadsOf } from './store.ts'
import { openWatching } from './watching.ts'

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
export type Fetch = { readonly fetch: (request: Request) => Response | Promise<Response> }

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
  place: { readonly host: string; readonly port: number },
  make: (port: number) => Fetch,
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
  opened: Publishing,
): Promise<Running> {
  const { host, publicUrl, packagesUrl, explain, locks, app, pages } = settings
  const publishing = { ...opened, ...(await openUntrusted(settings, opened)) }
  await checkPin(publishing)
  const cache = newCatalogCache()
  await reload(cache, publishing)
  const orders = await openOrders(settings, publishing, cache)
  const openLocks = locks && (await import('../http/locks/routes.ts')).openLocks
  const stopRefreshing = await keepFresh(orders?.uploading ?? publishing, cache)
  const { events, metrics, close } = await openWatching(settings, publishing, cache)
  const { packages } = publishing
  const background = () => (work: Promise<void>) => void work
  const listening = await listen(settings, (port) => {
    const url = publicUrl ?? `http://${urlHost(host)}:${port}`
    return createApp(
      {
        cache,
        reading: publishing,
        packages,
        events,
        metrics,
        publicUrl: url,
        packagesUrl,
        explain,
        app,
        pages: pages === 'off' ? undefined : lazyPages,
        locks: locks && openLocks?.({ ...locks, locking: publishing }),
        background,
      },
      ...(orders?.routes ?? []),
    )
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
  publishing: Publishing,
  cache: CatalogCache,
): Promise<{ readonly uploading: Uploading; readonly routes: readonly Routes[] } | undefined> {
  if (publishPolicy === undefined) return undefined
  const { readPolicy } = await import('./policy.ts')
  const { publishingRoutes } = await import('./publishing.ts')
  const policy = await readPolicy(publishPolicy)
  const uploading = { ...publishing, uploads: await openUploadsOf(store, publishing.packages) }
  return { uploading, routes: publishingRoutes(uploading, { policy, cache, ...newPublishState() }) }
}

/** What it takes beside a store to answer from somebody else's: a memory, and packages that were not mirrored. */
async function openUntrusted(
  { store, upstream, mark }: SettingsWith<'store'>,
  { packages }: Publishing,
): Promise<Partial<Publishing>> {
  const isBehind = upstream !== undefined && !(store.kind === 'http' && store.url === upstream)
  return {
    ...(mark !== undefined && { mark: (await import('../adapters/mark-file.ts')).markFile(mark) }),
    ...(isBehind && {
      packages: packagesBehind(packages, (await import('../adapters/upstream.ts')).upstreamPackages(upstream)),
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
async function checkPin(publishing: Publishing): Promise<void> {
  try {
    await loadRoot(publishing, publishing.pin.version)
  } catch (error) {
    if (!(error instanceof PlatteError && error.code === 'store-unavailable')) throw error
    publishing.log({ level: 'error', event: 'catalog', problem: error.message })
  }
}

/** One look at a time: a slow store is not asked by ever more of them, which would race each other for the catalog. */
async function keepFresh(publishing: Publishing | Uploading, cache: CatalogCache): Promise<() => void> {
  if (publishing.timestamp.length === 0) return () => {}
  let isLooking = false
  const once = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    await refreshSlice(publishing, cache, { ...slice, sweep: sweepUploads })
    isLooking = false
  }
  await once()
  const timer = setInterval(once, refreshEveryMs)
  return () => clearInterval(timer)
}
