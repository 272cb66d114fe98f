/** Identity tokens of pipelines (OpenID Connect): one issuer's keys, one audience, one use. */
import { decodeJwt, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { PlatteError } from '../kernel/errors.ts'
import { sha256Hex } from '../trust/digest.ts'

/** GitHub's tokens have some 2 kB. */
const maxTokenLength = 16 * 1024
/** A token is valid this long after it was issued: pipelines ask for one when they need it. */
const maxTokenAgeSeconds = 600
const clockToleranceSeconds = 30

export type TokenAlgorithm = 'RS256' | 'ES256'

export interface TokenCheck {
  readonly issuer: string
  readonly audience: string
  readonly algs: readonly TokenAlgorithm[]
  readonly keys: JWTVerifyGetKey
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly now: number
}

export interface VerifiedToken {
  readonly issuer: string
  readonly claims: Readonly<Record<string, unknown>>
  /** Names this token among all: SHA-256 over issuer and `jti` (where it has none, its signed part), as hex. */
  readonly id: string
  /** Milliseconds. */
  readonly issuedAtMs: number
}

/** The issuer of a token that is not verified yet, to find the keys. @throws PlatteError('unauthorized') */
export function peekIssuer(token: string): string {
  if (token.length > maxTokenLength) throw refused(`has more than ${maxTokenLength} characters`)
  try {
    const { iss } = decodeJwt(token)
    if (typeof iss === 'string' && iss !== '') return iss
  } catch {
    throw refused('is no JSON Web Token')
  }
  throw refused('names no issuer')
}

/** Verifies a token (RFC 7519): signature, issuer, one audience, times. @throws PlatteError('unauthorized'); as `keys`. */
export async function verifyToken(token: string, check: TokenCheck): Promise<VerifiedToken> {
  const { issuer, audience, algs, keys, now } = check
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: [...algs],
      requiredClaims: ['exp', 'iat'],
      maxTokenAge: maxTokenAgeSeconds,
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(now),
    })
    const { aud, jti, iat = 0 } = payload
    // jose accepts a list that contains ours: a token that is valid elsewhere too.
    if (aud !== audience) throw refused(`claim aud is not the one text ${JSON.stringify(audience)}`)
    if (jti !== undefined && (typeof jti !== 'string' || jti === '')) throw refused('claim jti is no text')
    // Without one its signed part names it: a signature may have another form, and still hold.
    const name = jti ?? token.slice(0, token.lastIndexOf('.'))
    const id = await sha256Hex(new TextEncoder().encode(`${issuer}\0${name}`))
    return { issuer, claims: payload, id, issuedAtMs: iat * 1000 }
  } catch (error) {
    throw error instanceof errors.JOSEError ? refused(whyOf(error, issuer), error) : error
  }
}

function whyOf(error: errors.JOSEError, issuer: string): string {
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
