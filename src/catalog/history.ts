/** What happened to a channel: from its chain, each manifest vouched for by the one after it. */

import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { type Change, type ChannelMetadata, diffChannels } from '../release/diff.ts'
import { peekKeyIds } from '../trust/envelope.ts'
import { verifyPast } from '../trust/verify-channel.ts'
import { loadHead } from './commit-channel.ts'
import { unknownChannel } from './point-catalog.ts'
import { type ChannelRef, naming, type StoreReader } from './read.ts'
import { loadForWriting } from './write.ts'

/** One manifest of a channel. */
export interface HistoryEntry {
  readonly seq: number
  readonly issuedAt: string
  /** Who signed it: RFC 7638 thumbprints. */
  readonly keyIds: readonly string[]
  readonly provenance?: ChannelManifest['provenance']
  readonly changes: readonly Change[]
}

/** A manifest of the chain and who signed it. */
export interface Link {
  readonly manifest: ChannelManifest
  readonly keyIds: readonly string[]
}

/**
 * The manifests of a channel, newest first.
 * @throws PlatteError('refused') where there is no such channel; 'missing', 'mismatch', … naming the key at which the
 *   chain is broken, after what is good.
 */
export async function* walkChain(reader: StoreReader, ref: ChannelRef): AsyncIterable<Link> {
  const state = await loadForWriting(reader)
  const head = await loadHead(reader, state, ref)
  if (head === undefined) throw unknownChannel(state, ref, '`platte channel list` shows them')
  yield* walkBack(reader, ref, { seq: head.manifest.seq, sha256: head.sha256 })
}

/** A manifest that something verified names. */
type Mark = Pick<CatalogChannel, 'seq' | 'sha256'>

async function* walkBack(reader: StoreReader, ref: ChannelRef, from: Mark): AsyncIterable<Link> {
  let link: Link | undefined = await readLink(reader, ref, from)
  while (link !== undefined) {
    yield link
    const { seq, previous }: ChannelManifest = link.manifest
    link = previous === undefined ? undefined : await readLink(reader, ref, { seq: seq - 1, sha256: previous })
  }
}

async function readLink({ documents }: StoreReader, ref: ChannelRef, { seq, sha256 }: Mark): Promise<Link> {
  const key = channelKey(ref.app, ref.channel, seq)
  const stored = await documents.get(key, maxChannelBytes)
  if (stored === undefined) throw new PlatteError('missing', `${key} is not in the store: what was before is lost`)
  const { manifest } = await naming(key, () => verifyPast(stored.bytes, sha256, { ...ref, seq }))
  return { manifest, keyIds: peekKeyIds(stored.bytes, 'platte-channel+jws') }
}

/**
 * What each manifest changed, newest first. Throws as `walkChain` does.
 * @param from the manifest to begin at; without it the newest in the store.
 */
export async function* channelHistory(reader: StoreReader, ref: ChannelRef, from?: Mark): AsyncIterable<HistoryEntry> {
  let after: Link | undefined
  for await (const link of from ? walkBack(reader, ref, from) : walkChain(reader, ref)) {
    if (after) yield happened(after, link.manifest)
    after = link
  }
  if (after) yield happened(after, { releases: [] })
}

function happened({ manifest, keyIds }: Link, before: ChannelMetadata): HistoryEntry {
  const { seq, issuedAt, provenance } = manifest
  return { seq, issuedAt, keyIds, ...(provenance && { provenance }), changes: diffChannels(before, manifest) }
}
