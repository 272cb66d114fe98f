/** Reads signed documents from a store and verifies each before anything is done with it; what writers start from. */
import { type Catalog, type CatalogChannel, maxCatalogBytes } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { catalogKey, channelKey, notesKey, publicDocument, rootKey } from '../documents/paths.ts'
import { maxRootBytes, type RoleName } from '../documents/root.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import type { Log } from '../kernel/log.ts'
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
import { checkRootFresh, type Pin, type TrustedRoot, verifyNextRoot, verifyPinnedRoot } from '../trust/verify-root.ts'

export type { ChannelRef }

export interface StoreReader {
  readonly documents: Documents
  readonly pin: Pin
  readonly clock: Clock
  readonly log: Log
  /** How long after its expiry a catalog is still read, in milliseconds. Writers ignore this. */
  readonly acceptStaleMs?: number | undefined
  readonly overlay?: Overlay | undefined
  /** The newest catalog that this reader saw before it started. Writers need none. */
  readonly mark?: HighWaterMark | undefined
}

export interface StoreWriter extends StoreReader {
  readonly random: Random
  /** The release keys at hand; none: nothing can be published. */
  readonly release: readonly Signer[]
  /** The timestamp keys at hand; none: what is committed waits for a refresh. */
  readonly timestamp: readonly Signer[]
}

/** A verified catalog, the root that it was verified under, and the mark to swap it by. */
export type CatalogState = Readonly<{ root: TrustedRoot; catalog: VerifiedCatalog; token: Token }>

/** @param upTo the version to end at; without it the newest in the store. */
export async function loadRoot(reader: StoreReader, upTo?: number, known?: TrustedRoot): Promise<TrustedRoot> {
  let root = known ?? (await loadPinnedRoot(reader))
  while (upTo === undefined || root.root.version < upTo) {
    const key = rootKey(root.root.version + 1)
    const next = await reader.documents.get(key, maxRootBytes)
    const before = root
    if (next !== undefined) root = await naming(key, () => verifyNextRoot(next.bytes, before))
    else if (upTo === undefined) break
    else throw new PlatteError('missing', `the catalog names root ${upTo}, but ${key} is not in the store`)
  }
  return root
}

async function loadPinnedRoot({ documents, pin }: StoreReader): Promise<TrustedRoot> {
  const key = rootKey(pin.version)
  const stored = await documents.get(key, maxRootBytes)
  if (stored === undefined)
    throw new PlatteError('missing', `${key}, which the pin names, is not in the store`, {
      hint: 'check PLATTE_STORE and PLATTE_ROOT; `platte init` makes a new store',
    })
  const advice =
    'check PLATTE_STORE and PLATTE_ROOT (`platte init` printed the pin): the root of this store is another one'
  return naming(key, () => verifyPinnedRoot(stored.bytes, pin), advice)
}

/** Adds the key to the message of a failed check. @param advice the hint of a failure without one. */
export async function naming<T>(key: string, check: () => Promise<T>, advice?: string): Promise<T> {
  try {
    return await check()
  } catch (cause) {
    if (!(cause instanceof PlatteError)) throw cause
    const hint = cause.hint ?? advice
    throw new PlatteError(cause.code, `${key}: ${cause.message}`, { ...(hint && { hint }), cause })
  }
}

/**
 * Reads the catalog.
 * @param seen the newest catalog that this reader verified before: nothing older is taken.
 * @param time.anyTime also reads an expired one: for writers, who renew it.
 * @returns `seen` itself where the store still holds those bytes. The caller checks whether they have expired.
 */
export async function loadCatalog(reader: StoreReader, seen?: CatalogState, time: AnyTime = {}): Promise<CatalogState> {
  const { anyTime = false } = time
  // A new reader needs both: one round trip less.
  const pinned = seen === undefined ? loadPinnedRoot(reader) : undefined
  pinned?.catch(() => {})
  const stored = await reader.documents.get(catalogKey, maxCatalogBytes, seen)
  if (stored === undefined)
    throw new PlatteError('missing', `${catalogKey} is not in the store`, {
      hint: 'bring it back from a copy; or `platte init` with the same keys, then `platte refresh`: holds are lost',
    })
  if (!('bytes' in stored)) return stored
  const known = seen?.root ?? (await pinned)
  if (anyTime || reader.mark === undefined) return openCatalog(reader, stored, { seen, known, anyTime })
  const marked = seen ?? (await loadMark(reader))
  const state = await openCatalog(reader, stored, { seen: marked, known: marked?.root ?? known })
  // Before any answer is made from it.
  if (state.catalog.sha256 !== marked?.catalog.sha256) await reader.mark.keep(stored.bytes)
  return state
}

/** The newest catalog before this process started, of any age. */
async function loadMark(reader: StoreReader): Promise<CatalogState | undefined> {
  const bytes = await reader.mark?.load()
  if (bytes === undefined) return undefined
  const advice =
    'remove the file of PLATTE_MARK only if it was damaged or written under another root: it stops rollbacks'
  return naming('the mark', () => openCatalog(reader, { bytes, token: '' }, { anyTime: true }), advice)
}

type AnyTime = Readonly<{ anyTime?: boolean }>
type Opening = AnyTime & Readonly<{ seen?: CatalogState | undefined; known?: TrustedRoot | undefined }>

async function openCatalog(reader: StoreReader, stored: StoredDocument, opening: Opening): Promise<CatalogState> {
  const { bytes, token } = stored
  const { seen, known, anyTime = false } = opening
  const named = peekCatalogRoot(bytes)
  if (seen !== undefined && named < seen.root.root.version)
    throw new PlatteError('rollback', `the catalog names root ${named}, after one that named ${seen.root.root.version}`)
  const root = await loadRoot(reader, Math.max(named, reader.pin.version), known)
  const now = reader.clock()
  if (!anyTime) checkRootFresh(root, now)
  const checks = { now, anyTime, seen: seen?.catalog, acceptStaleMs: reader.acceptStaleMs }
  return { root, catalog: await verifyCatalog(bytes, root, checks), token }
}

/** The newest root, and a catalog that may have expired. */
export async function loadForWriting(reader: StoreReader, seen?: CatalogState): Promise<CatalogState> {
  const state = await loadCatalog(reader, seen, { anyTime: true })
  return { ...state, root: await loadRoot(reader, undefined, state.root) }
}

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
 * @returns notes that have their digest, or an envelope with nothing verified; `undefined` for a key that is not public. @throws PlatteError('bad-document', 'mismatch', 'bad-signature')
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
  if (kind !== 'notes') await naming(key, async () => readEnvelope(bytes, `platte-${kind}+jws`))
  else if (key !== notesKey(sha256)) throw new PlatteError('mismatch', `${key}: has SHA-256 ${sha256}`)
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

/** The keys at hand that the role names. @throws PlatteError('credentials') without enough of them. */
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
 * An expired catalog is not signed anew by itself: an attacker who controls the store could have put it back.
 * A reader's `acceptStaleMs` does not count here. @throws PlatteError('expired')
 */
export function checkNotExpired({ catalog }: CatalogState, now: Instant): void {
  if (now < Date.parse(catalog.catalog.expires)) return
  throw new PlatteError('expired', `the catalog expired at ${timeText(catalog.catalog.expires)}`, {
    hint: 'look at it with `platte show`; if nothing is missing, sign it anew with `platte refresh --force`',
  })
}

export const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
