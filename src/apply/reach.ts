/** Which machines a file reaches at once that were not reached before, over all channels of an app: sentences. Pure. */
import { viewOf } from '../catalog/channels.ts'
import { emptyChannel } from '../catalog/commit-channel.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { reachOf, type Side } from '../release/reach.ts'

/** Live channels by name with their entries, holds included. */
export type Offering = ReadonlyMap<string, Readonly<{ entry: CatalogChannel; manifest: ChannelManifest }>>

/**
 * Followers of a channel that changes are reached, too, whether the file names them or not, and machines that ask by a name
 * that moves to another channel. A name that nobody had asks nothing.
 */
export function reachBetween(before: Offering, after: Offering, now: number): readonly string[] {
  const owners = ownersOf(before)
  return [...ownersOf(after)].flatMap(([name, { manifest }]) => {
    const { channel } = manifest
    const old = owners.get(name)?.manifest
    if (name !== channel && (old === undefined || old.channel === channel)) return []
    const start = sideOf(before, old ?? { ...emptyChannel, app: manifest.app, channel })
    const label =
      old && old.channel !== channel ? `${name}, a name of ${channel} and no longer of ${old.channel}` : name
    return reachOf(start, sideOf(after, manifest), now).reach.map((sentence) => `${label}: ${sentence}`)
  })
}

/** Live channels by every name that machines may ask for. */
const ownersOf = (all: Offering) =>
  new Map(
    [...all.values()].flatMap((one) =>
      [one.manifest.channel, ...(one.manifest.aliases ?? [])].map((name) => [name, one] as const),
    ),
  )

function sideOf(all: Offering, manifest: ChannelManifest): Side {
  const own = all.get(manifest.channel) ?? { entry: { seq: 1, sha256: '', size: 1 }, manifest }
  return { channel: manifest, view: viewOf({ ...own, manifest }, manifest.follow && all.get(manifest.follow.channel)) }
}
