/** Reads signed documents from a store, and verifies each before anything is done with it. */

import { type Catalog, type CatalogChannel, maxCatalogBytes } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { catalogKey, channelKey, rootKey } from '../documents/paths.ts'
import { maxRootBytes } from '../documents/root.ts'
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Overlay } from '../release/overlay.ts'
import type { Documents, HighWaterMark, StoredDocument, Token } from '../store/documents.ts'
import { peekCatalogRoot, type VerifiedCatalog, verifyCatalog } from '../trust/verify-catalog.ts'
import { type VerifiedChannel, verifyChannel } from '../trust/verify-channel.ts'
import { checkRootFresh, type Pin, type TrustedRoot, verifyNextRoot, verifyPinnedRoot } from '../trust/verify-root.ts'

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

/** A verified catalog, the root that it was verified under, and the mark to swap it by. */
export interface CatalogState {
  readonly root: TrustedRoot
  readonly catalog: VerifiedCatalog
  readonly token: Token
}

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
  const stored = await documents.get(rootKey(pin.version), maxRootBytes)
  if (stored === undefined)
    throw new PlatteError('missing', `${rootKey(pin.version)}, which the pin names, is not in the store`, {
      hint: 'check PLATTE_STORE and PLATTE_ROOT; `platte init` makes a new store',
    })
  const advice =
    'check PLATTE_STORE and PLATTE_ROOT (`platte init` printed the pin): the root of this store is another one'
  return naming(rootKey(pin.version), () => verifyPinnedRoot(stored.bytes, pin), advice)
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
 * @param options.anyTime also reads an expired one: for writers, who renew it.
 * @returns `seen` itself where the store still holds those bytes. The caller checks whether they have expired.
 */
export async function loadCatalog(
  reader: StoreReader,
  seen?: CatalogState,
  { anyTime = false }: { readonly anyTime?: boolean } = {},
): Promise<CatalogState> {
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

interface Opening {
  readonly seen?: CatalogState | undefined
  readonly known?: TrustedRoot | undefined
  readonly anyTime?: boolean
}

async function openCatalog(
  reader: StoreReader,
  stored: StoredDocument,
  { seen, known, anyTime = false }: Opening,
): Promise<CatalogState> {
  const named = peekCatalogRoot(stored.bytes)
  if (seen !== undefined && named < seen.root.root.version)
    throw new PlatteError('rollback', `the catalog names root ${named}, after one that named ${seen.root.root.version}`)
  const root = await loadRoot(reader, Math.max(named, reader.pin.version), known)
  const now = reader.clock()
  if (!anyTime) checkRootFresh(root, now)
  const catalog = await verifyCatalog(stored.bytes, root, {
    now,
    anyTime,
    seen: seen?.catalog,
    acceptStaleMs: reader.acceptStaleMs,
  })
  return { root, catalog, token: stored.token }
}

/** @throws PlatteError('missing') where the store does not hold it. */
export async function loadChannel(
  reader: StoreReader,
  { root }: CatalogState,
  ref: ChannelRef & { readonly entry: CatalogChannel },
): Promise<VerifiedChannel> {
  const key = channelKey(ref.app, ref.channel, ref.entry.seq)
  const stored = await reader.documents.get(key, maxChannelBytes)
  if (stored === undefined) throw new PlatteError('missing', `${key} is not in the store`)
  return verifyChannel(stored.bytes, root, { ...ref, now: reader.clock() })
}

/** The channels of an app, deleted ones included. Names are looked up as own members only. */
export const channelsOf = ({ apps }: Catalog, app: string): Readonly<Record<string, CatalogChannel>> =>
  (Object.hasOwn(apps, app) && apps[app]?.channels) || {}

export function channelEntry(catalog: Catalog, app: string, channel: string): CatalogChannel | undefined {
  const channels = channelsOf(catalog, app)
  return Object.hasOwn(channels, channel) ? channels[channel] : undefined
}

export interface ChannelRef {
  readonly app: string
  readonly channel: string
}

export const channelRefsOf = ({ apps }: Catalog): readonly ChannelRef[] =>
  Object.entries(apps).flatMap(([app, { channels }]) => Object.keys(channels).map((channel) => ({ app, channel })))
