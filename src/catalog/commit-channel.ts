/** The chain of a channel's manifests. Creating the next one is the commit; the catalog follows. */
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, checkChannel } from '../documents/channel.ts'
import { moveDetails } from '../documents/details.ts'
import { formatOfAliases, isName } from '../documents/fields.ts'
import { requireFormat } from '../documents/root.ts'
import type { Instant } from '../kernel/clock.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { isDetailed } from '../release/channel.ts'
import { type Brakes, type Change, type ChannelMetadata, diffBrakes, diffChannels } from '../release/diff.ts'
import type { Documents } from '../store/documents.ts'
import { update } from '../store/update.ts'
import { sha256Hex } from '../trust/digest.ts'
import { peekKeyIds, seal as sealEnvelope } from '../trust/envelope.ts'
import { type VerifiedChannel, verifyHead, verifyPast } from '../trust/verify-documents.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { unknownChannel } from './channels.ts'
import { loadWanted } from './details.ts'
import {
  type CatalogState,
  type ChannelRef,
  channelEntry,
  encode,
  keyOf,
  loadForWriting,
  readManifest,
  type StoreReader,
  type StoreWriter,
  signersOf,
} from './read.ts'
import { loadRoot, naming } from './walk-roots.ts'

/** A server without lists could invent manifests for ever: only the newest must be signed by the keys of today. */
export const waitAtMost = ({ list }: Documents): number => (list === undefined ? 1000 : Number.POSITIVE_INFINITY)

/**
 * The newest manifest of a channel. After a crash, or without the timestamp key, it is ahead of the catalog. Its signature
 * is verified under the newest root; the manifests between the catalog's and it by the digests in `previous`.
 * @param steps how far ahead of the catalog it looks. @returns `undefined` where there is no such channel.
 * @throws PlatteError('missing', 'mismatch', 'fork', 'bad-signature', …) naming the key.
 */
export async function loadHead(
  reader: StoreReader,
  state: CatalogState,
  ref: ChannelRef,
  steps = Number.POSITIVE_INFINITY,
): Promise<VerifiedChannel | undefined> {
  const entry = channelEntry(state.catalog.catalog, ref.app, ref.channel)
  const read = async (seq: number) => (await readManifest(reader, ref, seq))?.bytes
  const from = entry?.seq ?? 1
  let bytes = await read(from)
  let sha256 = entry?.sha256
  let previous: string | undefined
  if (entry && !bytes) throw new PlatteError('missing', `${keyOf(ref, from)} is not in the store`)
  for (let seq = from; bytes !== undefined; seq++) {
    const key = keyOf(ref, seq)
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
export type Issue = Readonly<{ at: Instant; provenance?: Readonly<Record<string, string>> | undefined }>

/** @throws PlatteError('bad-document'), or another code, for content that may not be signed. */
export function nextManifest(head: VerifiedChannel | undefined, next: ChannelManifest, issue: Issue, code?: ErrorCode) {
  const { provenance: _, ...content } = next
  const manifest = {
    ...content,
    format:
      content.payloadKeys || content.guard || !content.releases.every(isDetailed)
        ? 2
        : formatOfAliases(content.aliases),
    seq: (head?.manifest.seq ?? 0) + 1,
    ...(head && { previous: head.sha256 }),
    issuedAt: isoText(issue.at),
    ...(issue.provenance && { provenance: { ...issue.provenance } }),
  }
  return checkChannel(manifest, code)
}

/** Under format 2, every change of a channel moves the details that are in its manifest into documents of their own. */
export const storedForm = ({ root }: TrustedRoot, manifest: ChannelManifest): ReturnType<typeof moveDetails> =>
  root.format < 2 ? { manifest, documents: new Map() } : moveDetails(manifest)

/** @throws PlatteError('refused') for a manifest that older readers of the store would refuse. */
export function checkAllowed(
  { format, aliases = [], payloadKeys, guard, releases }: ChannelManifest,
  { root }: TrustedRoot,
): void {
  if (payloadKeys) requireFormat(root, format, 'a payload key')
  if (guard) requireFormat(root, format, 'a guard')
  const wide = aliases.find((alias) => !isName(alias))
  if (wide !== undefined) requireFormat(root, format, `the alias ${JSON.stringify(wide)}`)
  if (!releases.every(isDetailed)) requireFormat(root, format, 'a release with details in a document of their own')
}

const sealBy = ({ release }: StoreWriter): Seal => {
  return async (manifest, { root }) =>
    sealEnvelope('platte-channel+jws', encode(manifest), signersOf(release, 'release', root))
}

/** The manifest that is to follow the newest one, or the newest one where nothing changes. */
type Next =
  | { readonly state: CatalogState; readonly manifest: ChannelManifest }
  | { readonly head: VerifiedChannel; readonly manifest?: undefined }

export type Committed = Readonly<{ head: VerifiedChannel; changed: boolean }>

/** Creating the next manifest IS the commit. @param propose is called again where another writer created it first. */
export const commitNext = (writer: StoreWriter, ref: ChannelRef, propose: () => Promise<Next>, seal = sealBy(writer)) =>
  update<Committed>(writer, `apps/${ref.app}/${ref.channel}`, async () => {
    const next = await propose()
    if (next.manifest === undefined) return { result: { head: next.head, changed: false } }
    const { manifest, state } = next
    checkAllowed(manifest, state.root)
    const bytes = await seal(manifest, state)
    if ((await loadRoot(writer, state.root)) !== state.root) return undefined
    const head = { manifest, sha256: await sha256Hex(bytes), size: bytes.length }
    return { result: { head, changed: true }, write: { key: keyOf(ref, manifest.seq), bytes, token: undefined } }
  })

/** Takes the newest manifest, for a new channel one of `seq` 0; the same object changes nothing. */
type Edit = (current: ChannelManifest) => ChannelManifest

/** @param before a root that the newest manifest verifies under, if not the newest. */
export const commitChannel = (writer: StoreWriter, ref: ChannelRef, edit: Edit, before?: TrustedRoot) =>
  commitNext(writer, ref, async () => {
    const state = await loadForWriting(writer)
    const head = await loadHead(writer, { ...state, root: before ?? state.root }, ref)
    const current = head?.manifest ?? { ...emptyChannel, ...ref }
    const edited = edit(current)
    if (head !== undefined && edited === current) return { head }
    return { state, manifest: nextManifest(head, edited, { at: writer.clock() }) }
  })

export const emptyChannel = { format: 1, type: 'channel', seq: 0, issuedAt: '', releases: [] } as const

export interface HistoryEntry extends Readonly<Pick<ChannelManifest, 'seq' | 'issuedAt' | 'provenance'>> {
  /** RFC 7638 thumbprints of the keys that signed it. */
  readonly keyIds: readonly string[]
  readonly changes: readonly Change[]
  /** Of the newest: its holds and the stop of its ramps, as the catalog has them now. Older ones are kept nowhere. */
  readonly brakes?: readonly Change[]
}

type Link = Pick<HistoryEntry, 'keyIds'> & { readonly manifest: ChannelManifest }

/** Newest first. Throws at the key where the chain is broken, after what is good; 'refused' for an unknown channel. */
export async function* walkChain(reader: StoreReader, ref: ChannelRef): AsyncIterable<Link> {
  yield* walkBack(reader, ref, await newestOf(reader, ref))
}

async function newestOf(reader: StoreReader, ref: ChannelRef): Promise<NamedManifest & Brakes> {
  const state = await loadForWriting(reader)
  const head = await loadHead(reader, state, ref)
  if (head === undefined) throw unknownChannel(state, ref, '`platte channel list` shows them')
  const { app, channel } = ref
  return { ...channelEntry(state.catalog.catalog, app, channel), seq: head.manifest.seq, sha256: head.sha256 }
}

/** A manifest that something verified names. */
type NamedManifest = Pick<CatalogChannel, 'seq' | 'sha256'>

async function* walkBack(reader: StoreReader, ref: ChannelRef, from: NamedManifest): AsyncIterable<Link> {
  let sha256: string | undefined = from.sha256
  for (let seq = from.seq; sha256 !== undefined; seq--) {
    const digest: string = sha256
    const key = keyOf(ref, seq)
    const stored = await readManifest(reader, ref, seq)
    if (stored === undefined) throw new PlatteError('missing', `${key} is not in the store: what was before is lost`)
    const { manifest }: VerifiedChannel = await naming(key, () => verifyPast(stored.bytes, digest, { ...ref, seq }))
    yield { manifest, keyIds: peekKeyIds(stored.bytes, 'platte-channel+jws') }
    sha256 = manifest.previous
  }
}

/** @param from the manifest to begin at; without it the newest in the store. */
export async function* channelHistory(reader: StoreReader, ref: ChannelRef, named?: NamedManifest & Brakes) {
  const newest = named ?? (await newestOf(reader, ref))
  let after: Link | undefined
  for await (const link of walkBack(reader, ref, newest)) {
    if (after) yield await entryOf(reader, after, link.manifest, newest)
    after = link
  }
  if (after) yield await entryOf(reader, after, { releases: [] }, newest)
}

async function entryOf(reader: StoreReader, link: Link, earlier: ChannelMetadata, newest: NamedManifest & Brakes) {
  const { keyIds } = link
  const [manifest, before] = await loadChanged(reader, link.manifest, earlier)
  const { seq, issuedAt, provenance } = manifest
  const holds = newest.holds?.filter(({ at }) => Date.parse(at) <= Date.parse(issuedAt))
  const brakes = seq === newest.seq ? diffBrakes({}, newest) : []
  const entry: HistoryEntry = {
    ...{ seq, issuedAt, keyIds, ...(provenance && { provenance }), changes: diffChannels(before, manifest, holds) },
    ...(brakes.length > 0 && { brakes }),
  }
  return entry
}

/** Both with the details that only one of them names; as they are where the store lacks one. */
async function loadChanged(reader: StoreReader, after: ChannelManifest, before: ChannelMetadata) {
  const digests = ({ releases }: ChannelMetadata) => new Set(releases.map(({ details }) => details?.sha256))
  const [own, others] = [digests(after), digests(before)]
  const load = (releases: ChannelMetadata['releases'], known: ReadonlySet<string | undefined>) =>
    loadWanted(reader, after.app, releases, ({ details }) => !known.has(details?.sha256))
  try {
    const [now, then] = [await load(after.releases, others), await load(before.releases, own)]
    return [
      { ...after, releases: now },
      { ...before, releases: then },
    ] as const
  } catch (error) {
    if (!(error instanceof PlatteError)) throw error
    return [after, before] as const
  }
}
