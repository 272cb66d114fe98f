/** Channels of a verified catalog: opened, joined with their holds, and indexed by name. */
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { isTakenPath, servedFolder } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { type DetailedRelease, filesOf, type Package, type PackageSet, type Release } from '../release/channel.ts'
import type { Reason } from '../release/decide.ts'
import { type ChannelView, restrict, viewChannel, withhold } from '../release/view.ts'
import {
  type CatalogState,
  type ChannelRef,
  channelEntry,
  channelsOf,
  loadChannel,
  type NamedChannel,
  type StoreReader,
} from './read.ts'

export type Problem = Readonly<{ reason: Reason; message: string }>
export type ChannelEntry = Readonly<{ entry: CatalogChannel; manifest: ChannelManifest }>

export interface LoadedChannel extends ChannelEntry {
  readonly source: ChannelEntry | undefined
  readonly expiresMs: Instant
  readonly view: ChannelView
  /** By folder in the store. Packages of the followed channel are served by that channel. No check needs them. */
  readonly folders: () => ReadonlyMap<string, ServedBoard>
}

export interface AppIndex {
  readonly channels: ReadonlyMap<string, CatalogChannel>
  readonly aliases: ReadonlyMap<string, string>
  /** Opened channels by the names that clients use: nearly every check is answered from here. */
  readonly found: Map<string, LoadedChannel>
}

/** What this store adds to what was signed: it can only withhold. */
type Local = Pick<StoreReader, 'overlay' | 'missing'>

export type Loaded = LoadedChannel | (Problem & { readonly at: Instant })

/** Keeps the manifests of a channel that a new catalog names as before. Their holds may have changed. */
export function rejoin(known: Loaded, { catalog }: CatalogState, ref: NamedChannel, local: Local) {
  if ('reason' in known) return undefined
  const { manifest, source } = known
  const entry = source && channelEntry(catalog.catalog, ref.app, source.manifest.channel)
  if (!isSame(known.entry, ref.entry) || (source && !(entry && isSame(source.entry, entry)))) return undefined
  return join({ entry: ref.entry, manifest }, source && entry && { entry, manifest: source.manifest }, local)
}

const isSame = (old: CatalogChannel, entry: CatalogChannel): boolean =>
  old.sha256 === entry.sha256 && old.seq === entry.seq && old.size === entry.size

/** Never throws. */
export async function openChannel(reader: StoreReader, state: CatalogState, ref: NamedChannel): Promise<Loaded> {
  try {
    const { manifest } = await loadChannel(reader, state, ref)
    if (isEnded(manifest)) return { ...ended, at: reader.clock() }
    return await joinSource(reader, state, { entry: ref.entry, manifest })
  } catch (error) {
    const isMissing = error instanceof PlatteError && error.code === 'missing'
    const problem: Problem = isMissing ? { reason: 'not-mirrored', message: error.message } : problemOf(error)
    const { app, channel } = ref
    reader.log({ level: 'error', event: 'channel', app, channel, ...problem, ...describeError(error) })
    return { ...problem, at: reader.clock() }
  }
}

export async function joinSource(reader: StoreReader, state: CatalogState, own: ChannelEntry): Promise<LoadedChannel> {
  const { app, follow } = own.manifest
  const source = follow && (await openSource(reader, state, { app, channel: follow.channel }))
  return join(own, source, reader)
}

/** The name of a deleted channel stays in the catalog, so that nothing brings the channel back. */
const ended = { reason: 'unknown-channel', message: 'the channel was deleted' } as const

/** Without its source a follower offers nothing: it would not know what is held, withdrawn or a floor there. */
async function openSource(reader: StoreReader, state: CatalogState, ref: ChannelRef): Promise<ChannelEntry> {
  const entry = channelEntry(state.catalog.catalog, ref.app, ref.channel)
  const loaded = entry && (await loadChannel(reader, state, { ...ref, entry }))
  if (loaded && !isEnded(loaded.manifest)) return { entry, manifest: loaded.manifest }
  throw new PlatteError('missing', `it follows ${ref.channel}, which does not exist`, {
    hint: 'create that channel again, or follow another one',
  })
}

function join(own: ChannelEntry, source: ChannelEntry | undefined, local: Local): LoadedChannel {
  const expiries = [own, source].flatMap((one) => (one?.manifest.expires ? [Date.parse(one.manifest.expires)] : []))
  let folders: ReadonlyMap<string, ServedBoard> | undefined
  return {
    ...{ ...own, source },
    expiresMs: Math.min(Number.POSITIVE_INFINITY, ...expiries),
    view: withholdMissing(restrict(viewOf(own, source), local.overlay, source?.manifest), local.missing),
    folders: () => (folders ??= foldersOf(own.manifest)),
  }
}

function withholdMissing(view: ChannelView, missing: ReadonlySet<string> = new Set()): ChannelView {
  const { app } = view.scope
  return missing.size === 0
    ? view
    : withhold(view, (board, { release: { version }, packages }) =>
        missing.has(servedFolder({ app, version, board }, packages) ?? ''),
      )
}

/** @param source what the channel follows; what that one follows does not count. */
export function viewOf(own: ChannelEntry, source: ChannelEntry | undefined): ChannelView {
  const { app, channel, follow } = own.manifest
  const ms = (duration: string | undefined): number => (duration === undefined ? 0 : durationMs(duration))
  const followed = source && { source: stored(source), afterMs: ms(follow?.after), overMs: ms(follow?.over) }
  return viewChannel({ app, channel }, stored(own), followed)
}

const stored = ({ entry: { holds, rampAsOf }, manifest: content }: ChannelEntry) => ({ content, holds, rampAsOf })

export type ServedBoard = Readonly<{ release: Release; board: string; packages: PackageSet }>

/** By folder in the store; without images, and packages that are served from elsewhere. */
export function foldersOf({ app, releases }: Pick<ChannelManifest, 'app' | 'releases'>) {
  const named = new Map<string, ServedBoard>()
  for (const release of releases)
    for (const [board, packages] of Object.entries(release.boards)) {
      const folder = servedFolder({ app, version: release.version, board }, packages)
      if (folder !== undefined) named.set(folder, { release, board, packages })
    }
  return named
}

/** By key in the store, of releases whose details are loaded. */
export function packagesOf(manifest: Pick<ChannelManifest, 'app'> & { readonly releases: readonly DetailedRelease[] }) {
  const named = new Map<string, Package>()
  for (const [folder, { packages }] of foldersOf(manifest))
    for (const one of filesOf(packages)) named.set(folder + one.name, one)
  return named
}

export function indexApps({ catalog }: CatalogState): ReadonlyMap<string, AppIndex> {
  const apps = Object.entries(catalog.catalog.apps).map(([app, { channels }]) => {
    const entries = Object.entries(channels)
    const aliases = entries.flatMap(([name, { aliases = [] }]) => aliases.map((alias) => [alias, name] as const))
    return [app, { channels: new Map(entries), aliases: new Map(aliases), found: new Map() }] as const
  })
  return new Map(apps)
}

export const isLive = (manifest: ChannelManifest | undefined): manifest is ChannelManifest =>
  manifest !== undefined && manifest.seq > 0 && !isEnded(manifest)

export function checkNewName(channel: string): void {
  if (!isTakenPath(channel)) return
  throw new PlatteError('refused', `a channel cannot be called ${JSON.stringify(channel)}`, {
    hint: `/${channel} is a path of the endpoint: choose another name`,
  })
}

/** @param remedy how to get a channel that exists. */
export function unknownChannel({ catalog }: CatalogState, { app, channel }: ChannelRef, remedy: string): PlatteError {
  const channels = channelsOf(catalog.catalog, app)
  const renamed = otherNameOf(channels, channel)
  const aliases = new Set(Object.values(channels).flatMap((one) => one.aliases ?? []))
  const others = Object.keys(channels).filter((name) => name !== channel && !aliases.has(name))
  const there = others.length === 0 ? 'it has none yet' : `it has ${others.slice(0, 10).join(', ')}`
  const known = Object.hasOwn(channels, channel) ? 'that channel was deleted' : there
  return new PlatteError('refused', `${app} has no channel ${JSON.stringify(channel)}`, {
    hint: renamed ? `${channel} is an alias of ${renamed}: use that name` : `${known}; ${remedy}`,
  })
}

const otherNameOf = (channels: Readonly<Record<string, CatalogChannel>>, channel: string): string | undefined =>
  Object.entries(channels).find(([, { aliases = [] }]) => aliases.includes(channel))?.[0]

/** A new channel would take the machines of an alias away. @throws PlatteError('refused') */
export function refuseOtherName({ catalog }: CatalogState, { app, channel }: ChannelRef): void {
  const renamed = otherNameOf(channelsOf(catalog.catalog, app), channel)
  if (renamed === undefined) return
  throw new PlatteError('refused', `${JSON.stringify(channel)} is an alias of channel ${renamed}`, {
    hint: `publish to ${renamed}: its machines get that`,
  })
}

const reasons: Readonly<Partial<Record<ErrorCode, Reason>>> = { expired: 'catalog-expired', 'from-the-future': 'clock' }

/** The answer to machines while the catalog cannot be used. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof PlatteError)) return { reason: 'unverifiable', message: `a defect: ${error}` }
  const { code, message } = error
  if (storeFailures.includes(code)) return { reason: 'store-unavailable', message }
  return { reason: reasons[code] ?? 'unverifiable', message }
}

/** Failures of the store, not of a document. */
export const storeFailures: readonly ErrorCode[] = ['store-unavailable', 'forbidden', 'conflict']
