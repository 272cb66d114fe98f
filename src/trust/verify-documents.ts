/** The catalog and ChannelManifests. Pure functions on bytes; step numbers are those of "Verifying" in docs/design.md. */
import { type Catalog, type CatalogChannel, decodeCatalog, peekRootVersion } from '../documents/catalog.ts'
import { type ChannelManifest, decodeChannel, isEnded } from '../documents/channel.ts'
import { areDetailsOf, type Described, decodeDetails, type ReleaseDetails } from '../documents/details.ts'
import { durationMs } from '../documents/fields.ts'
import { detailsKey } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import { sha256Hex } from './digest.ts'
import { openByDigest, openEnvelope, openPlain, readEnvelope } from './envelope.ts'
import { checkTimes, roleOf, type TrustedRoot } from './verify-root.ts'

const catalogType = 'platte-catalog+jws'
const channelType = 'platte-channel+jws'

/** A place that a channel has reached; the digest is of the manifest's envelope. */
type ChannelMark = Readonly<Pick<CatalogChannel, 'seq' | 'sha256'>>

/** A catalog that is trusted until `expiresMs`. Plain data, safe to keep and share. */
export interface VerifiedCatalog {
  readonly catalog: Catalog
  /** Bytes of the envelope. */
  readonly size: number
  /** Of the payload, lower-case hex: two envelopes of one payload are equal. */
  readonly sha256: string
  readonly issuedAtMs: Instant
  /** Later than its own `expires` if the reader accepts stale catalogs. */
  readonly expiresMs: Instant
  /** The timestamp role's keys that it was verified with. */
  readonly keyIds: readonly string[]
  /** The highest seq of each `<app>/<channel>`, even of those that a later catalog left out. */
  readonly marks: ReadonlyMap<string, ChannelMark>
}

interface Checks {
  readonly now: Instant
  /** The newest catalog that was verified before. */
  readonly seen?: VerifiedCatalog | undefined
  /** For writers, who sign it again: skips step 5. */
  readonly anyTime?: boolean
  /** For readers behind an air gap: how long after its expiry a catalog is trusted. */
  readonly acceptStaleMs?: number | undefined
}

/**
 * Which root an unverified catalog asks to be verified with: only good for knowing how far to walk.
 * @throws PlatteError('too-large', 'bad-signature', 'bad-document')
 */
export function peekCatalogRoot(bytes: Uint8Array): number {
  const version = peekRootVersion(readEnvelope(bytes, catalogType).payload)
  if (version === undefined) throw new PlatteError('bad-document', 'catalog: names no root')
  return version
}

/**
 * Opens a catalog (steps 1 to 6), whatever root it names: the keys of `trusted` decide. A stale CDN causes 'rollback'; no
 * honest store causes 'fork'. Seqs are claims, which only `verifyChannel` proves: once a timestamp key left the role, earlier
 * claims are forgotten, since a stolen key could have named any seq.
 * @throws PlatteError('too-large'), 'bad-signature', 'bad-document', 'rollback' (older than `seen`), 'from-the-future',
 *   'expired', 'fork'.
 */
export async function verifyCatalog(bytes: Uint8Array, trusted: TrustedRoot, checks: Checks): Promise<VerifiedCatalog> {
  const { now, seen, anyTime = false, acceptStaleMs = 0 } = checks
  const payload = await openEnvelope(bytes, catalogType, roleOf(trusted, 'timestamp'))
  const catalog = decodeCatalog(payload)
  const { roles } = trusted.root
  const issuedAtMs = Date.parse(catalog.issuedAt)
  const expiresMs = Date.parse(catalog.expires) + acceptStaleMs
  if (!anyTime) checkFresh(catalog, roles.timestamp.maxValidity, now, expiresMs)
  const sha256 = await sha256Hex(payload)
  if (seen !== undefined) checkIssue({ sha256, issuedAtMs }, seen)
  const { keyIds } = roles.timestamp
  const known = seen?.keyIds.every((id) => keyIds.includes(id)) ? seen.marks : new Map<string, ChannelMark>()
  return { catalog, size: bytes.length, sha256, issuedAtMs, expiresMs, keyIds, marks: advance(known, catalog) }
}

/** Step 5. */
function checkFresh({ issuedAt, expires }: Catalog, maxValidity: string, now: Instant, expiresMs: Instant): void {
  checkTimes({ issuedAt }, 'catalog', now)
  if (now >= expiresMs) throw new PlatteError('expired', `catalog: expired at ${timeText(expires)}`)
  const validityMs = Date.parse(expires) - Date.parse(issuedAt)
  if (validityMs <= 0) throw new PlatteError('expired', 'catalog: expires before it was issued')
  if (validityMs > durationMs(maxValidity))
    throw new PlatteError('expired', `catalog: is valid for longer than the root allows (${maxValidity})`)
}

/** Step 6: issuedAt is the mark that only moves forward. */
function checkIssue(found: Pick<VerifiedCatalog, 'sha256' | 'issuedAtMs'>, seen: VerifiedCatalog): void {
  if (found.issuedAtMs < seen.issuedAtMs)
    throw new PlatteError('rollback', `catalog: not newer than the one of ${seen.catalog.issuedAt}`)
  if (found.issuedAtMs === seen.issuedAtMs && found.sha256 !== seen.sha256)
    throw new PlatteError('fork', `catalog: there are two of ${seen.catalog.issuedAt}`, {
      hint: 'Two writers signed with one key, or a signing key is compromised: find out before anything is published.',
    })
}

/** Step 6: no channel goes back, and none has two manifests at one revision (`seq`). */
function advance(known: ReadonlyMap<string, ChannelMark>, catalog: Catalog): ReadonlyMap<string, ChannelMark> {
  const marks = new Map(known)
  for (const [app, { channels }] of Object.entries(catalog.apps))
    for (const [channel, { seq, sha256 }] of Object.entries(channels)) {
      const name = `${app}/${channel}`
      const mark = marks.get(name)
      if (mark !== undefined && seq < mark.seq)
        throw new PlatteError('rollback', `catalog: ${name} goes back from revision ${mark.seq} to ${seq}`)
      if (mark?.seq === seq && mark.sha256 !== sha256)
        throw new PlatteError('fork', `catalog: ${name} has two manifests at revision ${seq}`)
      marks.set(name, { seq, sha256 })
    }
  return marks
}

/** Plain data, safe to keep and share. Size and digest, the next manifest's `previous`, are those of the envelope. */
export type VerifiedChannel = Readonly<{ manifest: ChannelManifest; sha256: string; size: number }>

/** Both names are those of a manifest's key in the store and in the catalog, no aliases. */
export type ChannelRef = Readonly<Pick<ChannelManifest, 'app' | 'channel'>>
type ManifestRef = ChannelRef & { readonly seq: number }
type HeadRef = ManifestRef & { readonly previous?: string | undefined }

interface CurrentRef extends ChannelRef {
  /** What a client asked for, where that is not `channel` itself: must then be an alias that the manifest names. */
  readonly request?: string | undefined
  /** What the verified catalog says under these names. */
  readonly entry: Pick<CatalogChannel, 'seq' | 'sha256' | 'size'>
  readonly now: Instant
}

/** Whether a name is a manifest's own, or an alias that the release key signed. */
export const answersTo = (manifest: ChannelManifest, name: string): boolean =>
  manifest.channel === name || (manifest.aliases?.includes(name) ?? false)

/**
 * Opens the ChannelManifest that a verified catalog names (steps 1 to 5 and 7).
 * @throws PlatteError('mismatch') for another size, digest, app, channel or seq; 'too-large', 'bad-signature',
 *   'bad-document', 'from-the-future', 'expired'.
 */
export async function verifyChannel(
  bytes: Uint8Array,
  trusted: TrustedRoot,
  ref: CurrentRef,
): Promise<VerifiedChannel> {
  const { app, channel, request = channel, entry, now } = ref
  const name = `${app}/${channel}`
  if (bytes.length !== entry.size)
    throw new PlatteError('mismatch', `${name}: ${bytes.length} bytes, the catalog says ${entry.size}`)
  const sha256 = await sha256Hex(bytes)
  if (sha256 !== entry.sha256) throw new PlatteError('mismatch', `${name}: its SHA-256 is not the catalog's`)
  const manifest = await openChannel(bytes, trusted, { app, channel, seq: entry.seq })
  if (!answersTo(manifest, request))
    throw new PlatteError('mismatch', `${name}: does not name ${JSON.stringify(request.slice(0, 64))} as an alias`)
  if (!isEnded(manifest)) checkTimes(manifest, name, now)
  return { manifest, sha256, size: bytes.length }
}

/**
 * Opens a ChannelManifest that no catalog names yet, for writers (steps 1 to 4). Ignores its times: a manifest of a wrong
 * clock must not block the next one. @param head.previous where the writer knows it.
 * @throws PlatteError('fork') if it does not follow `previous`; 'mismatch', 'too-large', 'bad-signature', 'bad-document'.
 */
export async function verifyHead(bytes: Uint8Array, trusted: TrustedRoot, head: HeadRef): Promise<VerifiedChannel> {
  const { previous, ...ref } = head
  const manifest = await openChannel(bytes, trusted, ref)
  const isFirst = ref.seq === 1
  if (isFirst ? manifest.previous !== undefined : previous !== undefined && manifest.previous !== previous)
    throw new PlatteError(
      'fork',
      `${ref.app}/${ref.channel}: revision ${ref.seq} does not follow the manifest before it`,
    )
  return { manifest, sha256: await sha256Hex(bytes), size: bytes.length }
}

/**
 * Opens an earlier ChannelManifest by a digest from a verified document. Does not check signatures, so removing a key does
 * not void history.
 * @throws PlatteError('mismatch') for other bytes, app, channel or seq; 'too-large', 'bad-signature', 'bad-document'.
 */
export async function verifyPast(bytes: Uint8Array, sha256: string, ref: ManifestRef): Promise<VerifiedChannel> {
  const manifest = checkPlace(decodeChannel(await openByDigest(bytes, channelType, sha256)), ref)
  return { manifest, sha256, size: bytes.length }
}

const openChannel = async (bytes: Uint8Array, trusted: TrustedRoot, ref: ManifestRef): Promise<ChannelManifest> =>
  checkPlace(decodeChannel(await openEnvelope(bytes, channelType, roleOf(trusted, 'release'))), ref)

/** Step 4, and the seq of step 7. */
function checkPlace(manifest: ChannelManifest, want: ManifestRef): ChannelManifest {
  const wrong = (['app', 'channel', 'seq'] as const).find((field) => manifest[field] !== want[field])
  if (wrong === undefined) return manifest
  const said = `its manifest says ${wrong === 'seq' ? 'revision' : wrong} ${manifest[wrong]}, not ${want[wrong]}`
  throw new PlatteError('mismatch', `${want.app}/${want.channel}: ${said}`)
}

/**
 * Opens the details that a release of a verified manifest names: those bytes, of that release, with those packages.
 * @throws PlatteError('mismatch', 'bad-document')
 */
export async function verifyDetails(bytes: Uint8Array, app: string, release: Described): Promise<ReleaseDetails> {
  const { version, details: { sha256, size } = { sha256: '', size: 0 } } = release
  const key = detailsKey(sha256)
  if (bytes.length !== size)
    throw new PlatteError('mismatch', `${key}: ${bytes.length} bytes, the manifest says ${size}`)
  const found = decodeDetails(await openPlain(bytes, sha256, key))
  if (found.app === app && areDetailsOf(found, release)) return found
  throw new PlatteError('mismatch', `${key}: is not of ${app} ${version} with the packages of its manifest`)
}
