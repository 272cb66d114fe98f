/** Takes old releases out of a channel, and then the packages that no channel names any more out of the store. */
import type { Package, Release } from '../core/channel.ts'
import { inUse, newestOf } from '../core/keeping.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { otherChannels } from './channel-life.ts'
import { packagesOf, viewOf } from './channels.ts'
import { type Edited, type EditOptions, editChannel } from './edit-channel.ts'
import { walkChain } from './history.ts'
import type { Publishing } from './publish.ts'
import { type CatalogState, channelEntry, loadChannel, type Place } from './reading.ts'
import { dateOf, loadForWriting } from './writing.ts'

export interface PruneOptions extends EditOptions {
  /** So many of the newest releases of each board stay. */
  readonly keep: number
}

export interface Pruned extends Edited {
  /** Packages that went; without the timestamp key, or in a dry run, those that a later run would take away. */
  readonly packages: readonly { readonly key: string; readonly size: number }[]
}

/**
 * Floors, dead ends, the newest, and whatever this channel or a follower may still offer stay; so do all manifests and
 * notes. Safe to repeat: packages that an interrupted run left are found by the chain.
 * @throws PlatteError('refused') where the channel is not there; 'credentials'; what is wrong with the chain.
 */
export async function pruneChannel(
  publishing: Publishing,
  place: Place,
  { keep, ...options }: PruneOptions,
): Promise<Pruned> {
  const followers = (await otherChannels(publishing, place)).filter(({ follow }) => follow?.channel === place.channel)
  const now = dateOf(publishing)
  const edit = (current: ChannelManifest, state: CatalogState): ChannelManifest => {
    const entryOf = (channel: string) => channelEntry(state.catalog.catalog, place.app, channel) ?? unnamed
    const own = { entry: entryOf(place.channel), manifest: current }
    const views = [
      viewOf(own, undefined),
      ...followers.map((manifest) => viewOf({ entry: entryOf(manifest.channel), manifest }, own)),
    ]
    const kept = new Set<Release>(
      [newestOf(current, keep), ...views.map((view) => inUse(view, now))].flatMap((set) => [...set]),
    )
    return { ...current, releases: current.releases.filter((release) => kept.has(release)) }
  }
  let after: ChannelManifest | undefined
  const edited = await editChannel(
    publishing,
    place,
    (current, state) => {
      after = edit(current, state)
      return after
    },
    options,
  )
  const packages = await unnamedPackages(publishing, place, after)
  if (edited.inForce) for (const { key } of packages) await publishing.packages.remove(key)
  return { ...edited, packages }
}

/** What the catalog says of a channel that it does not name yet: nothing. */
const unnamed = { seq: 1, sha256: '', size: 1 }

/** What this channel ever named, is in the store, and is named by no channel of the app now. */
async function unnamedPackages(publishing: Publishing, place: Place, after: ChannelManifest | undefined) {
  const ever = new Map<string, Package>()
  for await (const { manifest } of walkChain(publishing, place))
    for (const [key, one] of packagesOf(manifest)) ever.set(key, one)
  const named = await namedPackages(publishing, place, after)
  const gone: { key: string; size: number }[] = []
  for (const key of ever.keys()) {
    const stat = named.has(key) ? undefined : await publishing.packages.stat(key)
    if (stat) gone.push({ key, size: stat.size })
  }
  return gone
}

/** By the newest manifests of all channels of the app, and by those that the catalog names, which may be older. */
async function namedPackages(
  publishing: Publishing,
  place: Place,
  after: ChannelManifest | undefined,
): Promise<ReadonlySet<string>> {
  const state = await loadForWriting(publishing)
  const { app } = place
  const others = await otherChannels(publishing, place)
  const offered: ChannelManifest[] = []
  for (const channel of others.map((one) => one.channel)) {
    const entry = channelEntry(state.catalog.catalog, app, channel)
    if (entry) offered.push((await loadChannel(publishing, state, { app, channel, entry })).manifest)
  }
  return new Set([...others, ...offered, ...(after ? [after] : [])].flatMap((one) => [...packagesOf(one).keys()]))
}
