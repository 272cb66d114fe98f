/** What every process that serves does, on Node and Deno. */
import { applyFeature } from '../apply/feature.ts'
import { type CatalogCache, newCatalogCache, reload } from '../catalog/cache.ts'
import { loadPinnedRoot } from '../catalog/walk-roots.ts'
import type { Publisher } from '../channels/publish.ts'
import { type CheckCore, openChecks } from '../checks/answer.ts'
import type { Extension } from '../checks/serving.ts'
import { coreUpdateMachinesFeature } from '../coreupdate/machines-feature.ts'
import { cupFeature } from '../cup/feature.ts'
import { dialectFeature } from '../dialects/feature.ts'
import { fallBackFeature } from '../fallbacks/feature.ts'
import { fleetFeature } from '../fleet/feature.ts'
import { fleetSiteFeature } from '../fleet-site/feature.ts'
import { guardFeature } from '../guard/feature.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { describeError, type LogEntry } from '../kernel/log.ts'
import { lockHooksFeature } from '../lock-gates/hooks-feature.ts'
import { metricsFeature } from '../metrics/feature.ts'
import { openapiFeature } from '../openapi/feature.ts'
import { upstreamsFeature } from '../upstreams/feature.ts'
import { webhookFeature } from '../webhook/feature.ts'
import { type Features, openFeatures, refreshEveryMs, runLog, servingWith } from './compose.ts'
import { nodeCup } from './cup-node.ts'
import { openEndpoint } from './endpoint.ts'
import { features } from './features.ts'
import { readinessFeature } from './readiness.ts'
import type { SettingsWith } from './settings.ts'
import { openUploadsOf } from './store.ts'
import { readTextFile } from './text-file.ts'
import { transport } from './transport.ts'

export const serverFeatures: Features = [
  coreUpdateMachinesFeature,
  ...features,
  cupFeature(nodeCup),
  dialectFeature,
  // Only a process has time to keep what machines report, and to adopt.
  fleetFeature,
  metricsFeature,
  readinessFeature,
  fleetSiteFeature,
  guardFeature,
  applyFeature,
  fallBackFeature,
  upstreamsFeature({
    platte: () => import('../mirroring/adopt-url.ts'),
  }),
  webhookFeature,
  lockHooksFeature(() => import('../lock-gates/hooks.ts')),
  openapiFeature(() => import('./describers.ts')),
]

/** Channels of one look, a few milliseconds each; with more channels, a commit is found some minutes later. */
const slice = { most: 100, opens: 100 }
/** How long running requests may go on after the signal to stop. */
export const graceMs = 10_000

export interface Running {
  /** Where it listens, without a "/" at the end. */
  readonly url: string
  /** Takes no more requests, and resolves when the running ones have ended, at most `graceMs` later. */
  stop(): Promise<void>
}

/** What a runtime's own server calls. */
export interface Served {
  /** @param peer tells where the request comes from, as Node's server and Deno do. */
  readonly fetch: (request: Request, peer?: object) => Response | Promise<Response>
  /** For a server that answers checks without a Request. */
  readonly checks?: CheckCore | undefined
}

export type Address = { readonly host: string; readonly port: number }

/**
 * How a runtime listens. `make` makes what it serves when the port is known, since offers name it.
 * @throws PlatteError('configuration') where it cannot.
 */
export type Listen = (address: Address, make: (port: number) => Served) => Promise<Running>

export const urlOf = (host: string, port: number): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/**
 * Serves update checks and packages; with a timestamp key it also keeps the catalog fresh.
 * @param settings read with the need `host`: beyond loopback there is a public URL.
 * @throws PlatteError('configuration') where the port is taken; as `loadPinnedRoot` without the pinned root.
 */
export async function serveWith(
  listen: Listen,
  settings: SettingsWith<'store' | 'pin'>,
  opened: Publisher,
): Promise<Running> {
  // Where the store is not trusted, a file remembers its newest catalog.
  const mark = settings.mark && (await import('../store/folder/high-water-mark.ts')).markFile(settings.mark)
  const publisher = { ...opened, ...(mark && { mark }) }
  const cache = newCatalogCache()
  await readFirst(cache, publisher)
  const { packages, newHasher } = publisher
  const extensions = await openFeatures(serverFeatures, settings, {
    ...{ cache, reader: publisher, packages, random: publisher.random, newHasher, transport },
    openWriter: async () => publisher,
    openUploads: () => openUploadsOf(settings.store, packages),
    readText: readTextFile,
    bindings: {},
  })
  const stopRefreshing = await keepFresh(publisher, cache, extensions)
  const listening = await listen(settings, (port) => {
    const serving = servingWith(extensions, settings, {
      ...{ cache, reader: publisher, packages, newHasher, events: publisher.log },
      publicUrl: settings.publicUrl ?? urlOf(settings.host, port),
      background: () => (work: Promise<void>) => void work,
    })
    return { fetch: openEndpoint(serving, () => import('./app.ts')), checks: openChecks(serving) }
  }).catch((error: unknown) => {
    stopRefreshing()
    throw error
  })
  const stop = async () => {
    stopRefreshing()
    await listening.stop()
    for (const { close } of extensions) await close?.()
  }
  return { url: listening.url, stop }
}

export const cannotListen = ({ host, port }: Address, isTaken: boolean, cause: unknown): PlatteError =>
  new PlatteError('configuration', `cannot listen on ${host} port ${port}: ${messageOf(cause)}`, {
    hint: isTaken ? 'another process listens there: set PORT to another one' : 'check PORT and PLATTE_HOST',
    cause,
  })

/**
 * Reads the root of the pin and, in the same round trip, what checks need. A wrong pin must not start, and is all that is
 * logged then. A bucket that is down may: checks get `noupdate` until it is back.
 */
async function readFirst(cache: CatalogCache, publisher: Publisher): Promise<void> {
  const lines: LogEntry[] = []
  const reading = reload(cache, { ...publisher, log: (line) => void lines.push(line) })
  await loadPinnedRoot(publisher).catch((error: unknown) => {
    if (!(error instanceof PlatteError && error.code === 'store-unavailable')) throw error
    publisher.log({ level: 'error', event: 'catalog', ...describeError(error) })
  })
  await reading
  for (const line of lines) publisher.log(line)
}

/** One run at a time: runs against a slow store must not pile up and race for the catalog. */
async function keepFresh(publisher: Publisher, cache: CatalogCache, extensions: readonly Extension[]) {
  if (publisher.timestamp.length === 0) return () => {}
  const { refreshSlice } = await import('./refresh-slice.ts')
  let isLooking = false
  const once = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    await refreshSlice({ ...publisher, log: runLog(publisher.log) }, cache, slice, extensions)
    isLooking = false
  }
  await once()
  const timer = setInterval(once, refreshEveryMs)
  return () => clearInterval(timer)
}
