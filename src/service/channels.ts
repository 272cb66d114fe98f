/** Channels and apps as a verified catalog names them: opened, joined with their holds, and indexed by name. */
import type { Package } from '../core/channel.ts'
import type { Reason } from '../core/decide.ts'
import { type ChannelView, viewChannel } from '../core/view.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../errors.ts'
import type { Instant } from '../ports/clock.ts'
import { type CatalogState, loadChannel, type Place, type Reading } from './reading.ts'

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
export interface AppIndex {
  readonly channels: ReadonlyMap<string, CatalogChannel>
  readonly aliases: ReadonlyMap<string, string>
  /** What `findChannel` found, by the name or alias that was asked for. Made anew with each catalog. */
  readonly found: Map<string, LoadedChannel>
}

/** A channel and what the catalog says of it. */
export type NamedChannel = Place & { readonly entry: CatalogChannel }

/** A channel, or why it cannot be used, and since when that is known. */
export type Loaded = LoadedChannel | (Problem & { readonly at: Instant })

/** A manifest that is named in the same way under the same root needs no second look; its holds do. */
export const isSame = (old: Loaded, { entry }: NamedChannel): old is LoadedChannel =>
  !('reason' in old) && (['sha256', 'seq', 'size'] as const).every((field) => old.entry[field] === entry[field])

/** Opens a channel. Never throws. */
export async function openChannel(reading: Reading, state: CatalogState, place: NamedChannel): Promise<Loaded> {
  try {
    return join(place.entry, (await loadChannel(reading, state, place)).manifest)
  } catch (error) {
    const problem = channelProblemOf(error)
    reading.log({ level: 'error', event: 'channel', app: place.app, channel: place.channel, ...problem })
    return { ...problem, at: reading.clock() }
  }
}

/** Puts the holds of the catalog onto a manifest. */
export const join = (entry: CatalogChannel, manifest: ChannelManifest): LoadedChannel => ({
  entry,
  manifest,
  expiresMs: manifest.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(manifest.expires),
  view: viewChannel(manifest, entry.holds),
  packages: packagesOf(manifest),
})

/** Every package that a manifest names and that is not served from elsewhere, by its key in the store. */
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

/** Every app and channel of a catalog, by name. */
export function indexApps({ catalog }: CatalogState): ReadonlyMap<string, AppIndex> {
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

/** What a machine is told where the catalog cannot be used. */
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
