/** The keys of issuers, remembered: caller-owned plain data, since Workers may share nothing else between requests. */

import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { FetchKeys } from './fetch-keys.ts'
import type { KeySet } from './oidc.ts'

/** Keys of one issuer, and when they were asked for. */
interface Remembered {
  readonly keys: KeySet
  readonly at: Instant
}

/** By the URL of the keys. */
export type IssuerKeys = Map<string, Remembered>

/** Younger ones are not asked for again. */
const freshForMs = 10 * 60 * 1000
/** So young ones are not asked for again even where a token names a key that is not among them: anybody can make such. */
const cooldownMs = 30_000
/** So long they serve while their issuer does not answer. */
const goodForMs = 24 * 60 * 60 * 1000

/**
 * The keys of an issuer.
 * @param isMissing a key was looked for among the remembered ones in vain.
 * @throws PlatteError('issuer-unavailable') where they cannot be read, and no remembered ones are good.
 */
export async function keysAt(
  url: string,
  {
    remembered,
    fetchKeys,
    now,
  }: { readonly remembered: IssuerKeys; readonly fetchKeys: FetchKeys; readonly now: Instant },
  isMissing = false,
): Promise<KeySet> {
  const known = remembered.get(url)
  const age = known ? now - known.at : Number.POSITIVE_INFINITY
  if (known && age >= 0 && age < (isMissing ? cooldownMs : freshForMs)) return known.keys
  try {
    const keys = parseKeys(url, await fetchKeys(url))
    remembered.set(url, { keys, at: now })
    return keys
  } catch (error) {
    if (known && age < goodForMs && error instanceof PlatteError) return known.keys
    throw error
  }
}

function parseKeys(url: string, bytes: Uint8Array): KeySet {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    value = undefined
  }
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined
  if (Array.isArray(keys) && keys.length <= 100 && keys.every((key) => typeof key === 'object' && key !== null))
    return { keys }
  throw new PlatteError('issuer-unavailable', `${url} is no set of keys (RFC 7517)`)
}
