/** Decides what a pipeline may do: verifies its identity token (OpenID Connect) with its issuer's keys, asks the policy. */
import * as jose from 'jose'
import type { Clock, Instant } from '../kernel/clock.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { readAtMost, streamFrom } from '../kernel/streams.ts'
import type { Transport } from '../store/http/transport.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type Claims, judge, provenanceOf } from './policy.ts'
import type { Policy } from './policy-document.ts'

/** GitHub's tokens have some 2 kB. */
const maxTokenLength = 16 * 1024
/** A token is valid this long after it was issued: pipelines ask for one when they need it. */
const maxTokenAgeSeconds = 600
const clockToleranceSeconds = 30
const maxKeysBytes = 256 * 1024
/** Younger keys are not fetched again. */
const freshForMs = 10 * 60 * 1000
/** Even for a token that names another key: anybody can make one of those. */
const cooldownMs = 30_000
/** Older keys serve this long while their issuer does not answer. */
const usableForMs = 24 * 60 * 60 * 1000

/** One for each process. */
export interface Authorising {
  readonly policy: Policy
  /** Published keys of issuers by their URL, as jose caches them: caller-owned plain data, as Workers need it. */
  readonly remembered: Map<string, jose.JWKSCacheInput>
  readonly clock: Clock
  /** How the runtime connects. */
  readonly transport: Transport
}

export interface Intent {
  readonly action: string
  readonly app: string
  readonly channels: readonly string[]
}

export interface VerifiedToken {
  readonly issuer: string
  readonly claims: Claims
  /** Names this token among all: SHA-256 over issuer and `jti` (where it has none, its signed part), as hex. */
  readonly id: string
  readonly issuedAtMs: number
}

export interface Authorised {
  readonly rule: string
  /** The pipeline run, for the manifest's provenance. */
  readonly origin: Readonly<Record<string, string>>
  /** Whether manifests name it. */
  readonly isRecorded: boolean
}

/** @throws PlatteError('refused') naming each rule's mismatch. */
export function authorise({ rules }: Policy, token: VerifiedToken, { action, app, channels }: Intent): Authorised {
  const refs = channels.map((channel) => `${app}/${channel}`)
  const verdict = judge(rules, token.issuer, token.claims, { action, refs })
  if (verdict.kind === 'allowed') {
    const { id: rule, provenance: isRecorded = false } = verdict.rule
    return { rule, origin: provenanceOf(token.issuer, token.claims), isRecorded }
  }
  const why = `${refs.join(' and ')}: ${verdict.because.join('; ') || 'it has no rules'}`
  const hint = '`platte policy check` tries a policy out'
  throw new PlatteError('refused', `the policy does not let this token ${action} in ${why}`, { hint })
}

/**
 * Verifies a token (RFC 7519): its issuer is in the policy, its signature holds; one audience, times.
 * @throws PlatteError('unauthorized') for an invalid token; 'issuer-unavailable'.
 */
export async function verifyToken(authorising: Authorising, token: string): Promise<VerifiedToken> {
  const { policy, clock } = authorising
  const issuer = peekIssuer(token)
  const trusted = Object.hasOwn(policy.issuers, issuer) ? policy.issuers[issuer] : undefined
  const named = `the identity token is from ${JSON.stringify(issuer.slice(0, 200))}`
  if (trusted === undefined) throw new PlatteError('unauthorized', `${named}, which the policy does not name`)
  const { audience } = policy
  const now = clock()
  try {
    const { payload: claims } = await jose.jwtVerify(token, issuerKeys(trusted.jwks, authorising, now), {
      ...{ issuer, audience, algorithms: [...trusted.algs], requiredClaims: ['exp', 'iat'] },
      ...{ maxTokenAge: maxTokenAgeSeconds, clockTolerance: clockToleranceSeconds, currentDate: new Date(now) },
    })
    const { aud, jti, iat = 0 } = claims
    // jose accepts a list that contains ours: a token that is valid elsewhere too.
    if (aud !== audience) throw refused(`claim aud is not the one text ${JSON.stringify(audience)}`)
    if (jti !== undefined && (typeof jti !== 'string' || jti === '')) throw refused('claim jti is no text')
    // Without one its signed part names it: a signature may have another form, and still hold.
    const name = jti ?? token.slice(0, token.lastIndexOf('.'))
    const id = await sha256Hex(new TextEncoder().encode(`${issuer}\0${name}`))
    return { issuer, claims, id, issuedAtMs: iat * 1000 }
  } catch (error) {
    if (error instanceof PlatteError) throw error
    throw refused(whyOf(error, issuer), error)
  }
}

/** The issuer of a token that is not verified yet, to find the keys. */
function peekIssuer(token: string): string {
  if (token.length > maxTokenLength) throw refused(`has more than ${maxTokenLength} characters`)
  try {
    const { iss } = jose.decodeJwt(token)
    if (typeof iss === 'string' && iss !== '') return iss
  } catch {
    throw refused('is no JSON Web Token')
  }
  throw refused('names no issuer')
}

function whyOf(error: unknown, issuer: string): string {
  // Not destructured: that would keep all of jose in bundles.
  const errors = jose.errors
  // Web Crypto's own errors: a modulus that is too short, or an invalid key.
  if (!(error instanceof errors.JOSEError))
    return `is signed with a key of ${issuer} that cannot be used: ${messageOf(error)}`
  if (error instanceof errors.JWKSNoMatchingKey) return `is signed with a key that ${issuer} does not publish`
  if (error instanceof errors.JWTExpired) return `is too old: ${error.message}`
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.reason === 'missing' ? `lacks claim ${error.claim}` : `claim ${error.claim}: ${error.message}`
  if (error instanceof errors.JOSEAlgNotAllowed) return 'is signed by an algorithm that the policy does not allow'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'has a bad signature'
  return `cannot be verified: ${error.message}`
}

const refused = (words: string, cause?: unknown): PlatteError =>
  new PlatteError('unauthorized', `the identity token ${words}`, {
    hint: 'ask for a new one, for the audience of this endpoint, right before you use it',
    cause,
  })

/**
 * @param url the operator's, never a token's; its answer is bounded in bytes and time, and redirects are refused.
 * @returns a resolver that throws jose's JWKSNoMatchingKey, and PlatteError('issuer-unavailable') without usable keys.
 */
function issuerKeys(url: string, { remembered, transport }: Authorising, now: Instant): jose.JWTVerifyGetKey {
  const cache = remembered.get(url) ?? {}
  remembered.set(url, cache)
  const bounds = { cacheMaxAge: freshForMs, cooldownDuration: cooldownMs }
  const options = { ...bounds, [jose.jwksCache]: cache, [jose.customFetch]: boundedFetch(transport) }
  const remote = jose.createRemoteJWKSet(new URL(url), options)
  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (cause) {
      if (cause instanceof jose.errors.JWKSNoMatchingKey) throw cause
      const { jwks, uat = 0 } = cache
      if (jwks && now - uat < usableForMs) return jose.createLocalJWKSet(jwks)(header, token)
      const { JOSEError, JWKSInvalid } = jose.errors
      const isNoSet = cause instanceof JWKSInvalid || (cause instanceof JOSEError && cause.cause instanceof SyntaxError)
      const why = isNoSet ? 'are not a JWK Set (RFC 7517)' : `cannot be read: ${messageOf(cause)}`
      throw new PlatteError('issuer-unavailable', `the keys at ${url} ${why}`, { cause })
    }
  }
}

const boundedFetch =
  (transport: Transport): jose.FetchImplementation =>
  async (url, { headers, signal }) => {
    const sending = { url: new URL(url), headers: Object.fromEntries(headers), signal, isKept: false, judge: () => {} }
    const { status, read, drop } = await transport({ method: 'GET', ...sending })
    if (status === 200) {
      const bytes = await readAtMost(streamFrom(read, drop), maxKeysBytes, 'the set')
      return new Response(bytes as Uint8Array<ArrayBuffer>)
    }
    await drop()
    throw new Error(`it answers ${status || 'a redirect'}`)
  }
