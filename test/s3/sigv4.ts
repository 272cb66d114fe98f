/**
 * Checks a request as S3 does before it looks at anything else: who signed it, when, for which region, and over which
 * bytes. Only header authentication with the digest of the body; nothing here sends chunks that are signed one by one.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
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
  const { authorization } = request.headers
  if (authorization === undefined) throw new S3Refusal(403, 'AccessDenied', 'Access Denied')
  const [, accessKeyId, day = '', region, service, signed = '', signature = ''] = form.exec(authorization) ?? []
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
  const date = checkDate(request, day, now)
  const signedHeaders = checkSignedHeaders(request, signed)
  if (request.headers['x-amz-security-token'] !== identity.sessionToken)
    throw new S3Refusal(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.', {
      'Token-0': String(request.headers['x-amz-security-token']),
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

function checkDate({ headers }: IncomingMessage, day: string, now: number): string {
  const date = String(headers['x-amz-date'])
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
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
    .filter((one) => one !== '')
    .map((one) => (one.includes('=') ? one : `${one}=`))
    .sort()
    .join('&')
  const lines = signed.map(
    (name) =>
      `${name}:${String(headers[name] ?? '')
        .trim()
        .replace(/ +/g, ' ')}\n`,
  )
  return [method, path, parameters, lines.join(''), signed.join(';'), headers['x-amz-content-sha256']].join('\n')
}

/** @throws S3Refusal where the body is not the one that was signed. */
export function checkBody({ headers }: IncomingMessage, body: Uint8Array): void {
  const claimed = headers['x-amz-content-sha256']
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
