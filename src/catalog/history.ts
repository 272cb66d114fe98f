/** What happened to a channel: from its chain, each manifest vouched for by the one after it. */

import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type Change, type ChannelMetadata, diffChannels } from '../release/diff.ts'
import { peekKeyIds } from '../trust/envelope.ts'
import { type VerifiedChannel, verifyPast } from '../trust/verify-channel.ts'
import { unknownChannel } from './channels.ts'
import { loadHead } from './commit-channel.ts'
import { type ChannelRef, naming, type StoreReader } from './read.ts'
import { loadForWriting } from './write.ts'

export interface HistoryEntry {
  readonly seq: number
  readonly issuedAt: string
  /** RFC 7638 thumbprints of the keys that signed it. */
  readonly keyIds: readonly string[]
  readonly provenance?: ChannelManifest['provenance']
  readonly changes: readonly Change[]
}

interface Link {
  readonly manifest: ChannelManifest
  readonly keyIds: readonly string[]
}

/** Newest first. Throws at the key where the chain is broken, after what is good; 'refused' for an unknown channel. */
export async function* walkChain(reader: StoreReader, ref: ChannelRef): AsyncIterable<Link> {
  const state = await loadForWriting(reader)
  const head = await loadHead(reader, state, ref)
  if (head === undefined) throw unknownChannel(state, ref, '`platte channel list` shows them')
  yield* walkBack(reader, ref, { seq: head.manifest.seq, sha256: head.sha256 })
}

/** A manifest that something verified names. */
type NamedManifest = Pick<CatalogChannel, 'seq' | 'sha256'>

async function* walkBack({ documents }: StoreReader, ref: ChannelRef, from: NamedManifest): AsyncIterable<Link> {
  let sha256: string | undefined = from.sha256
  for (let seq = from.seq; sha256 !== undefined; seq--) {
    const digest: string = sha256
    const key = channelKey(ref.app, ref.channel, seq)
    const stored = await documents.get(key, maxChannelBytes)
    if (stored === undefined) throw new PlatteError('missing', `${key} is not in the store: what was before is lost`)
    const { manifest }: VerifiedChannel = await naming(key, () => verifyPast(stored.bytes, digest, { ...ref, seq }))
    yield { manifest, keyIds: peekKeyIds(stored.bytes, 'platte-channel+jws') }
    sha256 = manifest.previous
  }
}

/** @param from the manifest to begin at; without it the newest in the store. */
export async function* channelHistory(
  reader: StoreReader,
  ref: ChannelRef,
  from?: NamedManifest,
): AsyncIterable<HistoryEntry> {
  let after: Link | undefined
  for await (const link of from ? walkBack(reader, ref, from) : walkChain(reader, ref)) {
    if (after) yield entryOf(after, link.manifest)
    after = link
  }
  if (after) yield entryOf(after, { releases: [] })
}

function entryOf({ manifest, keyIds }: Link, before: ChannelMetadata): HistoryEntry {
  const { seq, issuedAt, provenance } = manifest
  return { seq, issuedAt, keyIds, ...(provenance && { provenance }), changes: diffChannels(before, manifest) }
}
