/** The catalog. Pure functions on bytes; step numbers are those of "Verifying" in docs/design.md. */

import { type Catalog, decodeCatalog } from '../documents/catalog.ts'
import { durationMs } from '../documents/fields.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import { sha256Hex } from './digest.ts'
import { openEnvelope, peekPayload } from './envelope.ts'
import { checkTimes } from './times.ts'
import { roleOf, type TrustedRoot } from './verify-root.ts'

const type = 'platte-catalog+jws'

/** A place that a channel has reached. */
interface ChannelMark {
  readonly seq: number
  /** Of the ChannelManifest's envelope, lower-case hex. */
  readonly sha256: string
}

/** A catalog that is trusted until `expiresMs`. Plain data, safe to keep and share. */
export interface VerifiedCatalog {
  readonly catalog: Catalog
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

interface CatalogChecks {
  readonly now: Instant
  /** The newest catalog that was verified before. */
  readonly seen?: VerifiedCatalog | undefined
  /**
   * For writers, which must read what they sign anew: skips step 5, and accepts a catalog of an earlier root than the
   * pinned one if keys of the pinned one signed it.
   */
  readonly anyTime?: boolean
  /** For readers behind an air gap: how long after its expiry a catalog is trusted. */
  readonly acceptStaleMs?: number | undefined
}

/**
 * Which root an unverified catalog asks to be verified with. Only good for knowing how far to walk: the walk ends at the
 * first root that is not there or does not verify, and `verifyCatalog` then says whether the catalog was right.
 * @throws PlatteError('too-large'), PlatteError('bad-signature'), PlatteError('bad-document')
 */
export function peekCatalogRoot(bytes: Uint8Array): number {
  const payload = peekPayload(bytes, type)
  const value = parseJson(payload)
  const version = typeof value === 'object' && value !== null && 'root' in value ? value.root : undefined
  if (typeof version === 'number' && Number.isSafeInteger(version) && version >= 1) return version
  throw new PlatteError('bad-document', 'catalog: names no root')
}

/**
 * Opens a catalog (steps 1 to 6).
 *
 * A stale CDN causes 'rollback'; no honest store causes 'fork'. Seqs are claims, which only `verifyChannel` proves: once a
 * timestamp key left the role, earlier claims are forgotten, since a stolen key could have named any seq.
 * @throws PlatteError('too-large'), 'bad-signature', 'bad-document', 'mismatch' (signed for a later root than `trusted`),
 *   'rollback' (for an earlier one, or older than `seen`), 'from-the-future', 'expired', 'fork'.
 */
export async function verifyCatalog(
  bytes: Uint8Array,
  trusted: TrustedRoot,
  { now, seen, anyTime = false, acceptStaleMs = 0 }: CatalogChecks,
): Promise<VerifiedCatalog> {
  const payload = await openEnvelope(bytes, type, roleOf(trusted, 'timestamp'))
  const catalog = decodeCatalog(payload)
  if (!(anyTime && catalog.root < trusted.root.version)) checkRoot(catalog, trusted)
  if (!anyTime) checkFresh(catalog, trusted, { now, acceptStaleMs })
  const sha256 = await sha256Hex(payload)
  const issuedAtMs = Date.parse(catalog.issuedAt)
  if (seen !== undefined) checkIssue({ sha256, issuedAtMs }, seen)
  const { keyIds } = trusted.root.roles.timestamp
  const known = seen?.keyIds.every((id) => keyIds.includes(id)) ? seen.marks : new Map<string, ChannelMark>()
  return {
    catalog,
    sha256,
    issuedAtMs,
    expiresMs: Date.parse(catalog.expires) + acceptStaleMs,
    keyIds,
    marks: advance(known, catalog),
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

/** Step 4: the root that it was signed under. */
function checkRoot(catalog: Catalog, { root }: TrustedRoot): void {
  if (catalog.root === root.version) return
  throw new PlatteError(
    catalog.root < root.version ? 'rollback' : 'mismatch',
    `catalog: is of root ${catalog.root}, this is root ${root.version}`,
  )
}

/** Step 5. */
function checkFresh(
  catalog: Catalog,
  { root }: TrustedRoot,
  { now, acceptStaleMs }: { readonly now: Instant; readonly acceptStaleMs: number },
): void {
  checkTimes({ issuedAt: catalog.issuedAt }, 'catalog', now)
  if (now >= Date.parse(catalog.expires) + acceptStaleMs)
    throw new PlatteError('expired', `catalog: expired at ${timeText(catalog.expires)}`)
  const { maxValidity } = root.roles.timestamp
  const validityMs = Date.parse(catalog.expires) - Date.parse(catalog.issuedAt)
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
      hint: 'Two writers signed with one key, or a signing key is in other hands: find out before anything is published.',
    })
}

/** Step 6: no channel goes back, and none has two manifests at one seq. */
function advance(known: ReadonlyMap<string, ChannelMark>, catalog: Catalog): ReadonlyMap<string, ChannelMark> {
  const marks = new Map(known)
  for (const [app, { channels }] of Object.entries(catalog.apps))
    for (const [channel, { seq, sha256 }] of Object.entries(channels)) {
      const name = `${app}/${channel}`
      const mark = marks.get(name)
      if (mark !== undefined && seq < mark.seq)
        throw new PlatteError('rollback', `catalog: ${name} goes back from ${mark.seq} to ${seq}`)
      if (mark?.seq === seq && mark.sha256 !== sha256)
        throw new PlatteError('fork', `catalog: ${name} has two manifests at ${seq}`)
      marks.set(name, { seq, sha256 })
    }
  return marks
}
