/** What every change of a channel needs: a live channel, keys, and a catalog that names the result. */
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { isTakenPath } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { VerifiedChannel } from '../trust/verify-channel.ts'
import { loadHead, type Seal } from './commit-channel.ts'
import { checkNotExpired, editCatalog, nameHead } from './edit-catalog.ts'
import { type CatalogState, type ChannelRef, channelEntry, channelsOf } from './read.ts'
import { loadForWriting, type StoreWriter, signersOf } from './write.ts'

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
  const others = Object.keys(channels).filter((name) => name !== channel)
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

/**
 * Checks before a commit that the keys at hand can sign it. Without a timestamp key it waits for a refresh.
 * @param seal signs manifests in place of the release keys.
 * @throws PlatteError('credentials', 'expired')
 */
export function checkKeys({ release, timestamp, clock }: StoreWriter, state: CatalogState, seal?: Seal): void {
  if (seal === undefined) signersOf(release, 'release', state.root)
  if (timestamp.length === 0) return
  signersOf(timestamp, 'timestamp', state.root)
  checkNotExpired(state, clock())
}

/** Rolls the catalog forward to a manifest. @returns whether the catalog names it now. */
export async function pointCatalogAt(writer: StoreWriter, ref: ChannelRef, head: VerifiedChannel): Promise<boolean> {
  if (writer.timestamp.length === 0) {
    const { catalog } = await loadForWriting(writer)
    return (channelEntry(catalog.catalog, ref.app, ref.channel)?.seq ?? 0) >= head.manifest.seq
  }
  await editCatalog(writer, async (catalog, state) => {
    // A rotation may have come between: the newest root decides.
    const newest = await loadHead(writer, state, ref)
    return nameHead(catalog, ref, newest ?? head, writer.clock())
  })
  return true
}
