/** Takes old releases out of a channel, and then the packages that no channel names any more out of the store. */

import { packagesOf, viewOf } from '../catalog/channels.ts'
import { loadHead } from '../catalog/commit-channel.ts'
import { walkChain } from '../catalog/history.ts'
import { type CatalogState, type ChannelRef, channelEntry, loadChannel } from '../catalog/read.ts'
import { allChannelRefs } from '../catalog/refresh.ts'
import { dateOf, loadForWriting } from '../catalog/write.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { findRelease } from '../release/add-release.ts'
import type { Release } from '../release/channel.ts'
import { inUse, newestOf } from '../release/retention.ts'
import { offerEnd, otherChannels } from './channel-life.ts'
import { type EditOptions, type EditResult, editChannel } from './edit-channel.ts'
import type { Publisher } from './publish.ts'

export interface PruneOptions extends EditOptions {
  /** So many of the newest releases of each board stay. */
  readonly keep: number
}

export interface Pruned extends EditResult {
  /** Packages that went; without the timestamp key, or in a dry run, those that a later run would take away. */
  readonly packages: readonly { readonly key: string; readonly size: number }[]
}

/**
 * Floors, dead ends, the newest, and whatever this channel or a follower may still offer stay; so do all manifests and
 * notes. Of a channel that has ended nothing stays. Safe to repeat: what an interrupted run left is found by the chain.
 * @throws PlatteError('refused') where the channel is not there; 'credentials'; what is wrong with the chain.
 */
export async function pruneChannel(
  publisher: Publisher,
  ref: ChannelRef,
  { keep, ...options }: PruneOptions,
): Promise<Pruned> {
  const followers = (await otherChannels(publisher, ref)).filter(({ follow }) => follow?.channel === ref.channel)
  const now = dateOf(publisher)
  const edit = (current: ChannelManifest, state: CatalogState): ChannelManifest => {
    const entryOf = (channel: string) => channelEntry(state.catalog.catalog, ref.app, channel) ?? unnamed
    const own = { entry: entryOf(ref.channel), manifest: current }
    const views = [
      viewOf(own, undefined),
      ...followers.map((manifest) => viewOf({ entry: entryOf(manifest.channel), manifest }, own)),
    ]
    const used = views.flatMap((view) => [...inUse(view, now)].map(({ version }) => findRelease(current, version)))
    const kept = new Set<Release | undefined>([...newestOf(current, keep), ...used])
    return { ...current, releases: current.releases.filter((release) => kept.has(release)) }
  }
  let after: ChannelManifest | undefined
  const keepAfter = (current: ChannelManifest, state: CatalogState): ChannelManifest => {
    after = edit(current, state)
    return after
  }
  const edited = (await offerEnd(publisher, ref, options)) ?? (await editChannel(publisher, ref, keepAfter, options))
  const packages = await unnamedPackages(publisher, ref, options.dryRun ? after : undefined)
  if (edited.inForce) await removeUnnamed(publisher, ref, packages)
  return { ...edited, packages }
}

/** @throws PlatteError('conflict') where somebody else gave one of them to a channel in between. */
async function removeUnnamed(publisher: Publisher, ref: ChannelRef, packages: Pruned['packages']): Promise<void> {
  for (const { key } of packages) await publisher.packages.remove(key)
  const named = packages.length === 0 ? new Set() : await namedPackages(publisher, ref)
  const lost = packages.filter(({ key }) => named.has(key))
  if (lost.length > 0)
    throw new PlatteError(
      'conflict',
      `removed while a channel was given it: ${lost.map(({ key }) => key).join(', ')}`,
      {
        hint: 'publish that release again: what is missing is put back',
      },
    )
}

/** What the catalog says of a channel that it does not name yet: nothing. */
const unnamed = { seq: 1, sha256: '', size: 1 }

/**
 * What this channel ever named, is in the store, and is named by no channel of the app now.
 * @param after what the channel would be, in a dry run.
 */
async function unnamedPackages(publisher: Publisher, ref: ChannelRef, after: ChannelManifest | undefined) {
  const ever = new Set<string>()
  for await (const { manifest } of walkChain(publisher, ref))
    for (const key of packagesOf(manifest).keys()) ever.add(key)
  // Looked at after the chain: what is published from now on is not in `ever`.
  const named = await namedPackages(publisher, ref, after)
  const gone: { key: string; size: number }[] = []
  for (const key of ever) {
    const stat = named.has(key) ? undefined : await publisher.packages.stat(key)
    if (stat) gone.push({ key, size: stat.size })
  }
  return gone
}

/** By the newest manifests of all channels of the app, and by those that the catalog names, which may be older. */
async function namedPackages(
  publisher: Publisher,
  { app, channel: pruned }: ChannelRef,
  after?: ChannelManifest,
): Promise<ReadonlySet<string>> {
  const state = await loadForWriting(publisher)
  const { catalog } = state.catalog
  const manifests: ChannelManifest[] = after ? [after] : []
  for (const { channel } of (await allChannelRefs(publisher, catalog)).filter((ref) => ref.app === app)) {
    if (after && channel === pruned) continue
    const head = await loadHead(publisher, state, { app, channel })
    if (head) manifests.push(head.manifest)
    const entry = channelEntry(catalog, app, channel)
    if (entry && entry.seq !== head?.manifest.seq)
      manifests.push((await loadChannel(publisher, state, { app, channel, entry })).manifest)
  }
  return new Set(manifests.flatMap((one) => [...packagesOf(one).keys()]))
}
