/**
 * The verified catalog and channels that checks are answered from. Plain data that the caller owns: Workers may not
 * share promises between requests, so what is shared here is only what was finished.
 */
import type { Package } from '../core/channel.ts'
import type { Reason } from '../core/decide.ts'
import { type ChannelView, viewChannel } from '../core/view.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../errors.ts'
import type { Instant } from '../ports/clock.ts'
import { type CatalogState, loadCatalog, loadChannel, type Reading } from './reading.ts'

/** How long what was read is served without asking the store. */
export const ttlMs = 30_000
/** How long a check waits for a catalog that is older than twice the TTL, where an older good one is there. */
const patienceMs = 2_000

/** Why nothing can be offered: the reason, and what went wrong where something did. */
export interface Problem {
  readonly reason: Reason
  readonly message: string
}

/** One channel, ready for deciding. */
export interface LoadedChannel {
  readonly entry: CatalogChannel
  readonly manifest: ChannelManifest
  readonly expiresMs: Instant
  readonly view: ChannelView
  /** By key; nothing else is served of this channel. */
  readonly packages: ReadonlyMap<string, Package>
}

/** What a catalog names, by name. */
interface AppIndex {
  readonly channels: ReadonlyMap<string, CatalogChannel>
  readonly aliases: ReadonlyMap<string, string>
  /** What `findChannel` found, by the name or alias that was asked for. Made anew with each catalog. */
  readonly found: Map<string, LoadedChannel>
}

export interface CatalogCache {
  state?: CatalogState
  apps: ReadonlyMap<string, AppIndex>
  /** When the store last confirmed `state`. */
  checkedAt: Instant
  /** The last load, where it failed. */
  failure?: Problem & { readonly at: Instant }
  /** When a load that is still running began. */
  loadingSince?: Instant
  /** By `app/channel`; a channel that failed is remembered for one TTL. */
  readonly channels: Map<string, LoadedChannel | (Problem & { readonly at: Instant })>
}

export const newCatalogCache = (): CatalogCache => ({ apps: new Map(), checkedAt: 0, channels: new Map() })

/** How this runtime lets work outlive a request (`waitUntil`); `undefined`: it cannot. */
export type Background = ((work: Promise<void>) => void) | undefined

/** The catalog to answer from, or why there is none. Never throws. */
export async function currentCatalog(
  cache: CatalogCache,
  reading: Reading,
  background: Background,
): Promise<CatalogState | Problem> {
  const now = reading.clock()
  if (cache.state === undefined || !isFresh(cache.checkedAt, now)) await revalidate(cache, reading, background, now)
  const { state } = cache
  if (state === undefined) return cache.failure ?? storeUnavailable
  const expired = expiry(state, reading.clock())
  return expired === undefined ? state : { reason: 'catalog-expired', message: expired }
}

/** @returns what has expired, in words. */
function expiry({ catalog, root }: CatalogState, now: Instant): string | undefined {
  if (now >= catalog.expiresMs) return `the catalog expired at ${catalog.catalog.expires}`
  const { expires, version } = root.root
  if (expires !== undefined && now >= Date.parse(expires)) return `root ${version} expired at ${expires}`
  return undefined
}

async function revalidate(cache: CatalogCache, reading: Reading, background: Background, now: Instant): Promise<void> {
  if (cache.failure !== undefined && isFresh(cache.failure.at, now)) return
  const another = cache.loadingSince !== undefined && now - cache.loadingSince < patienceMs
  if (another && cache.state !== undefined) return
  const load = reload(cache, reading)
  if (cache.state !== undefined && background !== undefined && now - cache.checkedAt < 2 * ttlMs)
    return background(load)
  if (await isLate(load))
    cache.failure = { ...storeUnavailable, message: `no answer within ${patienceMs} ms`, at: reading.clock() }
}

const storeUnavailable = { reason: 'store-unavailable', message: 'nothing was read yet' } as const

const isFresh = (at: Instant, now: Instant): boolean => now >= at && now - at < ttlMs

async function isLate(work: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<true>((resolve) => {
    timer = setTimeout(() => resolve(true), patienceMs)
  })
  try {
    return await Promise.race([work.then(() => false), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Reads the catalog, and the changed ones of the channels in use, before any of it is served. Never throws. */
export async function reload(cache: CatalogCache, reading: Reading): Promise<void> {
  const began = reading.clock()
  cache.loadingSince = began
  try {
    const state = await loadCatalog(reading, cache.state)
    if (state !== cache.state) await adopt(cache, reading, state)
    cache.checkedAt = reading.clock()
    delete cache.failure
  } catch (error) {
    const problem = problemOf(error)
    cache.failure = { ...problem, at: reading.clock() }
    reading.log({ level: cache.state ? 'warn' : 'error', event: 'catalog', ...problem })
  }
  if (cache.loadingSince === began) delete cache.loadingSince
}

async function adopt(cache: CatalogCache, reading: Reading, state: CatalogState): Promise<void> {
  const before = cache.state
  const apps = indexApps(state)
  const used = [...cache.channels.keys()].map(async (name) => {
    const [app = '', channel = ''] = name.split('/')
    const entry = apps.get(app)?.channels.get(channel)
    const known = before?.root === state.root ? cache.channels.get(name) : undefined
    return [name, entry && (await renew(reading, state, { app, channel, entry }, known))] as const
  })
  const renewed = await Promise.all(used)
  if (cache.state !== before) return
  for (const [name, loaded] of renewed)
    if (loaded === undefined) cache.channels.delete(name)
    else cache.channels.set(name, loaded)
  cache.apps = apps
  cache.state = state
}

type Place = { readonly app: string; readonly channel: string; readonly entry: CatalogChannel }
type Loaded = LoadedChannel | (Problem & { readonly at: Instant })

/** A manifest that is named by the same digest under the same root needs no second look; its holds do. */
async function renew(reading: Reading, state: CatalogState, place: Place, old: Loaded | undefined): Promise<Loaded> {
  if (old === undefined || 'reason' in old || old.entry.sha256 !== place.entry.sha256)
    return openChannel(reading, state, place)
  return join(place.entry, old.manifest)
}

async function openChannel(reading: Reading, state: CatalogState, place: Place): Promise<Loaded> {
  try {
    return join(place.entry, (await loadChannel(reading, state, place)).manifest)
  } catch (error) {
    const problem = channelProblemOf(error)
    reading.log({ level: 'error', event: 'channel', app: place.app, channel: place.channel, ...problem })
    return { ...problem, at: reading.clock() }
  }
}

const join = (entry: CatalogChannel, manifest: ChannelManifest): LoadedChannel => ({
  entry,
  manifest,
  expiresMs: manifest.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(manifest.expires),
  view: viewChannel(manifest, entry.holds),
  packages: packagesOf(manifest),
})

/** Every package that a manifest names, by its key in the store. */
export function packagesOf(manifest: ChannelManifest): ReadonlyMap<string, Package> {
  const boards = manifest.releases.flatMap(({ version, boards }) =>
    Object.entries(boards).map(([board, { packages }]) => ({ version, board, packages })),
  )
  return new Map(
    boards.flatMap(({ version, board, packages }) => {
      const folder = packageFolder({ app: manifest.app, version, board }, packages)
      return packages.map((one) => [folder + one.name, one] as const)
    }),
  )
}

function indexApps({ catalog }: CatalogState): ReadonlyMap<string, AppIndex> {
  return new Map(
    Object.entries(catalog.catalog.apps).map(([app, { channels }]) => [
      app,
      {
        channels: new Map(Object.entries(channels)),
        aliases: new Map(
          Object.entries(channels).flatMap(([name, { aliases }]) => (aliases ?? []).map((alias) => [alias, name])),
        ),
        found: new Map(),
      },
    ]),
  )
}

/**
 * Finds the channel that a client means: by its exact name, else by an alias that the release key signed too.
 * Names are only ever looked up. Never throws.
 */
export async function findChannel(
  cache: CatalogCache,
  reading: Reading,
  state: CatalogState,
  { app, channel }: { readonly app: string; readonly channel: string },
): Promise<LoadedChannel | Problem> {
  const index = cache.apps.get(app)
  if (index === undefined) return { reason: 'unknown-app', message: '' }
  const name = index.channels.has(channel) ? channel : index.aliases.get(channel)
  const entry = name === undefined ? undefined : index.channels.get(name)
  if (name === undefined || entry === undefined) return { reason: 'unknown-channel', message: '' }
  const key = `${app}/${name}`
  const loaded = cache.channels.get(key) ?? (await openOnce(cache, reading, state, { app, channel: name, entry }, key))
  const now = reading.clock()
  if ('reason' in loaded) {
    if (!isFresh(loaded.at, now)) cache.channels.delete(key)
    return loaded
  }
  if (now >= loaded.expiresMs)
    return { reason: 'catalog-expired', message: `the channel's manifest expired at ${loaded.manifest.expires}` }
  if (name !== channel && !loaded.manifest.aliases?.includes(channel))
    return { reason: 'unknown-channel', message: 'an alias that the release key did not sign' }
  index.found.set(channel, loaded)
  return loaded
}

/**
 * What `currentCatalog` and `findChannel` would say, at once: nearly every check is answered so.
 * @returns `undefined` where they have to read something, or where there is a reason to offer nothing.
 */
export function freshChannel(
  { state, apps, checkedAt }: CatalogCache,
  now: Instant,
  { app, channel }: { readonly app: string; readonly channel: string },
): LoadedChannel | undefined {
  if (state === undefined || !isFresh(checkedAt, now) || expiry(state, now) !== undefined) return undefined
  const loaded = apps.get(app)?.found.get(channel)
  return loaded && now < loaded.expiresMs ? loaded : undefined
}

async function openOnce(
  cache: CatalogCache,
  reading: Reading,
  state: CatalogState,
  place: Place,
  key: string,
): Promise<Loaded> {
  const loaded = await openChannel(reading, state, place)
  if (cache.state === state) cache.channels.set(key, loaded)
  return loaded
}

/** What a machine is told where the catalog cannot be used. */
function problemOf(error: unknown): Problem {
  if (!(error instanceof PlatteError)) return { reason: 'unverifiable', message: `a defect: ${error}` }
  switch (error.code) {
    case 'store-unavailable':
    case 'forbidden':
    case 'conflict':
      return { reason: 'store-unavailable', message: error.message }
    case 'expired':
      return { reason: 'catalog-expired', message: error.message }
    default:
      return { reason: 'unverifiable', message: error.message }
  }
}

function channelProblemOf(error: unknown): Problem {
  if (error instanceof PlatteError && error.code === 'missing')
    return { reason: 'not-mirrored', message: error.message }
  return problemOf(error)
}
