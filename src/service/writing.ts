/** Writes signed documents: every catalog write is an edit of a freshly read one, verified as a reader would before it is swapped in. */
import { type Catalog, type CatalogChannel, checkCatalog } from '../documents/catalog.ts'
import { type ChannelManifest, checkChannel, maxChannelBytes } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { catalogKey, channelKey } from '../documents/paths.ts'
import type { RoleName } from '../documents/root.ts'
import { PlatteError } from '../errors.ts'
import type { Instant } from '../ports/clock.ts'
import type { Documents } from '../ports/documents.ts'
import type { Random } from '../ports/random.ts'
import type { Signer } from '../ports/signer.ts'
import { sha256Hex } from '../trust/digest.ts'
import { seal } from '../trust/envelope.ts'
import { maxAheadMs } from '../trust/times.ts'
import { verifyCatalog } from '../trust/verify-catalog.ts'
import { type VerifiedChannel, verifyHead, verifyPast } from '../trust/verify-channel.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { type CatalogState, channelEntry, loadCatalog, loadRoot, naming, type Place, type Reading } from './reading.ts'

/** How often a lost race is tried again. Of 40 racing writers the last one loses 39 times. */
const maxAttempts = 200

/**
 * How many manifests may wait for a refresh. A store that lists has an end; a server that does not may make them up while
 * it is asked, and would never be found out, because only the newest must be signed by the keys of today.
 */
export const waitAtMost = ({ list }: Documents): number => (list === undefined ? 1000 : Number.POSITIVE_INFINITY)

/** What it takes to write to a store. */
export interface Writing extends Reading {
  readonly random: Random
  /** The release keys at hand; none: nothing can be published. */
  readonly release: readonly Signer[]
  /** The timestamp keys at hand; none: what is committed waits for a refresh. */
  readonly timestamp: readonly Signer[]
  /** When what is written is dated; without it, when it is written. The same order with the same date says the same. */
  readonly datedAt?: Instant | undefined
  /** Where manifests come from, for their `provenance`. */
  readonly provenance?: Readonly<Record<string, string>> | undefined
  /** How manifests are signed; without it by the release keys at hand, enough of them. */
  readonly sealManifest?: ((manifest: ChannelManifest, state: CatalogState) => Promise<Uint8Array>) | undefined
}

/** The date of what is written, in milliseconds. */
export const dateOf = ({ datedAt, clock }: Pick<Writing, 'datedAt' | 'clock'>): Instant => datedAt ?? clock()

/** The newest root and a catalog that may have expired: what every writer starts from. */
export async function loadForWriting(reading: Reading, seen?: CatalogState): Promise<CatalogState> {
  const state = await loadCatalog(reading, seen, { anyTime: true })
  return { ...state, root: await loadRoot(reading, undefined, state.root) }
}

/**
 * The newest manifest of a channel, which may be ahead of the catalog after a crash or without the timestamp key. It is
 * signed under the newest root; those between the catalog's and it are vouched for by the digests in `previous`.
 * @param steps how far ahead of the catalog it looks; what is newer still is left to later.
 * @returns `undefined` where there is no such channel.
 * @throws PlatteError('missing', 'mismatch', 'fork', 'bad-signature', …) naming the key.
 */
export async function loadHead(
  reading: Reading,
  state: CatalogState,
  place: Place,
  { steps = Number.POSITIVE_INFINITY }: { readonly steps?: number } = {},
): Promise<VerifiedChannel | undefined> {
  const entry = channelEntry(state.catalog.catalog, place.app, place.channel)
  const read = async (seq: number) =>
    (await reading.documents.get(channelKey(place.app, place.channel, seq), maxChannelBytes))?.bytes
  const from = entry?.seq ?? 1
  let bytes = await read(from)
  if (entry !== undefined && bytes === undefined)
    throw new PlatteError('missing', `${channelKey(place.app, place.channel, from)} is not in the store`)
  let sha256 = entry?.sha256
  let previous: string | undefined
  for (let seq = from; bytes !== undefined; seq++) {
    if (seq > from + waitAtMost(reading.documents))
      throw new PlatteError(
        'bad-document',
        `${channelKey(place.app, place.channel, seq)} is one too many to believe in`,
      )
    const next = seq < from + steps ? await read(seq + 1) : undefined
    const [here, before, digest] = [bytes, previous, sha256 ?? (await sha256Hex(bytes))]
    const verified = await naming(channelKey(place.app, place.channel, seq), async () => {
      const past = await verifyPast(here, digest, { ...place, seq })
      if (before !== undefined && past.manifest.previous !== before)
        throw new PlatteError('fork', 'does not follow the manifest before it')
      return next ? past : verifyHead(here, state.root, { ...place, seq, previous: before })
    })
    if (next === undefined) return verified
    ;[bytes, previous, sha256] = [next, verified.sha256, undefined]
  }
  return undefined
}

/**
 * The keys at hand that the role names, enough of them.
 * @throws PlatteError('credentials')
 */
export function signersOf(signers: readonly Signer[], role: RoleName, { root }: TrustedRoot): readonly Signer[] {
  const { threshold, keyIds } = root.roles[role]
  const fit = [...new Map(signers.map((signer) => [signer.keyId, signer])).values()].filter(({ keyId }) =>
    keyIds.includes(keyId),
  )
  if (fit.length >= threshold) return fit
  const ours = signers.map(({ keyId }) => keyId.slice(0, 8)).join(', ') || 'none'
  throw new PlatteError(
    'credentials',
    `root ${root.version} wants ${threshold} ${role} ${threshold === 1 ? 'key' : 'keys'} of ${keyIds
      .map((id) => id.slice(0, 8))
      .join(', ')}; at hand: ${ours}`,
    { hint: `set PLATTE_KEYS to the folder of ${role}*.jwk, or PLATTE_${role.toUpperCase()}_KEY to one key` },
  )
}

/** RFC 3339 in UTC with milliseconds. */
export const instantText = (ms: number): string => new Date(ms).toISOString()

/**
 * Commits the next manifest of a channel. Creating it IS the commit; a place that is taken means: read again, edit again.
 * @param edit is given the newest manifest (`seq` 0 and no releases where the channel is not there yet); what it
 *   returns becomes the next one, unless it is the very same object.
 * @throws PlatteError('conflict') where others kept winning, and whatever `edit` throws.
 */
export async function commitChannel(
  writing: Writing,
  place: Place,
  edit: (current: ChannelManifest) => ChannelManifest,
): Promise<{ readonly head: VerifiedChannel; readonly changed: boolean }> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const state = await loadForWriting(writing)
    const head = await loadHead(writing, state, place)
    const current = head?.manifest ?? { ...emptyChannel, ...place }
    const edited = edit(current)
    if (head !== undefined && edited === current) return { head, changed: false }
    const { provenance: _, ...content } = edited
    const manifest = checkChannel({
      ...content,
      seq: current.seq + 1,
      ...(head && { previous: head.sha256 }),
      issuedAt: instantText(dateOf(writing)),
      ...(writing.provenance && { provenance: { ...writing.provenance } }),
    })
    const bytes = await (writing.sealManifest?.(manifest, state) ?? sealByKeys(writing, manifest, state))
    if ((await loadRoot(writing, undefined, state.root)) !== state.root) continue
    const written = await writing.documents.create(channelKey(place.app, place.channel, manifest.seq), bytes)
    if (written !== 'taken')
      return { head: { manifest, sha256: await sha256Hex(bytes), size: bytes.length }, changed: true }
    await pause(writing.random, attempt)
  }
  throw lostRace(`apps/${place.app}/${place.channel}`)
}

const sealByKeys = (writing: Writing, manifest: ChannelManifest, { root }: CatalogState): Promise<Uint8Array> =>
  seal('platte-channel+jws', encode(manifest), signersOf(writing.release, 'release', root))

/** What the first edit of a channel starts from. */
export const emptyChannel = { format: 1, type: 'channel', seq: 0, issuedAt: '', releases: [] } as const

export interface CatalogOptions {
  readonly seen?: CatalogState | undefined
  readonly force?: boolean
}

/**
 * An expired catalog is not signed anew without being looked at: whoever holds the store could have put it back there.
 * @throws PlatteError('expired')
 */
export function checkNotExpired({ catalog }: CatalogState, now: Instant): void {
  // What a reader accepts although it is stale is expired all the same.
  if (now < Date.parse(catalog.catalog.expires)) return
  throw new PlatteError('expired', `the catalog expired at ${catalog.catalog.expires}`, {
    hint: 'look at it with `platte show`; if nothing is missing, sign it anew with `platte refresh --force`',
  })
}

/**
 * Writes the next catalog, issued later than the one before it, naming the newest root.
 * @param edit is given a freshly read catalog; the very same object means that nothing is written.
 * @param options.seen the newest catalog that this process verified before: an older one is not signed anew.
 * @param options.force lets an expired one be signed anew, and one be issued before one that a wrong clock dated into the
 *   future, which no reader takes.
 * @returns the catalog's state after it, and whether it was written.
 * @throws PlatteError('from-the-future') where the catalog or the clock here is wrong; 'credentials', 'conflict'.
 */
export async function editCatalog(
  writing: Writing,
  edit: (catalog: Catalog, state: CatalogState) => Catalog | Promise<Catalog>,
  options: CatalogOptions = {},
): Promise<{ readonly catalog: Catalog; readonly written: boolean }> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const state = await loadForWriting(writing, options.seen)
    const current = state.catalog.catalog
    const edited = await edit(current, state)
    if (edited === current) return { catalog: current, written: false }
    const now = writing.clock()
    const isAhead = state.catalog.issuedAtMs > now + maxAheadMs
    if (isAhead && !options.force) throw aheadOf(current, now)
    if (!options.force) checkNotExpired(state, now)
    const seen = isAhead ? undefined : state.catalog
    const issuedAt = Math.max(now, (seen?.issuedAtMs ?? 0) + 1)
    const { bytes, catalog } = await sealCatalog(writing, state.root, edited, issuedAt)
    await verifyCatalog(bytes, state.root, { now, seen })
    if ((await writing.documents.swap(catalogKey, bytes, state.token)) === 'ok') return { catalog, written: true }
    await pause(writing.random, attempt)
  }
  throw lostRace(catalogKey)
}

/** Seals a catalog that is valid for as long as the root allows. */
export async function sealCatalog(
  writing: Writing,
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
  const bytes = await seal('platte-catalog+jws', encode(catalog), signersOf(writing.timestamp, 'timestamp', root))
  return { bytes, catalog }
}

/** Names the newest manifest of a channel in the catalog, and keeps what else the catalog says of it. */
export function nameHead(catalog: Catalog, place: Place, { manifest, sha256, size }: VerifiedChannel): Catalog {
  const entry = channelEntry(catalog, place.app, place.channel)
  if (entry !== undefined && entry.seq >= manifest.seq) return catalog
  const { aliases: _, ...kept } = entry ?? {}
  const named: CatalogChannel = {
    ...kept,
    seq: manifest.seq,
    sha256,
    size,
    ...(manifest.aliases && { aliases: manifest.aliases }),
  }
  const app = Object.hasOwn(catalog.apps, place.app) ? catalog.apps[place.app] : undefined
  const channels = { ...app?.channels, [place.channel]: named }
  return { ...catalog, apps: { ...catalog.apps, [place.app]: { ...app, channels } } }
}

export const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

function pause(random: Random, attempt: number): Promise<void> {
  const mostMs = Math.min(10 * 2 ** attempt, 250)
  return new Promise((resolve) => setTimeout(resolve, random() * mostMs))
}

const aheadOf = ({ issuedAt }: Catalog, now: Instant): PlatteError =>
  new PlatteError('from-the-future', `the catalog was issued at ${issuedAt}; the clock here says ${instantText(now)}`, {
    hint: 'set this clock; if it was the other one that was wrong, `platte refresh --force` signs an older one',
  })

const lostRace = (what: string): PlatteError =>
  new PlatteError('conflict', `${what}: others kept writing it`, { hint: 'run the same command again' })
