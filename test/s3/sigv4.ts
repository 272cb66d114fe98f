/**
 * Checks a request as S3 does before it looks at anything else: who signed it, when, for which region, and over which
 * bytes. Header authentication with the digest of the body, and URLs that were signed for somebody else to use; nothing
 * here sends chunks that are signed one by one.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { S3Refusal } from './xml.ts'

/** Whom the server knows, and where it is. */
export interface Identity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly region: string
}

const maxSkewMs = 15 * 60 * 1000
const form =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** @throws S3Refusal as S3 refuses it. */
export function checkSignature(request: IncomingMessage, identity: Identity, now: number): void {
  const query = signedQuery(request)
  const { authorization } = request.headers
  if (authorization === undefined && query === undefined) throw new S3Refusal(403, 'AccessDenied', 'Access Denied')
  if (authorization !== undefined && query !== undefined)
    throw new S3Refusal(400, 'InvalidArgument', 'Only one auth mechanism allowed')
  const claim = query === undefined ? `${authorization}` : claimOf(query)
  const [, accessKeyId, day = '', region, service, signed = '', signature = ''] = form.exec(claim) ?? []
  if (accessKeyId === undefined)
    throw new S3Refusal(400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed.')
  if (region !== identity.region || service !== 's3')
    throw new S3Refusal(
      400,
      'AuthorizationHeaderMalformed',
      `The authorization header is malformed; the region '${region}' is wrong; expecting '${identity.region}'`,
      { Region: identity.region },
    )
  if (accessKeyId !== identity.accessKeyId)
    throw new S3Refusal(
      403,
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
      { AWSAccessKeyId: accessKeyId },
    )
  const date = query === undefined ? checkDate(request, day, now) : checkExpiry(query, day, now)
  const signedHeaders = checkSignedHeaders(request, signed)
  const token = query === undefined ? request.headers['x-amz-security-token'] : query.get('X-Amz-Security-Token')
  if ((token ?? undefined) !== identity.sessionToken)
    throw new S3Refusal(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.', {
      'Token-0': String(token),
    })
  const canonical = canonicalRequest(request, signedHeaders)
  const scope = `${day}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')
  const key = hmac(hmac(hmac(hmac(`AWS4${identity.secretAccessKey}`, day), region), 's3'), 'aws4_request')
  if (timingSafeEqual(hmac(key, toSign), Buffer.from(signature, 'hex'))) return
  throw new S3Refusal(
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    { AWSAccessKeyId: accessKeyId, StringToSign: toSign, SignatureProvided: signature, CanonicalRequest: canonical },
  )
}

/** @returns the parameters of a URL that was signed; `undefined` for any other. */
function signedQuery({ url = '' }: IncomingMessage): URLSearchParams | undefined {
  const query = new URL(url, 'http://s3').searchParams
  return query.has('X-Amz-Signature') ? query : undefined
}

/** The same words as a header would have. */
const claimOf = (query: URLSearchParams): string =>
  `${query.get('X-Amz-Algorithm')} Credential=${query.get('X-Amz-Credential')}, SignedHeaders=${query.get('X-Amz-SignedHeaders')}, Signature=${query.get('X-Amz-Signature')}`

const mostSeconds = 7 * 24 * 3600

/** A URL may be used from shortly before its date until its seconds are over. */
function checkExpiry(query: URLSearchParams, day: string, now: number): string {
  const date = query.get('X-Amz-Date') ?? ''
  const seconds = Number(query.get('X-Amz-Expires') ?? Number.NaN)
  if (!(seconds >= 1 && seconds <= mostSeconds))
    throw new S3Refusal(
      400,
      'AuthorizationQueryParametersError',
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    )
  const [, ...parts] = dateForm.exec(date) ?? []
  const [year = 0, month = 0, ...rest] = parts.map(Number)
  if (parts.length === 0 || !date.startsWith(day))
    throw new S3Refusal(400, 'AuthorizationQueryParametersError', 'X-Amz-Date must be in the ISO8601 Long Format')
  const at = Date.UTC(year, month - 1, ...rest)
  if (at > now + maxSkewMs) throw new S3Refusal(403, 'AccessDenied', 'Request is not valid yet')
  if (now > at + seconds * 1000) throw new S3Refusal(403, 'AccessDenied', 'Request has expired')
  return date
}

const dateForm = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/

function checkDate({ headers }: IncomingMessage, day: string, now: number): string {
  const date = String(headers['x-amz-date'])
  const [, ...parts] = dateForm.exec(date) ?? []
  const [year = 0, month = 0, ...rest] = parts.map(Number)
  if (parts.length === 0 || !date.startsWith(day))
    throw new S3Refusal(403, 'AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header')
  if (Math.abs(Date.UTC(year, month - 1, ...rest) - now) > maxSkewMs)
    throw new S3Refusal(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      { RequestTime: date, ServerTime: new Date(now).toISOString(), MaxAllowedSkewMilliseconds: String(maxSkewMs) },
    )
  return date
}

/** Host, and every header that S3 gives a meaning to, must be signed. */
function checkSignedHeaders({ headers }: IncomingMessage, signed: string): readonly string[] {
  const names = signed.split(';')
  const unsigned = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))].filter(
    (name) => !names.includes(name),
  )
  if (unsigned.length === 0) return names
  throw new S3Refusal(403, 'AccessDenied', 'There were headers present in the request which were not signed', {
    HeadersNotSigned: unsigned.join(', '),
  })
}

function canonicalRequest({ method, url = '', headers }: IncomingMessage, signed: readonly string[]): string {
  const [path = '', query = ''] = url.split(/\?(.*)/s)
  const parameters = query
    .split('&')
    .filter((one) => one !== '' && !one.startsWith('X-Amz-Signature='))
    .map((one) => (one.includes('=') ? one : `${one}=`))
    .sort()
    .join('&')
  const lines = signed.map(
    (name) =>
      `${name}:${String(headers[name] ?? '')
        .trim()
        .replace(/ +/g, ' ')}\n`,
  )
  return [
    method,
    path,
    parameters,
    lines.join(''),
    signed.join(';'),
    headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
  ].join('\n')
}

/** @throws S3Refusal where the body is not the one that was signed. */
export function checkBody(request: IncomingMessage, body: Uint8Array): void {
  const claimed = request.headers['x-amz-content-sha256']
  if (claimed === undefined && signedQuery(request) !== undefined) return
  if (claimed === undefined)
    throw new S3Refusal(400, 'InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
  if (/^[0-9a-f]{64}$/.test(String(claimed))) {
    if (claimed === sha256(body)) return
    throw new S3Refusal(
      400,
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
  }
  if (claimed !== 'UNSIGNED-PAYLOAD')
    throw new S3Refusal(501, 'NotImplemented', `this server takes no body of the kind ${claimed}`)
}
