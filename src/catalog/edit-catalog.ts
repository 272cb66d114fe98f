/** Writes catalogs: each is an edit of the newest one, and verified as a reader would before it is swapped in. */

import { type Catalog, type CatalogChannel, checkCatalog } from '../documents/catalog.ts'
import { durationMs } from '../documents/fields.ts'
import { catalogKey } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import { update } from '../store/update.ts'
import { seal } from '../trust/envelope.ts'
import { checkTimes, maxAheadMs } from '../trust/times.ts'
import { verifyCatalog } from '../trust/verify-catalog.ts'
import type { VerifiedChannel } from '../trust/verify-channel.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { loadHead, type Seal } from './commit-channel.ts'
import { type CatalogState, type ChannelRef, channelEntry } from './read.ts'
import { checkNotExpired, encode, instantText, loadForWriting, type StoreWriter, signersOf } from './write.ts'

export interface CatalogOptions {
  /** The newest catalog that this process verified before: an older one is not signed anew. */
  readonly seen?: CatalogState | undefined
  /** Signs an expired one anew, and replaces one that a wrong clock dated into the future. */
  readonly force?: boolean
}

interface CatalogEdit {
  readonly catalog: Catalog
  readonly written: boolean
}

/**
 * Writes the next catalog, issued later than the one before it, naming the newest root.
 * @param edit takes the newest catalog; the same object changes nothing.
 * @throws PlatteError('from-the-future') where the catalog or the clock here is wrong; 'credentials', 'conflict'.
 */
export async function editCatalog(
  writer: StoreWriter,
  edit: (catalog: Catalog, state: CatalogState) => Catalog | Promise<Catalog>,
  { seen: before, force = false }: CatalogOptions = {},
): Promise<CatalogEdit> {
  return update<CatalogEdit>(writer, catalogKey, async () => {
    const state = await loadForWriting(writer, before)
    const current = state.catalog.catalog
    const edited = await edit(current, state)
    if (edited === current) return { result: { catalog: current, written: false } }
    const now = writer.clock()
    const isAhead = state.catalog.issuedAtMs > now + maxAheadMs
    if (isAhead && !force) {
      const [issued, here] = [timeText(current.issuedAt), timeText(now)]
      throw new PlatteError('from-the-future', `the catalog was issued at ${issued}; the clock here shows ${here}`, {
        hint: 'set this clock; if it was the other one that was wrong, `platte refresh --force` signs an older one',
      })
    }
    if (!force) checkNotExpired(state, now)
    const seen = isAhead ? undefined : state.catalog
    const issuedAt = Math.max(now, (seen?.issuedAtMs ?? 0) + 1)
    const { bytes, catalog } = await sealCatalog(writer, state.root, edited, issuedAt)
    await verifyCatalog(bytes, state.root, { now, seen })
    return { result: { catalog, written: true }, write: { key: catalogKey, bytes, token: state.token } }
  })
}

export async function sealCatalog(
  writer: StoreWriter,
  root: TrustedRoot,
  content: Pick<Catalog, 'apps'>,
  issuedAt: Instant,
): Promise<{ readonly bytes: Uint8Array; readonly catalog: Catalog }> {
  const catalog = checkCatalog({
    format: 1,
    type: 'catalog',
    root: root.root.version,
    issuedAt: instantText(issuedAt),
    expires: instantText(issuedAt + durationMs(root.root.roles.timestamp.maxValidity)),
    apps: content.apps,
  })
  const bytes = await seal('platte-catalog+jws', encode(catalog), signersOf(writer.timestamp, 'timestamp', root))
  return { bytes, catalog }
}

/**
 * Names the newest manifest of a channel in the catalog, and keeps its holds.
 * @throws PlatteError('from-the-future') for a manifest that readers refuse yet: the catalog keeps naming the one before.
 */
export function nameHead(
  catalog: Catalog,
  ref: ChannelRef,
  { manifest, sha256, size }: VerifiedChannel,
  now: Instant,
): Catalog {
  checkTimes({ issuedAt: manifest.issuedAt }, `${ref.app}/${ref.channel}`, now)
  const entry = channelEntry(catalog, ref.app, ref.channel)
  if (entry !== undefined && entry.seq >= manifest.seq) return catalog
  const { aliases: _, ...kept } = entry ?? {}
  const aliases = manifest.aliases && { aliases: manifest.aliases }
  return withEntry(catalog, ref, { ...kept, seq: manifest.seq, sha256, size, ...aliases })
}

export function withEntry(catalog: Catalog, ref: ChannelRef, entry: CatalogChannel): Catalog {
  const app = Object.hasOwn(catalog.apps, ref.app) ? catalog.apps[ref.app] : undefined
  const channels = { ...app?.channels, [ref.channel]: entry }
  return { ...catalog, apps: { ...catalog.apps, [ref.app]: { ...app, channels } } }
}

/** @param seal signs in place of the release keys. @throws PlatteError('credentials', 'expired') */
export function checkKeys({ release, timestamp, clock }: StoreWriter, state: CatalogState, seal?: Seal): void {
  if (seal === undefined) signersOf(release, 'release', state.root)
  if (timestamp.length === 0) return
  signersOf(timestamp, 'timestamp', state.root)
  checkNotExpired(state, clock())
}

/** Rolls the catalog forward to a manifest. @returns whether the catalog names it now. */
export async function pointCatalogAt(writer: StoreWriter, ref: ChannelRef, head: VerifiedChannel): Promise<boolean> {
  if (writer.timestamp.length === 0) {
    const { catalog } = await loadForWriting(writer)
    return (channelEntry(catalog.catalog, ref.app, ref.channel)?.seq ?? 0) >= head.manifest.seq
  }
  await editCatalog(writer, async (catalog, state) => {
    // A rotation may have come between: the newest root decides.
    const newest = await loadHead(writer, state, ref)
    return nameHead(catalog, ref, newest ?? head, writer.clock())
  })
  return true
}
