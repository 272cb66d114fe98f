/** What whoever gets a bundle has already, so that it can be left out. */

import { packagesOf } from '../catalog/channels.ts'
import { type ChannelRef, channelEntry, loadCatalog, type StoreReader } from '../catalog/read.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey, notesKey } from '../documents/paths.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyPast } from '../trust/verify-channel.ts'
import { placesToCopy } from './mirror-channels.ts'

/**
 * The keys that a copy of the store has which knows each channel up to a sequence number: manifests, notes and packages.
 * The current manifests are never among them.
 */
export async function keysUpTo(
  reader: StoreReader,
  seq: number,
  channels?: readonly string[] | undefined,
): Promise<string[]> {
  const { catalog } = (await loadCatalog(reader)).catalog
  const keys: string[] = []
  for (const ref of placesToCopy(catalog, channels)) {
    const newest = Math.min(seq, (channelEntry(catalog, ref.app, ref.channel)?.seq ?? 1) - 1)
    for (let one = 1; one <= newest; one++) keys.push(channelKey(ref.app, ref.channel, one))
    if (newest > 0) keys.push(...(await namedBy(reader, { ...ref, seq: newest })))
  }
  return keys
}

/** What a manifest of one's own store names; one that is not there names nothing. */
async function namedBy({ documents }: StoreReader, ref: ChannelRef & { readonly seq: number }): Promise<string[]> {
  const stored = await documents.get(channelKey(ref.app, ref.channel, ref.seq), maxChannelBytes)
  if (stored === undefined) return []
  const { manifest } = await verifyPast(stored.bytes, await sha256Hex(stored.bytes), ref)
  const notes = manifest.releases.flatMap((release) => (release.notes ? [notesKey(release.notes.sha256)] : []))
  return [...packagesOf(manifest).keys(), ...notes]
}
