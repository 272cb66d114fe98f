/** The chain of a channel's manifests. Creating the next one is the commit; the catalog follows. */
import type { Origin } from '../documents/catalog-log.ts'
import { type ChannelManifest, checkChannel, newIn2 } from '../documents/channel.ts'
import { moveDetails } from '../documents/details.ts'
import { formatOfAliases, isName } from '../documents/fields.ts'
import { requireFormat } from '../documents/root.ts'
import type { Instant } from '../kernel/clock.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { filesOf, isDetailed, isImage, type Release } from '../release/channel.ts'
import type { Documents } from '../store/documents.ts'
import { update } from '../store/update.ts'
import { sha256Hex } from '../trust/digest.ts'
import { seal as sealEnvelope } from '../trust/envelope.ts'
import { type VerifiedChannel, verifyHead, verifyPast } from '../trust/verify-documents.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
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
export interface Issue {
  readonly at: Instant
  /** Of a manifest. */
  readonly provenance?: Readonly<Record<string, string>> | undefined
  /** Of a change of holds, or of the stop of ramps, for the catalog's log; by default the operator of the settings. */
  readonly by?: Origin | undefined
  readonly message?: string | undefined
}

/** @throws PlatteError('bad-document'), or another code, for content that may not be signed. */
export function nextManifest(head: VerifiedChannel | undefined, next: ChannelManifest, issue: Issue, code?: ErrorCode) {
  const { provenance: _, ...content } = next
  const manifest = {
    ...content,
    format: newIn2(content).length > 0 ? 2 : formatOfAliases(content.aliases),
    seq: (head?.manifest.seq ?? 0) + 1,
    ...(head && { previous: head.sha256 }),
    issuedAt: isoText(issue.at),
    ...(issue.provenance && { provenance: { ...issue.provenance } }),
  }
  return checkChannel(manifest, code)
}

/** Under format 2, every change of a channel moves the details that are in its manifest into documents of their own. */
export function storedForm({ root }: TrustedRoot, manifest: ChannelManifest): ReturnType<typeof moveDetails> {
  if (manifest.releases.some(({ boards }) => Object.values(boards).some(isImage)))
    requireFormat(root, 2, 'a release without a file')
  return root.format < 2 ? { manifest, documents: new Map() } : moveDetails(manifest)
}

const hasInstaller = (release: Release): boolean =>
  isDetailed(release) && Object.values(release.boards).some((of) => filesOf(of).some((one) => one.install ?? one.patch))

/** @throws PlatteError('refused') for a manifest that older readers of the store would refuse. */
export function checkAllowed(manifest: ChannelManifest, { root }: TrustedRoot): void {
  const { format, aliases = [], releases } = manifest
  for (const words of newIn2(manifest)) requireFormat(root, format, words)
  const wide = aliases.find((alias) => !isName(alias))
  if (wide !== undefined) requireFormat(root, format, `the alias ${JSON.stringify(wide)}`)
  if (releases.some(hasInstaller))
    requireFormat(root, 2, 'a package with run, a patch or a least version of the browser')
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
