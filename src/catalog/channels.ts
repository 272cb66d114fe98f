/** Channels of a verified catalog: opened, joined with their holds, and indexed by name. */

import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { packageFolder } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import type { Package } from '../release/channel.ts'
import type { Reason } from '../release/decide.ts'
import { type Overlay, restrict } from '../release/overlay.ts'
import type { Stored } from '../release/view.ts'
import { type ChannelView, viewChannel } from '../release/view.ts'
import { type CatalogState, type ChannelRef, channelEntry, loadChannel, type StoreReader } from './read.ts'

export interface Problem {
  readonly reason: Reason
  readonly message: string
}

export interface ChannelEntry {
  readonly entry: CatalogChannel
  readonly manifest: ChannelManifest
}

export interface LoadedChannel extends ChannelEntry {
  readonly source: ChannelEntry | undefined
  readonly expiresMs: Instant
  readonly view: ChannelView
  /** By key. Packages of the followed channel are served by that channel. */
  readonly packages: ReadonlyMap<string, Package>
}

export interface AppIndex {
  readonly channels: ReadonlyMap<string, CatalogChannel>
  readonly aliases: ReadonlyMap<string, string>
}

export type NamedChannel = ChannelRef & { readonly entry: CatalogChannel }

export type Loaded = LoadedChannel | (Problem & { readonly at: Instant })

/** Keeps the manifests of a channel that a new catalog names as before. Their holds may have changed. */
export function rejoin(
  known: Loaded,
  { state: { catalog }, overlay }: { readonly state: CatalogState; readonly overlay: Overlay | undefined },
  ref: NamedChannel,
): LoadedChannel | undefined {
  if ('reason' in known) return undefined
  const { manifest, source } = known
  const entry = source && channelEntry(catalog.catalog, ref.app, source.manifest.channel)
  if (!isSame(known.entry, ref.entry) || (source && !(entry && isSame(source.entry, entry)))) return undefined
  return join({ entry: ref.entry, manifest }, source && entry && { entry, manifest: source.manifest }, overlay)
}

const isSame = (old: CatalogChannel, entry: CatalogChannel): boolean =>
  (['sha256', 'seq', 'size'] as const).every((field) => old[field] === entry[field])

/** Never throws. */
export async function openChannel(reader: StoreReader, state: CatalogState, ref: NamedChannel): Promise<Loaded> {
  try {
    const { manifest } = await loadChannel(reader, state, ref)
    if (isEnded(manifest)) return { ...ended, at: reader.clock() }
    return await joinSource(reader, state, { entry: ref.entry, manifest })
  } catch (error) {
    const problem = channelProblemOf(error)
    const { app, channel } = ref
    reader.log({ level: 'error', event: 'channel', app, channel, ...problem, ...describeError(error) })
    return { ...problem, at: reader.clock() }
  }
}

export async function joinSource(reader: StoreReader, state: CatalogState, own: ChannelEntry): Promise<LoadedChannel> {
  const { app, follow } = own.manifest
  const source = follow && (await openSource(reader, state, { app, channel: follow.channel }))
  return join(own, source, reader.overlay)
}

/** The name of a deleted channel stays in the catalog, so that nobody can bring it back. */
const ended = { reason: 'unknown-channel', message: 'the channel was deleted' } as const

/** Without its source a follower offers nothing: it would not know what is held, withdrawn or a floor there. */
async function openSource(
  reader: StoreReader,
  state: CatalogState,
  { app, channel }: ChannelRef,
): Promise<ChannelEntry> {
  const entry = channelEntry(state.catalog.catalog, app, channel)
  const manifest = entry && (await loadChannel(reader, state, { app, channel, entry })).manifest
  if (entry === undefined || manifest === undefined || isEnded(manifest))
    throw new PlatteError('missing', `it follows ${channel}, which is not there`, {
      hint: 'bring that channel back, or let it follow another one',
    })
  return { entry, manifest }
}

function join(own: ChannelEntry, source: ChannelEntry | undefined, overlay: Overlay | undefined): LoadedChannel {
  const expiries = [own, source].flatMap((one) => (one?.manifest.expires ? [Date.parse(one.manifest.expires)] : []))
  return {
    ...own,
    source,
    expiresMs: Math.min(Number.POSITIVE_INFINITY, ...expiries),
    view: restrict(viewOf(own, source), overlay, source?.manifest),
    packages: packagesOf(own.manifest),
  }
}

/** @param source what the channel follows; what that one follows does not count. */
export function viewOf(own: ChannelEntry, source: ChannelEntry | undefined): ChannelView {
  const { app, channel, follow } = own.manifest
  const ms = (duration: string | undefined): number => (duration === undefined ? 0 : durationMs(duration))
  return viewChannel(
    { app, channel },
    stored(own),
    source && { source: stored(source), afterMs: ms(follow?.after), overMs: ms(follow?.over) },
  )
}

const stored = ({ entry, manifest }: ChannelEntry): Stored => ({
  content: manifest,
  holds: entry.holds,
  rampAsOf: entry.rampAsOf,
})

/** By key in the store; without packages that are served from elsewhere. */
export function packagesOf(manifest: ChannelManifest): ReadonlyMap<string, Package> {
  const boards = manifest.releases.flatMap(({ version, boards }) =>
    Object.entries(boards).flatMap(([board, { packages, codebases }]) =>
      codebases.length === 0 ? [{ version, board, packages }] : [],
    ),
  )
  return new Map(
    boards.flatMap(({ version, board, packages }) => {
      const folder = packageFolder({ app: manifest.app, version, board }, packages)
      return packages.map((one) => [folder + one.name, one] as const)
    }),
  )
}

export function indexApps({ catalog }: CatalogState): ReadonlyMap<string, AppIndex> {
  return new Map(
    Object.entries(catalog.catalog.apps).map(([app, { channels }]) => [
      app,
      {
        channels: new Map(Object.entries(channels)),
        aliases: new Map(
          Object.entries(channels).flatMap(([name, { aliases }]) => (aliases ?? []).map((alias) => [alias, name])),
        ),
      },
    ]),
  )
}

/** The answer to machines while the catalog cannot be used. */
export function problemOf(error: unknown): Problem {
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
