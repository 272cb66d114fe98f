/** Reads signed documents from a store and verifies each before anything is done with it; what writers start from. */
import { type Catalog, type CatalogChannel, maxCatalogBytes } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { catalogKey, channelKey, publicDocument, rootKey } from '../documents/paths.ts'
import type { RoleName } from '../documents/root.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import type { Random } from '../kernel/random.ts'
import type { Overlay } from '../release/view.ts'
import type { Documents, HighWaterMark, StoredDocument, Token } from '../store/documents.ts'
import { sha256Hex } from '../trust/digest.ts'
import { readEnvelope } from '../trust/envelope.ts'
import type { Signer } from '../trust/keys.ts'
import {
  type ChannelRef,
  peekCatalogRoot,
  type VerifiedCatalog,
  verifyCatalog,
  verifyChannel,
} from '../trust/verify-documents.ts'
import { checkRootFresh, type TrustedRoot } from '../trust/verify-root.ts'
import { loadPinnedRoot, naming, type RootReader, readRoot, type Walk, walk } from './walk-roots.ts'

export type { ChannelRef }

export interface StoreReader extends RootReader {
  readonly clock: Clock
  /** How long after its expiry a catalog is still read, in milliseconds. Writers ignore this. */
  readonly acceptStaleMs?: number | undefined
  readonly overlay?: Overlay | undefined
  /** Folders of packages that the store lacks, as its list says. */
  readonly missing?: ReadonlySet<string> | undefined
  /** The newest catalog that this reader saw before it started. Writers need none. */
  readonly mark?: HighWaterMark | undefined
  /** The person who works with this store, where a setting names one. */
  readonly operator?: string | undefined
}

export interface StoreWriter extends StoreReader {
  readonly random: Random
  /** The release keys that it has; none: nothing can be published. */
  readonly release: readonly Signer[]
  /** The timestamp keys that it has; none: what is committed waits for a refresh. */
  readonly timestamp: readonly Signer[]
}

/** A verified catalog, the root that it was verified under, and the mark to swap it by. */
export type CatalogState = Readonly<{ root: TrustedRoot; catalog: VerifiedCatalog; token: Token }>

interface Reading {
  /** Also reads an expired one: for writers, who renew it. */
  readonly anyTime?: boolean
  /** Also looks for newer roots where the catalog is the same: it may have been read by somebody else. */
  readonly anew?: boolean
  /** A root whose keys may have signed it instead of those of the newest. */
  readonly before?: TrustedRoot | undefined
}

/**
 * Reads the catalog. The timestamp keys of the newest root in the store must have signed it, whatever root it names.
 * @param seen the newest catalog that this reader verified before: nothing older is taken.
 * @returns `seen` itself where nothing changed. The caller checks whether it has expired.
 */
export async function loadCatalog(reader: StoreReader, seen?: CatalogState, how: Reading = {}): Promise<CatalogState> {
  const { documents, pin, mark } = reader
  const { anyTime = false, anew = false, before } = how
  // A new reader needs all three: one round trip.
  const pinned = seen === undefined ? loadPinnedRoot(reader) : undefined
  const first = pinned && readRoot(reader, pin.version + 1)
  pinned?.catch(() => {})
  let stored = foundCatalog(await documents.get(catalogKey, maxCatalogBytes, seen))
  if (seen !== undefined && !('bytes' in stored)) {
    // A mirror may have been between a catalog and the root that it names.
    if (!anew && seen.catalog.catalog.root <= seen.root.root.version) return seen
    const expected = seen.catalog.catalog.root
    if ((await walk(reader, seen.root, { expected, isWriter: anyTime })) === seen.root) return seen
    stored = foundCatalog(await documents.get(catalogKey, maxCatalogBytes))
  }
  const { bytes } = stored as StoredDocument
  const marked = seen ?? (anyTime ? undefined : await loadMark(reader, pinned))
  const known = marked?.root ?? (await (pinned ?? loadPinnedRoot(reader)))
  const state = await openCatalog(reader, stored as StoredDocument, {
    ...{ seen: marked, known, anyTime, before },
    first: known.root.version === pin.version ? first : undefined,
  })
  // Before any answer is made from it.
  if (!anyTime && state.catalog.sha256 !== marked?.catalog.sha256) await mark?.keep(bytes)
  return state
}

/** @throws PlatteError('missing') */
export function foundCatalog<T>(stored: T | undefined): T {
  if (stored !== undefined) return stored
  throw new PlatteError('missing', `${catalogKey} is not in the store`, {
    hint: 'is the store mounted? Restore it from a backup (`platte import`); or, with the same keys, `platte init` and `platte refresh` make it again (holds are lost)',
  })
}

/** The newest catalog before this process started, of any age. */
async function loadMark(reader: StoreReader, pinned?: Promise<TrustedRoot>): Promise<CatalogState | undefined> {
  const bytes = await reader.mark?.load()
  if (bytes === undefined) return undefined
  const advice =
    'remove the file of PLATTE_MARK only if it was damaged or written under another root: it stops rollbacks'
  return naming('the mark', () => openOwnCatalog(reader, { bytes, token: '' }, pinned), advice)
}

/**
 * A catalog that was verified when it was stored, of any age: under the root that it names, since later roots may have removed its keys.
 * @returns `undefined` if its keys were removed before the pinned root: it no longer counts.
 */
export async function openOwnCatalog(
  reader: StoreReader,
  { bytes, token }: StoredDocument,
  pinned = loadPinnedRoot(reader),
): Promise<CatalogState | undefined> {
  const [named, now, { acceptStaleMs }] = [peekCatalogRoot(bytes), reader.clock(), reader]
  const root = await walk(reader, await pinned, { upTo: named, expected: named })
  try {
    return { root, token, catalog: await verifyCatalog(bytes, root, { now, anyTime: true, acceptStaleMs }) }
  } catch (error) {
    if (named < reader.pin.version && error instanceof PlatteError && error.code === 'bad-signature') return undefined
    throw error
  }
}

interface Opening extends Pick<Walk, 'first'> {
  readonly seen: CatalogState | undefined
  readonly known: TrustedRoot
  readonly anyTime: boolean
  readonly before: TrustedRoot | undefined
}

async function openCatalog(reader: StoreReader, { bytes, token }: StoredDocument, opening: Opening) {
  const { seen, known, first, anyTime, before } = opening
  const named = peekCatalogRoot(bytes)
  const root = await walk(reader, known, { expected: named, first, isWriter: anyTime })
  // A mirror writes a root that takes keys away after the catalog: readers need not wait for it.
  if (anyTime) checkRootThere(named, root)
  const now = reader.clock()
  if (!anyTime) checkRootFresh(root, now)
  const checks = { now, anyTime, seen: seen?.catalog, acceptStaleMs: reader.acceptStaleMs }
  const catalog = await verifyCatalog(bytes, root, checks).catch(async (error: unknown) => {
    if (!(error instanceof PlatteError && error.code === 'bad-signature')) throw error
    if (before === undefined) {
      checkRootThere(named, root, error)
      throw error
    }
    const old = await verifyCatalog(bytes, before, checks)
    const problem = 'only a removed key signed the catalog; it is signed again: check its holds with `platte show`'
    reader.log({ level: 'warn', event: 'catalog', problem })
    return old
  })
  return { root, catalog, token }
}

/** @throws PlatteError('missing') where a catalog names a later root than there is. */
export function checkRootThere(named: number, { root }: TrustedRoot, cause?: unknown): void {
  if (named <= root.version) return
  const message = `the catalog names root ${named}, but ${rootKey(root.version + 1)} is not in the store`
  throw new PlatteError('missing', message, { cause })
}

/** The newest root, and a catalog that may have expired. */
export const loadForWriting = (reader: StoreReader, seen?: CatalogState, before?: TrustedRoot): Promise<CatalogState> =>
  loadCatalog(reader, seen, { anyTime: true, anew: true, before })

export const keyOf = ({ app, channel }: ChannelRef, seq: number): string => channelKey(app, channel, seq)

/** Nothing of it is verified. */
export const readManifest = ({ documents }: StoreReader, ref: ChannelRef, seq: number) =>
  documents.get(keyOf(ref, seq), maxChannelBytes)

export type NamedChannel = ChannelRef & { readonly entry: CatalogChannel }

/** @throws PlatteError('missing') where the store does not hold it. */
export async function loadChannel(reader: StoreReader, { root }: CatalogState, ref: NamedChannel) {
  const stored = await readManifest(reader, ref, ref.entry.seq)
  if (stored) return verifyChannel(stored.bytes, root, { ...ref, now: reader.clock() })
  throw new PlatteError('missing', `${keyOf(ref, ref.entry.seq)} is not in the store`)
}

/**
 * A document for clients that verify it. A store behind a web server may answer with any page of its network.
 * @returns notes or details that have their digest, or an envelope with nothing verified; `undefined` for a key that is not public. @throws PlatteError('bad-document', 'mismatch', 'bad-signature')
 */
export async function readDocument(documents: Documents, key: string) {
  const known = publicDocument(key)
  if (known === undefined) return undefined
  const { kind, maxBytes } = known
  const stored = await documents.get(key, maxBytes).catch((cause: unknown) => {
    if (!(cause instanceof PlatteError && cause.code === 'too-large')) throw cause
    throw new PlatteError('bad-document', cause.message, { cause })
  })
  if (stored === undefined) return undefined
  const { bytes } = stored
  const sha256 = await sha256Hex(bytes)
  if (kind !== 'notes' && kind !== 'details') await naming(key, async () => readEnvelope(bytes, `platte-${kind}+jws`))
  else if (!key.endsWith(`/${sha256}`)) throw new PlatteError('mismatch', `${key}: has SHA-256 ${sha256}`)
  return { kind, maxBytes, bytes, sha256 }
}

/** The channels of an app, deleted ones included. Names are looked up as own members only. */
export const channelsOf = ({ apps }: Catalog, app: string): Readonly<Record<string, CatalogChannel>> =>
  (Object.hasOwn(apps, app) && apps[app]?.channels) || {}

export function channelEntry(catalog: Catalog, app: string, channel: string): CatalogChannel | undefined {
  const channels = channelsOf(catalog, app)
  return Object.hasOwn(channels, channel) ? channels[channel] : undefined
}

export const channelRefsOf = ({ apps }: Catalog): readonly ChannelRef[] =>
  Object.entries(apps).flatMap(([app, { channels }]) => Object.keys(channels).map((channel) => ({ app, channel })))

/** The keys that it has and the role names. @throws PlatteError('credentials') without enough of them. */
export function signersOf(signers: readonly Signer[], role: RoleName, { root }: TrustedRoot): readonly Signer[] {
  const { threshold, keyIds } = root.roles[role]
  const byId = new Map(signers.map((signer) => [signer.keyId, signer]))
  const fit = [...byId.values()].filter(({ keyId }) => keyIds.includes(keyId))
  if (fit.length >= threshold) return fit
  const short = (ids: readonly string[]): string => ids.map((id) => id.slice(0, 8)).join(', ')
  const wanted = `${threshold} ${role} ${threshold === 1 ? 'key' : 'keys'} of ${short(keyIds)}`
  const ours = short(signers.map(({ keyId }) => keyId)) || 'none'
  throw new PlatteError('credentials', `root ${root.version} wants ${wanted}; at hand: ${ours}`, {
    hint: `set PLATTE_KEYS to the folder of ${role}*.jwk, or PLATTE_${role.toUpperCase()}_KEY to one key`,
  })
}

/**
 * An expired catalog is not signed again without --force: an attacker who controls the store could have replayed it.
 * A reader's `acceptStaleMs` does not count here. @throws PlatteError('expired')
 */
export function checkNotExpired({ catalog }: CatalogState, now: Instant): void {
  if (now < Date.parse(catalog.catalog.expires)) return
  throw new PlatteError('expired', `the catalog expired at ${timeText(catalog.catalog.expires)}`, {
    hint: 'check it with `platte show`; if nothing is missing, run `platte refresh --force`',
  })
}

export const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
