/**
 * The verified catalog and channels that checks are answered from. Plain data that the caller owns: Workers may not
 * share promises between requests, so what is shared here is only what was finished.
 */
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import { describeError } from '../kernel/log.ts'
import { after, type MaybePromise } from '../kernel/maybe-promise.ts'
import { explainReason } from '../release/decide.ts'
import type { VerifiedCatalog } from '../trust/verify-documents.ts'
import {
  type AppIndex,
  indexApps,
  type Loaded,
  type LoadedChannel,
  openChannel,
  type Problem,
  problemOf,
  rejoin,
} from './channels.ts'
import { type DetailsCache, newDetailsCache } from './details.ts'
import { inTime, isFresh, noAnswer, storeUnavailable, ttlMs } from './in-time.ts'
import { type MissingCache, readMissing } from './missing.ts'
import { type CatalogState, type ChannelRef, loadCatalog, type NamedChannel, type StoreReader } from './read.ts'

export { ttlMs }

export interface CatalogCache extends MissingCache {
  /** How long a check waits for the store, in milliseconds. */
  readonly waitMs: number
  state?: CatalogState
  apps: ReadonlyMap<string, AppIndex>
  /** When the load began that last confirmed `state`. */
  checkedAt: Instant
  /** The last load, where it failed. */
  failure?: Problem & { readonly at: Instant }
  /** When a load that is still running began. */
  loadingSince?: Instant
  /** By `app/channel`; a channel that failed is remembered for one TTL. */
  channels: Map<string, Loaded>
  readonly details: DetailsCache
}

export const newCatalogCache = (waitMs = 2_000): CatalogCache => ({
  waitMs,
  apps: new Map(),
  checkedAt: 0,
  channels: new Map(),
  details: newDetailsCache(),
})

/** How this runtime lets work outlive a request (`waitUntil`); `undefined`: it cannot. */
export type Background = ((work: Promise<void>) => void) | undefined

/** The catalog to answer from, or the reason without one. Returns a promise only if it must wait. Never throws. */
export function currentCatalog(
  cache: CatalogCache,
  reader: StoreReader,
  background: Background,
  now = reader.clock(),
): MaybePromise<CatalogState | Problem> {
  const isCurrent = cache.state !== undefined && isFresh(cache.checkedAt, now)
  const load = isCurrent ? undefined : revalidate(cache, reader, background, now)
  return load ? load.then(() => usable(cache, reader.clock())) : usable(cache, now)
}

function usable({ state, failure }: CatalogCache, now: Instant): CatalogState | Problem {
  if (state === undefined) return failure ?? storeUnavailable
  const { expires, version } = state.root.root
  if (now >= state.catalog.expiresMs) return expired('the catalog', state.catalog.catalog.expires)
  if (expires !== undefined && now >= Date.parse(expires)) return expired(`root ${version}`, expires)
  return state
}

const expired = (what: string, at: Instant | string): Problem => ({
  reason: 'catalog-expired',
  message: `${what} expired at ${timeText(at)}`,
})

/** @returns what a check has to wait for; `undefined` where it is answered from what was read before. */
function revalidate(cache: CatalogCache, reader: StoreReader, background: Background, now: Instant) {
  if (cache.failure !== undefined && isFresh(cache.failure.at, now)) return undefined
  const { loadingSince, waitMs } = cache
  const isLoading = loadingSince !== undefined && now >= loadingSince && now - loadingSince < waitMs
  if (isLoading && cache.state !== undefined) return undefined
  const load = reload(cache, reader)
  if (cache.state !== undefined && background !== undefined && now - cache.checkedAt < 2 * ttlMs) {
    background(load)
    return undefined
  }
  return inTime(
    load.then(() => true),
    waitMs,
  ).then((isLoaded) => {
    if (!isLoaded) cache.failure = { ...noAnswer(waitMs), at: reader.clock() }
  })
}

/**
 * Reads the catalog, and the changed ones of the channels in use, before any of it is served. Loads may overtake each
 * other: one that ends after another has changed the cache leaves it alone. Never throws.
 */
export async function reload(cache: CatalogCache, reader: StoreReader): Promise<void> {
  const began = reader.clock()
  const { state: seen, checkedAt } = cache
  const isOvertaken = () => cache.state !== seen || cache.checkedAt !== checkedAt
  cache.loadingSince = began
  try {
    const list = readMissing(reader, cache)
    const state = await loadCatalog(reader, seen)
    const { missing, ...read } = await list(state !== seen)
    const isNew = state !== seen || missing !== cache.missing
    const next = isNew ? await prepare(cache, { ...reader, missing: missing?.folders }, state) : undefined
    if (!isOvertaken()) {
      // At once: a check sees all of the old catalog or all of the new one.
      Object.assign(cache, next, { missing, ...read })
      cache.checkedAt = began
      delete cache.failure
    }
  } catch (error) {
    const problem = problemOf(error)
    // An older catalog is what a stale copy looks like.
    const isRollback = error instanceof PlatteError && error.code === 'rollback'
    const isCalm = seen !== undefined && (problem.reason === 'store-unavailable' || isRollback)
    reader.log({ level: isCalm ? 'warn' : 'error', event: 'catalog', ...problem, ...describeError(error) })
    if (!isOvertaken()) cache.failure = { ...problem, at: reader.clock() }
  }
  if (cache.loadingSince === began) delete cache.loadingSince
}

/** Opens the channels in use under a new catalog. */
async function prepare(cache: CatalogCache, reader: StoreReader, state: CatalogState): Promise<Partial<CatalogCache>> {
  const apps = indexApps(state)
  const used = [...cache.channels].map(async ([name, loaded]): Promise<readonly [string, Loaded][]> => {
    const [app = '', channel = ''] = name.split('/')
    const entry = apps.get(app)?.channels.get(channel)
    if (entry === undefined) return []
    const ref = { app, channel, entry }
    const same = cache.state?.root === state.root ? rejoin(loaded, state, ref, reader) : undefined
    return [[name, same ?? (await open(cache, reader, state, ref))]]
  })
  return { state, apps, channels: new Map((await Promise.all(used)).flat()) }
}

/** Opens a channel, and keeps it where the catalog is still in use. One that is slow is a problem until it is there. */
async function open(cache: CatalogCache, reader: StoreReader, state: CatalogState, ref: NamedChannel): Promise<Loaded> {
  const keep = (loaded: Loaded): Loaded => {
    if (cache.state === state) cache.channels.set(`${ref.app}/${ref.channel}`, loaded)
    return loaded
  }
  const work = openChannel(reader, state, ref)
  const loaded = await inTime(work, cache.waitMs)
  if (loaded === undefined) void work.then(keep)
  return keep(loaded ?? { ...noAnswer(cache.waitMs), at: reader.clock() })
}

/**
 * Finds the channel that a client means: by its exact name, else by an alias that the release key signed too. At once,
 * unless its manifest has to be read. Never throws.
 */
export function findChannel(
  cache: CatalogCache,
  reader: StoreReader,
  { app, channel }: ChannelRef,
  now = reader.clock(),
): MaybePromise<LoadedChannel | Problem> {
  const { state } = cache
  if (state === undefined) return storeUnavailable
  const index = cache.apps.get(app)
  if (index === undefined) return { reason: 'unknown-app', message: '' }
  const known = index.found.get(channel)
  if (known !== undefined) return inForce(known, now)
  const openNamed = (name: string): MaybePromise<Loaded | Problem> => {
    const entry = index.channels.get(name)
    if (entry === undefined) return unknownChannel
    const loaded = cache.channels.get(`${app}/${name}`)
    const isRemembered = loaded && !('reason' in loaded && !isFresh(loaded.at, reader.clock()))
    if (isRemembered) return loaded
    return open(cache, { ...reader, missing: cache.missing?.folders }, state, { app, channel: name, entry })
  }
  const remember = (loaded: Loaded | Problem): LoadedChannel | Problem => {
    if (!('reason' in loaded)) index.found.set(channel, loaded)
    return inForce(loaded, now)
  }
  const alias = index.aliases.get(channel)
  const byAlias = (loaded: Loaded | Problem): LoadedChannel | Problem =>
    'reason' in loaded || loaded.manifest.aliases?.includes(channel) ? remember(loaded) : unsignedAlias
  return after(openNamed(channel), (loaded) =>
    alias !== undefined && 'reason' in loaded && loaded.reason === 'unknown-channel'
      ? after(openNamed(alias), byAlias)
      : remember(loaded),
  )
}

const unknownChannel = { reason: 'unknown-channel', message: '' } as const
const unsignedAlias = { ...unknownChannel, message: 'an alias that the release key did not sign' } as const

function inForce(loaded: Loaded | Problem, now: Instant): LoadedChannel | Problem {
  return 'reason' in loaded || now < loaded.expiresMs ? loaded : expired('a manifest of the channel', loaded.expiresMs)
}

/** A root is rare to sign and needs people: warn this long before it expires. */
const rootWarningMs = 30 * 24 * 60 * 60 * 1000

export const staleSentence = ({ catalog, expiresMs }: VerifiedCatalog): string =>
  `the catalog expired at ${timeText(catalog.expires)}: stale, but accepted until ${timeText(expiresMs)}`

/** @returns one sentence for each problem, safe to publish: the log has the details. */
export function findProblems(cache: CatalogCache, now: Instant): readonly string[] {
  const problems: string[] = []
  if (cache.failure) {
    const { reason, message } = cache.failure
    // How far the clocks are apart is what there is to know, and no secret.
    problems.push(`${reason}: ${reason === 'clock' ? message : explainReason(reason)}`)
  }
  if (cache.state) {
    const { catalog, root } = cache.state
    const expiresMs = Date.parse(catalog.catalog.expires)
    const at = timeText(expiresMs)
    if (now >= catalog.expiresMs)
      problems.push(`catalog-expired: the catalog expired at ${at}: check it, then run platte refresh --force`)
    else if (now >= expiresMs) problems.push(staleSentence(catalog))
    else if (expiresMs - now < (expiresMs - catalog.issuedAtMs) / 3)
      problems.push(`the catalog expires at ${at} and was not refreshed: check the job that runs platte refresh`)
    const { expires, version } = root.root
    if (expires !== undefined && Date.parse(expires) - now < rootWarningMs)
      problems.push(`root ${version} expires at ${timeText(expires)}: publish its successor`)
  }
  for (const [name, loaded] of cache.channels)
    if ('reason' in loaded && loaded.reason !== 'unknown-channel')
      problems.push(`${name}: ${loaded.reason}: ${explainReason(loaded.reason)}`)
  return problems
}
