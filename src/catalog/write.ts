/** What all writers of signed documents share: the state that they start from, and their keys. */
import type { RoleName } from '../documents/root.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import type { Random } from '../kernel/random.ts'
import type { Signer } from '../trust/signer.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { type CatalogState, loadCatalog, loadRoot, type StoreReader } from './read.ts'

export interface StoreWriter extends StoreReader {
  readonly random: Random
  /** The release keys at hand; none: nothing can be published. */
  readonly release: readonly Signer[]
  /** The timestamp keys at hand; none: what is committed waits for a refresh. */
  readonly timestamp: readonly Signer[]
}

/** The newest root, and a catalog that may have expired. */
export async function loadForWriting(reader: StoreReader, seen?: CatalogState): Promise<CatalogState> {
  const state = await loadCatalog(reader, seen, { anyTime: true })
  return { ...state, root: await loadRoot(reader, undefined, state.root) }
}

/** The keys at hand that the role names. @throws PlatteError('credentials') without enough of them. */
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

/** RFC 3339 in UTC with milliseconds. */
export const instantText = (ms: number): string => new Date(ms).toISOString()

export const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
