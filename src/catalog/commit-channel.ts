/** Commits manifests of channels: creating the next one is the commit, whatever the catalog says of it yet. */
import { type ChannelManifest, checkChannel, maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Documents } from '../store/documents.ts'
import { sha256Hex } from '../trust/digest.ts'
import { seal } from '../trust/envelope.ts'
import { type VerifiedChannel, verifyHead, verifyPast } from '../trust/verify-channel.ts'
import { type CatalogState, type ChannelRef, channelEntry, loadRoot, naming, type StoreReader } from './read.ts'
import {
  dateOf,
  encode,
  instantText,
  loadForWriting,
  lostRace,
  maxAttempts,
  pause,
  type StoreWriter,
  signersOf,
} from './write.ts'

/**
 * How many manifests may wait for a refresh. A store that lists has an end; a server that does not may make them up while
 * it is asked, and would never be found out, because only the newest must be signed by the keys of today.
 */
export const waitAtMost = ({ list }: Documents): number => (list === undefined ? 1000 : Number.POSITIVE_INFINITY)

/**
 * The newest manifest of a channel, which may be ahead of the catalog after a crash or without the timestamp key. It is
 * signed under the newest root; those between the catalog's and it are vouched for by the digests in `previous`.
 * @param steps how far ahead of the catalog it looks; what is newer still is left to later.
 * @returns `undefined` where there is no such channel.
 * @throws PlatteError('missing', 'mismatch', 'fork', 'bad-signature', …) naming the key.
 */
export async function loadHead(
  reader: StoreReader,
  state: CatalogState,
  ref: ChannelRef,
  { steps = Number.POSITIVE_INFINITY }: { readonly steps?: number } = {},
): Promise<VerifiedChannel | undefined> {
  const entry = channelEntry(state.catalog.catalog, ref.app, ref.channel)
  const read = async (seq: number) =>
    (await reader.documents.get(channelKey(ref.app, ref.channel, seq), maxChannelBytes))?.bytes
  const from = entry?.seq ?? 1
  let bytes = await read(from)
  if (entry !== undefined && bytes === undefined)
    throw new PlatteError('missing', `${channelKey(ref.app, ref.channel, from)} is not in the store`)
  let sha256 = entry?.sha256
  let previous: string | undefined
  for (let seq = from; bytes !== undefined; seq++) {
    if (seq > from + waitAtMost(reader.documents))
      throw new PlatteError('bad-document', `${channelKey(ref.app, ref.channel, seq)} is one too many to believe in`)
    const next = seq < from + steps ? await read(seq + 1) : undefined
    const [here, before, digest] = [bytes, previous, sha256 ?? (await sha256Hex(bytes))]
    const verified = await naming(channelKey(ref.app, ref.channel, seq), async () => {
      const past = await verifyPast(here, digest, { ...ref, seq })
      if (before !== undefined && past.manifest.previous !== before)
        throw new PlatteError('fork', 'does not follow the manifest before it')
      return next ? past : verifyHead(here, state.root, { ...ref, seq, previous: before })
    })
    if (next === undefined) return verified
    ;[bytes, previous, sha256] = [next, verified.sha256, undefined]
  }
  return undefined
}

/**
 * Commits the next manifest of a channel. Creating it IS the commit; a place that is taken means: read again, edit again.
 * @param edit is given the newest manifest (`seq` 0 and no releases where the channel is not there yet); what it
 *   returns becomes the next one, unless it is the very same object.
 * @throws PlatteError('conflict') where others kept winning, and whatever `edit` throws.
 */
export async function commitChannel(
  writer: StoreWriter,
  ref: ChannelRef,
  edit: (current: ChannelManifest) => ChannelManifest,
): Promise<{ readonly head: VerifiedChannel; readonly changed: boolean }> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const state = await loadForWriting(writer)
    const head = await loadHead(writer, state, ref)
    const current = head?.manifest ?? { ...emptyChannel, ...ref }
    const edited = edit(current)
    if (head !== undefined && edited === current) return { head, changed: false }
    const { provenance: _, ...content } = edited
    const manifest = checkChannel({
      ...content,
      seq: current.seq + 1,
      ...(head && { previous: head.sha256 }),
      issuedAt: instantText(dateOf(writer)),
      ...(writer.provenance && { provenance: { ...writer.provenance } }),
    })
    const bytes = await (writer.sealManifest?.(manifest, state) ?? sealByKeys(writer, manifest, state))
    if ((await loadRoot(writer, undefined, state.root)) !== state.root) continue
    const written = await writer.documents.create(channelKey(ref.app, ref.channel, manifest.seq), bytes)
    if (written !== 'taken')
      return { head: { manifest, sha256: await sha256Hex(bytes), size: bytes.length }, changed: true }
    await pause(writer.random, attempt)
  }
  throw lostRace(`apps/${ref.app}/${ref.channel}`)
}

const sealByKeys = (writer: StoreWriter, manifest: ChannelManifest, { root }: CatalogState): Promise<Uint8Array> =>
  seal('platte-channel+jws', encode(manifest), signersOf(writer.release, 'release', root))

/** What the first edit of a channel starts from. */
export const emptyChannel = { format: 1, type: 'channel', seq: 0, issuedAt: '', releases: [] } as const
