/** What whoever gets a bundle has already, so that it can be left out. */
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey, notesKey } from '../documents/paths.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyPast } from '../trust/verify-channel.ts'
import { packagesOf } from './channels.ts'
import { placesToCopy } from './mirror-channels.ts'
import { channelEntry, loadCatalog, type Place, type Reading } from './reading.ts'

/**
 * The keys that a copy of the store has which knows each channel up to a sequence number: manifests, notes and packages.
 * The current manifests are never among them.
 */
export async function keysUpTo(
  reading: Reading,
  seq: number,
  channels?: readonly string[] | undefined,
): Promise<string[]> {
  const { catalog } = (await loadCatalog(reading)).catalog
  const keys: string[] = []
  for (const place of placesToCopy(catalog, channels)) {
    const newest = Math.min(seq, (channelEntry(catalog, place.app, place.channel)?.seq ?? 1) - 1)
    for (let one = 1; one <= newest; one++) keys.push(channelKey(place.app, place.channel, one))
    if (newest > 0) keys.push(...(await namedBy(reading, { ...place, seq: newest })))
  }
  return keys
}

/** What a manifest of one's own store names; one that is not there names nothing. */
async function namedBy({ documents }: Reading, place: Place & { readonly seq: number }): Promise<string[]> {
  const stored = await documents.get(channelKey(place.app, place.channel, place.seq), maxChannelBytes)
  if (stored === undefined) return []
  const { manifest } = await verifyPast(stored.bytes, await sha256Hex(stored.bytes), place)
  const notes = manifest.releases.flatMap((release) => (release.notes ? [notesKey(release.notes.sha256)] : []))
  return [...packagesOf(manifest).keys(), ...notes]
}
