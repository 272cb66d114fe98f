/** The packages that the own store lacks of a channel. */
import { type ChannelEntry, foldersOf, packagesOf, viewOf } from '../catalog/channels.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { inUse, newestOf } from '../channels/prune.ts'
import { isEnded } from '../documents/channel.ts'
import { inParallel } from '../kernel/parallel.ts'
import { filesOf, type Package, type PackageSet, type Release } from '../release/channel.ts'
import { detailedOf } from './mirror-details.ts'
import { attempt, current, type Lacking, type Work } from './mirror-work.ts'
import { listAlso } from './missing-list.ts'

/** Copies what is lacking at once for a bundle; a schedule lists it before the manifest, which it does not read again. */
export async function noteLacking(work: Work, own: ChannelEntry, { channel }: ChannelRef): Promise<void> {
  const { options, held, lacking } = work
  const parts = await releasesWanted(work, own)
  if (options.bounds) return listFolders(work, parts)
  const wanted = [...(await packagesIn(work, parts))].filter(([key]) => !held.has(key))
  const ownFolders = foldersOf(own.manifest)
  const lackingOf = (key: string, file: Package): Lacking => {
    const packages = folderOf(key)
    return { file, packages, channel: ownFolders.has(packages) ? channel : (own.manifest.follow?.channel ?? channel) }
  }
  if (options.bundle)
    return inParallel(wanted, options.packagesAtOnce ?? 8, async ([key, file]) => {
      const problem = await attempt(work, key, file)
      if (problem !== undefined) lacking.set(key, { ...lackingOf(key, file), problem })
    })
  for (const [key, file] of wanted) lacking.set(key, lackingOf(key, file))
}

const folderOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1)

/**
 * Without reading details: a folder is lacking until it was listed once, since it stays on the list until it is complete.
 * Where the packages are in the manifest, each is looked for.
 */
async function listFolders(work: Work, parts: readonly Part[]): Promise<void> {
  const { held } = work
  const heldFolders = new Set([...held].map(folderOf))
  const isHeld = (folder: string, of: PackageSet): boolean =>
    typeof of === 'object' ? filesOf(of).every(({ name }) => held.has(folder + name)) : heldFolders.has(folder)
  const lacking = parts.flatMap(({ app, channel, releases }) =>
    [...foldersOf({ app, releases })].flatMap(([packages, { packages: of }]) =>
      isHeld(packages, of) ? [] : [{ packages, channel }],
    ),
  )
  if (lacking.length > 0) await listAlso(work, lacking)
}

/** Releases of one channel. */
type Part = ChannelRef & { readonly releases: readonly Release[] }

/** Releases whose packages are copied, with what a follower may offer of its source. */
async function releasesWanted(work: Work, own: ChannelEntry): Promise<readonly Part[]> {
  const { manifest } = own
  const { packages } = work.options
  if (packages === 'none' || isEnded(manifest)) return []
  const { app, channel, follow, releases } = manifest
  if (packages === 'all') return [{ app, channel, releases }]
  // A wrong one is reported in its own turn.
  const source = follow && (await current(work, { app, channel: follow.channel }).catch(() => undefined))
  const kept = new Set([...newestOf(manifest, 1), ...inUse(viewOf(own, source), work.from.clock())])
  return [manifest, ...(source ? [source.manifest] : [])].map((one) => ({
    ...{ app, channel: one.channel, releases: one.releases.filter((release) => kept.has(release)) },
  }))
}

/** By key. */
async function packagesIn(work: Work, parts: readonly Part[]): Promise<ReadonlyMap<string, Package>> {
  const found = new Map<string, Package>()
  for (const part of parts)
    for (const [key, file] of packagesOf({ app: part.app, releases: await detailedOf(work, part, part.releases) }))
      found.set(key, file)
  return found
}
