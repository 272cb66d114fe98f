/** Which machines a file reaches at once that were not reached before, over all channels of an app: sentences. Pure. */
import { isLive, viewOf } from '../catalog/channels.ts'
import { emptyChannel } from '../catalog/commit-channel.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { reachOf, type Side } from '../release/reach.ts'

/** Live channels by name with their entries, holds included. */
export type Offering = ReadonlyMap<string, Readonly<{ entry: CatalogChannel; manifest: ChannelManifest }>>

/** Followers of a channel that changes are reached, too, whether the file names them or not. */
export function reachBetween(before: Offering, after: Offering, now: number): readonly string[] {
  return [...after].flatMap(([channel, { manifest }]) => {
    const old = before.get(channel)
    const empty = { ...emptyChannel, app: manifest.app, channel }
    const start = old && isLive(old.manifest) ? sideOf(before, old.manifest) : sideOf(before, empty)
    return reachOf(start, sideOf(after, manifest), now).reach.map((sentence) => `${channel}: ${sentence}`)
  })
}

function sideOf(all: Offering, manifest: ChannelManifest): Side {
  const own = all.get(manifest.channel) ?? { entry: { seq: 1, sha256: '', size: 1 }, manifest }
  return { channel: manifest, view: viewOf({ ...own, manifest }, manifest.follow && all.get(manifest.follow.channel)) }
}
