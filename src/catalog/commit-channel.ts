/** Commits manifests of channels. Creating the next one is the commit; the catalog follows. */
import { type ChannelManifest, checkChannel, maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import type { Documents } from '../store/documents.ts'
import { update } from '../store/update.ts'
import { sha256Hex } from '../trust/digest.ts'
import { seal as sealEnvelope } from '../trust/envelope.ts'
import { type VerifiedChannel, verifyHead, verifyPast } from '../trust/verify-channel.ts'
import { type CatalogState, type ChannelRef, channelEntry, loadRoot, naming, type StoreReader } from './read.ts'
import { encode, instantText, loadForWriting, type StoreWriter, signersOf } from './write.ts'

/** A server without lists could invent manifests for ever: only the newest must be signed by the keys of today. */
export const waitAtMost = ({ list }: Documents): number => (list === undefined ? 1000 : Number.POSITIVE_INFINITY)

/**
 * The newest manifest of a channel. After a crash, or without the timestamp key, it is ahead of the catalog. Its signature
 * is verified under the newest root; the manifests between the catalog's and it by the digests in `previous`.
 * @param steps how far ahead of the catalog it looks.
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
    const key = channelKey(ref.app, ref.channel, seq)
    if (seq > from + waitAtMost(reader.documents))
      throw new PlatteError('bad-document', `${key} is more than 1,000 manifests ahead of the catalog`)
    const next = seq < from + steps ? await read(seq + 1) : undefined
    const [here, before, digest] = [bytes, previous, sha256 ?? (await sha256Hex(bytes))]
    const verified = await naming(key, async () => {
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

/** `state` has the root that the manifest must verify under. */
export type Seal = (manifest: ChannelManifest, state: CatalogState) => Promise<Uint8Array>

/** The date of a change, and who made it. The same command with the same date makes the same manifest. */
export interface Issue {
  readonly at: Instant
  /** For the manifest's `provenance`. */
  readonly provenance?: Readonly<Record<string, string>> | undefined
}

/** @throws PlatteError('bad-document'), or another code, for content that may not be signed. */
export function nextManifest(
  head: VerifiedChannel | undefined,
  { provenance: _, ...content }: ChannelManifest,
  { at, provenance }: Issue,
  code?: ErrorCode,
): ChannelManifest {
  const manifest = {
    ...content,
    seq: (head?.manifest.seq ?? 0) + 1,
    ...(head && { previous: head.sha256 }),
    issuedAt: instantText(at),
    ...(provenance && { provenance: { ...provenance } }),
  }
  return checkChannel(manifest, code)
}

/** The manifest that is to follow the newest one, or the newest one where nothing changes. */
type Next =
  | { readonly state: CatalogState; readonly manifest: ChannelManifest }
  | { readonly head: VerifiedChannel; readonly manifest?: undefined }

export interface Committed {
  readonly head: VerifiedChannel
  readonly changed: boolean
}

/** Creating the next manifest IS the commit. @param propose is called again where another writer created it first. */
export const commitNext = (
  writer: StoreWriter,
  ref: ChannelRef,
  propose: () => Promise<Next>,
  seal: Seal = async (manifest, { root }) =>
    sealEnvelope('platte-channel+jws', encode(manifest), signersOf(writer.release, 'release', root)),
): Promise<Committed> =>
  update<Committed>(writer, `apps/${ref.app}/${ref.channel}`, async () => {
    const next = await propose()
    if (next.manifest === undefined) return { result: { head: next.head, changed: false } }
    const { manifest, state } = next
    const bytes = await seal(manifest, state)
    if ((await loadRoot(writer, undefined, state.root)) !== state.root) return undefined
    const head = { manifest, sha256: await sha256Hex(bytes), size: bytes.length }
    const key = channelKey(ref.app, ref.channel, manifest.seq)
    return { result: { head, changed: true }, write: { key, bytes, token: undefined } }
  })

/** @param edit takes the newest manifest, for a new channel one of `seq` 0; the same object changes nothing. */
export const commitChannel = (
  writer: StoreWriter,
  ref: ChannelRef,
  edit: (current: ChannelManifest) => ChannelManifest,
): Promise<Committed> =>
  commitNext(writer, ref, async () => {
    const state = await loadForWriting(writer)
    const head = await loadHead(writer, state, ref)
    const current = head?.manifest ?? { ...emptyChannel, ...ref }
    const edited = edit(current)
    if (head !== undefined && edited === current) return { head }
    return { state, manifest: nextManifest(head, edited, { at: writer.clock() }) }
  })

export const emptyChannel = { format: 1, type: 'channel', seq: 0, issuedAt: '', releases: [] } as const
