/** What every change of a channel needs: a channel that is there, keys, and a catalog that names it. */
import type { Catalog, CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { isTakenPath } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { VerifiedChannel } from '../trust/verify-channel.ts'
import { loadHead } from './commit-channel.ts'
import { checkNotExpired, editCatalog, nameHead, notAhead } from './edit-catalog.ts'
import { type CatalogState, type ChannelRef, channelEntry } from './read.ts'
import { loadForWriting, type StoreWriter, signersOf } from './write.ts'

/** Whether a channel was made and has not ended. */
export const isLive = (manifest: ChannelManifest | undefined): manifest is ChannelManifest =>
  manifest !== undefined && manifest.seq > 0 && !isEnded(manifest)

/** What the next manifest of a channel that ended begins from; of any other, itself. */
export function revived(manifest: ChannelManifest): ChannelManifest {
  if (!isEnded(manifest)) return manifest
  const { expires: _, ...begun } = manifest
  return begun
}

/** @throws PlatteError('refused') for a name that a new channel may not have. */
export function checkNewName(channel: string): void {
  if (!isTakenPath(channel)) return
  throw new PlatteError('refused', `a channel cannot be called ${JSON.stringify(channel)}`, {
    hint: `paths that begin with /${channel} are answered otherwise: choose another name`,
  })
}

const channelsOf = ({ apps }: Catalog, app: string): Readonly<Record<string, CatalogChannel>> =>
  (Object.hasOwn(apps, app) && apps[app]?.channels) || {}

/** The names of the channels of an app in the catalog; some of them may have ended. */
export const channelNames = (catalog: Catalog, app: string): readonly string[] => Object.keys(channelsOf(catalog, app))

/** @param remedy how the channel would come to be. */
export function unknownChannel({ catalog }: CatalogState, { app, channel }: ChannelRef, remedy: string): PlatteError {
  const channels = channelsOf(catalog.catalog, app)
  const renamed = otherNameOf(channels, channel)
  const others = Object.keys(channels).filter((name) => name !== channel)
  const there = others.length === 0 ? 'it has none yet' : `it has ${others.slice(0, 10).join(', ')}`
  const known = Object.hasOwn(channels, channel) ? 'that one was deleted' : there
  return new PlatteError('refused', `${app} has no channel ${JSON.stringify(channel)}`, {
    hint: renamed ? `it is another name of ${renamed}: say that one` : `${known}; ${remedy}`,
  })
}

/** The channel that has this as another name. */
const otherNameOf = (channels: Readonly<Record<string, CatalogChannel>>, channel: string): string | undefined =>
  Object.entries(channels).find(([, { aliases = [] }]) => aliases.includes(channel))?.[0]

/**
 * A channel that is made takes the machines that have its name from whoever has it as another one.
 * @throws PlatteError('refused')
 */
export function refuseOtherName({ catalog }: CatalogState, { app, channel }: ChannelRef): void {
  const renamed = otherNameOf(channelsOf(catalog.catalog, app), channel)
  if (renamed === undefined) return
  throw new PlatteError('refused', `${JSON.stringify(channel)} is another name of channel ${renamed}`, {
    hint: `publish to ${renamed}, which is what its machines get`,
  })
}

/** Without the timestamp key a publish waits for a refresh; with it, it must be possible to offer what is committed. */
export function checkKeys({ release, timestamp, clock, sealManifest }: StoreWriter, state: CatalogState): void {
  if (sealManifest === undefined) signersOf(release, 'release', state.root)
  if (timestamp.length === 0) return
  signersOf(timestamp, 'timestamp', state.root)
  checkNotExpired(state, clock())
}

/** Rolls the catalog forward to a manifest, where the timestamp key is at hand or somebody else did it already. */
export async function pointCatalogAt(writer: StoreWriter, ref: ChannelRef, head: VerifiedChannel): Promise<boolean> {
  if (writer.timestamp.length === 0) {
    const { catalog } = await loadForWriting(writer)
    return (channelEntry(catalog.catalog, ref.app, ref.channel)?.seq ?? 0) >= head.manifest.seq
  }
  await editCatalog(writer, async (catalog, state) => {
    // Under the root of this moment: a rotation may have come between.
    const newest = await loadHead(writer, state, ref)
    return nameHead(catalog, ref, notAhead(newest ?? head, ref, writer.clock()))
  })
  return true
}
