/** Takes old releases out of a channel, and their packages out of the store. */
import { foldersOf, packagesOf, viewOf } from '../catalog/channels.ts'
import { loadHead } from '../catalog/commit-channel.ts'
import { loadDetails } from '../catalog/details.ts'
import { allChannelRefs } from '../catalog/edit-catalog.ts'
import { walkChain } from '../catalog/history.ts'
import { type ChannelRef, channelEntry, loadChannel, loadForWriting } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { findRelease } from '../release/add-release.ts'
import { type Channel, packagesFor, type Release } from '../release/channel.ts'
import { isComplete } from '../release/decide.ts'
import { newestFirst } from '../release/version.ts'
import type { Candidate, ChannelView } from '../release/view.ts'
import { followersOf } from './channel-life.ts'
import { type Committer, type EditResult, type EditState, entryOf, type ManifestEdit } from './plan.ts'

/**
 * Floors, dead ends, the newest, and what this channel or a follower may still offer stay; so do all manifests, notes and details.
 * Of a deleted channel nothing stays. Safe to repeat: the chain of manifests names what an interrupted run left.
 * @param given how many of the newest releases of each board stay; by default, as many as the channel says.
 */
export const pruneEdit = (ref: ChannelRef, given?: number): ManifestEdit => ({
  ref,
  orEnded: true,
  isBrake: true,
  others: 'all',
  apply: (current, state, at) => {
    const used = inUseHere(current, state, Date.parse(at))
    const kept = new Set<Release | undefined>([...newestOf(current, given ?? current.keep ?? 20), ...used])
    return { ...current, releases: current.releases.filter((release) => kept.has(release)) }
  },
  preview: async (writer, { manifest, state }) => ({
    packages: await unnamedPackages(writer, ref, manifest ?? state.head?.manifest),
  }),
  finish: async (writer, result) => {
    const packages = await unnamedPackages(writer, ref)
    if (result.inForce) await removeUnnamed(writer, ref, packages)
    return { ...result, packages }
  },
})

/** For each board, the newest release for everybody, and all newer ones. Pure. */
export function inUse({ boards }: ChannelView, now: number): ReadonlySet<Release> {
  const isForEverybody = (one: Candidate): boolean =>
    one.refusal === undefined && one.targets.length === 0 && one.seenFrom <= now && isComplete(one, now)
  const used = [...boards.values()].flatMap(({ candidates }) => {
    const last = candidates.findIndex(isForEverybody)
    return last < 0 ? candidates : candidates.slice(0, last + 1)
  })
  return new Set(used.map(({ release }) => release))
}

/** Floors, dead ends, and the newest `count` releases of each board. Pure. */
export function newestOf({ releases }: Channel, count: number): ReadonlySet<Release> {
  const sorted = [...releases].sort(newestFirst)
  const boards = new Set(releases.flatMap((release) => Object.keys(release.boards)))
  const newest = [...boards].flatMap((board) => sorted.filter((one) => packagesFor(one, board)).slice(0, count))
  return new Set([...newest, ...releases.filter(({ floor, deadEnd }) => floor || deadEnd)])
}

function inUseHere(current: ChannelManifest, state: EditState, now: number) {
  const named = (manifest: ChannelManifest) => ({ entry: entryOf(state, manifest), manifest })
  const own = named(current)
  const followers = followersOf(current.channel, state.others).map(named)
  const views = [viewOf(own, undefined), ...followers.map((follower) => viewOf(follower, own))]
  return views.flatMap((view) => [...inUse(view, now)].map(({ version }) => findRelease(current, version)))
}

type Packages = NonNullable<EditResult['packages']>

/** @throws PlatteError('conflict') where a channel was given one of them meanwhile. */
async function removeUnnamed(writer: Committer, ref: ChannelRef, packages: Packages): Promise<void> {
  for (const { key } of packages) await writer.packages.remove(key)
  const named = packages.length === 0 ? new Set() : await namedFolders(writer, ref)
  const lost = packages.filter(({ key }) => named.has(key.slice(0, key.lastIndexOf('/') + 1)))
  if (lost.length === 0) return
  const message = `removed while a channel was about to use it: ${lost.map(({ key }) => key).join(', ')}`
  throw new PlatteError('conflict', message, { hint: 'publish that release again: this restores it' })
}

/** @param after the planned manifest of this channel, in place of the stored one. */
async function unnamedPackages(writer: Committer, ref: ChannelRef, after?: ChannelManifest): Promise<Packages> {
  const { app } = ref
  const ever = new Map<string, Release>()
  for await (const { manifest } of walkChain(writer, ref))
    for (const [folder, { release }] of foldersOf(manifest)) ever.set(folder, release)
  // Read after the chain: what is published from now on is not in `ever`.
  const named = await namedFolders(writer, ref, after)
  const gone: { key: string; size: number }[] = []
  for (const [folder, release] of ever) {
    if (named.has(folder)) continue
    for (const key of packagesOf({ app, releases: [await loadDetails(writer, app, release)] }).keys()) {
      const stat = key.startsWith(folder) ? await writer.packages.stat(key) : undefined
      if (stat) gone.push({ key, size: stat.size })
    }
  }
  return gone
}

/** By the newest manifests of all channels of the app, and by those that the catalog names, which may be older. */
async function namedFolders(writer: Committer, ref: ChannelRef, after?: ChannelManifest): Promise<ReadonlySet<string>> {
  const { app } = ref
  const state = await loadForWriting(writer)
  const { catalog } = state.catalog
  const manifests: ChannelManifest[] = after ? [after] : []
  for (const { channel } of (await allChannelRefs(writer, catalog)).filter((one) => one.app === app)) {
    if (after && channel === ref.channel) continue
    const head = await loadHead(writer, state, { app, channel })
    if (head) manifests.push(head.manifest)
    const entry = channelEntry(catalog, app, channel)
    if (entry && entry.seq !== head?.manifest.seq)
      manifests.push((await loadChannel(writer, state, { app, channel, entry })).manifest)
  }
  return new Set(manifests.flatMap((one) => [...foldersOf(one).keys()]))
}
