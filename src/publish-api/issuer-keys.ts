/** The published keys of token issuers, as jose fetches and caches them: caller-owned plain data, as Workers need it. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWKSCacheInput,
  type JWTVerifyGetKey,
  jwksCache,
} from 'jose'
import { readAtMost } from '../http/body.ts'
import type { Instant } from '../kernel/clock.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'

/** By the URL of the keys. */
export type IssuerKeys = Map<string, JWKSCacheInput>

const maxBytes = 256 * 1024
/** Younger keys are not fetched again. */
const freshForMs = 10 * 60 * 1000
/** Even for a token that names another key: anybody can make one of those. */
const cooldownMs = 30_000
/** Older keys serve this long while their issuer does not answer. */
const usableForMs = 24 * 60 * 60 * 1000

/**
 * @param url the operator's, never a token's; its answer is bounded in bytes and time, and redirects are refused.
 * @returns a resolver that throws jose's JWKSNoMatchingKey, and PlatteError('issuer-unavailable') without usable keys.
 */
export function issuerKeys(url: string, remembered: IssuerKeys, now: Instant): JWTVerifyGetKey {
  const cache = remembered.get(url) ?? {}
  remembered.set(url, cache)
  const remote = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: freshForMs,
    cooldownDuration: cooldownMs,
    [jwksCache]: cache,
    [customFetch]: boundedFetch,
  })
  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey) throw cause
      const { jwks, uat = 0 } = cache
      if (jwks && now - uat < usableForMs) return createLocalJWKSet(jwks)(header, token)
      throw new PlatteError('issuer-unavailable', `the keys at ${url} ${whyOf(cause)}`, { cause })
    }
  }
}

const boundedFetch: FetchImplementation = async (url, options) => {
  const response = await fetch(url, options)
  if (response.status !== 200) throw new Error(`it answers ${response.status || 'a redirect'}`)
  return new Response(await readAtMost(response.body, maxBytes))
}

function whyOf(cause: unknown): string {
  const isNoSet =
    cause instanceof errors.JWKSInvalid || (cause instanceof errors.JOSEError && cause.cause instanceof SyntaxError)
  if (isNoSet) return 'are no set of keys (RFC 7517)'
  return `cannot be read: ${messageOf(cause)}`
}
