/** What happened to a channel: the chain of its manifests, and what the catalog's log has of it. */
import type { Catalog, CatalogChannel } from '../documents/catalog.ts'
import { changesOf, checkLogEntry, isOfChannel } from '../documents/catalog-log.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { type Brakes, type Change, type ChannelMetadata, diffBrakes, diffChannels } from '../release/diff.ts'
import { peekKeyIds } from '../trust/envelope.ts'
import { type VerifiedChannel, verifyPast } from '../trust/verify-documents.ts'
import { unknownChannel } from './channels.ts'
import { loadHead } from './commit-channel.ts'
import { loadWanted } from './details.ts'
import { type ChannelRef, channelEntry, keyOf, loadForWriting, readManifest, type StoreReader } from './read.ts'
import { naming } from './walk-roots.ts'

/** A manifest, or an entry of the catalog's log. */
export interface HistoryEntry extends Readonly<Pick<ChannelManifest, 'seq' | 'issuedAt' | 'provenance'>> {
  /** A change of holds or of the stop of ramps, at this revision; absent: a manifest. */
  readonly signs?: 'catalog'
  /** RFC 7638 thumbprints of the keys that signed it. */
  readonly keyIds: readonly string[]
  readonly changes: readonly Change[]
  /** Why, in the words of who changed it; reasons are in `changes`. */
  readonly message?: string
  /** Of the newest manifest: its holds and the stop of its ramps, as the catalog has them now. */
  readonly brakes?: readonly Change[]
}

type Link = Pick<HistoryEntry, 'keyIds'> & { readonly manifest: ChannelManifest }

/** Newest first. Throws at the key where the chain is broken, after what is good; 'refused' for an unknown channel. */
export async function* walkChain(reader: StoreReader, ref: ChannelRef): AsyncIterable<Link> {
  yield* walkBack(reader, ref, await newestOf(reader, ref))
}

async function newestOf(reader: StoreReader, ref: ChannelRef): Promise<Newest> {
  const state = await loadForWriting(reader)
  const head = await loadHead(reader, state, ref)
  if (head === undefined) throw unknownChannel(state, ref, '`platte channel list` shows them')
  const { app, channel } = ref
  const { catalog } = state.catalog
  const { log } = catalog
  return { ...channelEntry(catalog, app, channel), seq: head.manifest.seq, sha256: head.sha256, ...(log && { log }) }
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

/** What history begins at. `log`: the catalog's. */
type Newest = NamedManifest & Brakes & Pick<Catalog, 'log'>

/**
 * Newest first: each manifest after what the log has of its revision.
 * @param named the manifest to begin at; without it the newest in the store.
 */
export async function* channelHistory(reader: StoreReader, ref: ChannelRef, named?: Newest) {
  const newest = named ?? (await newestOf(reader, ref))
  const logged = loggedOf(reader, ref, newest.log)
  const loggedFrom = (seq: number) => logged.splice(logged.findLastIndex((one) => one.seq < seq) + 1).reverse()
  let after: Link | undefined
  try {
    for await (const link of walkBack(reader, ref, newest)) {
      if (after) yield await entryOf(reader, after, link.manifest, newest)
      after = link
      yield* loggedFrom(link.manifest.seq)
    }
    if (after) yield await entryOf(reader, after, { releases: [] }, newest)
  } catch (error) {
    yield* loggedFrom(0)
    throw error
  }
}

/** Oldest first. Other versions may write entries that this one cannot read: they are reported, and left out. */
export function loggedOf(reader: StoreReader, { app, channel }: ChannelRef, log: Catalog['log'] = []): HistoryEntry[] {
  return log
    .filter((one) => isOfChannel(one, { app, channel }))
    .flatMap((one) => {
      try {
        const logged = checkLogEntry(one)
        const { seq, at, keyIds, by, message } = logged
        const who = { keyIds, ...(by && { provenance: by }), ...(message && { message }) }
        return [{ signs: 'catalog', seq, issuedAt: at, ...who, changes: changesOf(logged) } as const]
      } catch (error) {
        reader.log({ level: 'warn', event: 'history', app, channel, ...describeError(error) })
        return []
      }
    })
}

async function entryOf(reader: StoreReader, link: Link, earlier: ChannelMetadata, newest: Newest) {
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
