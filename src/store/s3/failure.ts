/**
 * Failures of S3 requests, and their error messages. The SDK's own errors hold headers and signatures, so nothing of them
 * may reach a log.
 *
 * The HTTP status decides. The code in a body refines the message, and tells a missing bucket from a missing key.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import { type ErrorCode, PlatteError } from '../../kernel/errors.ts'

/** Each needs a permission of its own. */
export type Action = 'read' | 'write' | 'upload' | 'parts' | 'list' | 'remove'

interface Facts {
  /** HTTP status; `undefined` without an answer. */
  readonly status?: number | undefined
  /** S3's code, such as `NoSuchKey`; `undefined` if the answer is not S3's. */
  readonly code?: string | undefined
  /** The bucket's region, if S3 names it. */
  readonly region?: string | undefined
  /** S3's own message, only if it names the missing permission. */
  readonly detail?: string | undefined
  readonly kind?: 'timeout' | 'credentials' | undefined
}

/** A request that failed. Its message is fit for a log. */
export class S3Failure extends Error implements Facts {
  override readonly name = 'S3Failure'
  declare readonly status: Facts['status']
  declare readonly code: Facts['code']
  declare readonly region: Facts['region']
  declare readonly detail: Facts['detail']
  declare readonly kind: Facts['kind']

  constructor(message: string, facts: Facts = {}) {
    super(message)
    Object.assign(this, facts)
  }

  /** The key is missing. A missing bucket, or a proxy's 404, says nothing about a key. */
  get isAbsent(): boolean {
    return this.status === 404 && this.code === 'NoSuchKey'
  }

  get isNoUpload(): boolean {
    return this.status === 404 && this.code === 'NoSuchUpload'
  }

  /** Whether a retry may succeed. */
  get isPassing(): boolean {
    return (
      this.kind === undefined && (this.status === undefined || this.status >= 500 || [200, 429].includes(this.status))
    )
  }
}

interface SdkError extends Error {
  readonly code?: unknown
  readonly Code?: unknown
  readonly Region?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
}

const wordOf = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[A-Za-z0-9.-]{1,64}$/.test(value) ? value : undefined

/** The one message of S3 that says more than its code. */
const whoMayNot = /^User: arn:[\w:/.+=,@-]{1,200} is not authorized to perform: s3:[A-Za-z]{1,40}[ -~]{0,200}$/

export function failureOf(error: unknown): S3Failure {
  if (error instanceof S3Failure) return error
  const { name, message, code, Code, Region, $metadata, $response } = (
    error instanceof Error ? error : new Error(String(error))
  ) as SdkError
  const status = $response?.statusCode ?? $metadata?.httpStatusCode
  if (status === undefined) {
    if (name === 'CredentialsProviderError') return new S3Failure('there are no credentials', { kind: 'credentials' })
    // The SDK gives connections that were reset the same name.
    if (name === 'TimeoutError' && code === undefined)
      return new S3Failure('the store did not answer in time', { kind: 'timeout' })
    return new S3Failure(message || String(code ?? name))
  }
  const said = wordOf(Code)
  return new S3Failure(`the store answered ${[status, said].filter(Boolean).join(' ')}`, {
    status,
    code: said,
    region: wordOf(Region) ?? wordOf($response?.headers?.['x-amz-bucket-region']),
    detail: said === 'AccessDenied' && whoMayNot.test(message) ? message : undefined,
  })
}

const needed: Readonly<Record<Action, string>> = {
  read: 's3:GetObject and s3:ListBucket (without the latter, S3 answers 403 for missing keys)',
  write: 's3:PutObject, and s3:GetObject to replace what is there',
  upload: 's3:PutObject and s3:AbortMultipartUpload',
  parts:
    's3:PutObject, s3:AbortMultipartUpload, s3:ListMultipartUploadParts, and s3:ListBucketMultipartUploads on the bucket',
  list: 's3:ListBucket',
  remove: 's3:DeleteObject',
}

const wrongCredentials =
  /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|TokenRefreshRequired|InvalidSecurity)$/
const setCredentials =
  'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where there is one), or AWS_PROFILE, or run where a role gives them'

/** The failure as an error that names the setting. */
export function worded(
  failure: S3Failure,
  { key, action, bucket }: { readonly key: string; readonly action: Action; readonly bucket: string },
): PlatteError {
  const { status, code = '', region, detail, kind } = failure
  const error = (as: ErrorCode, words: string, hint: string): PlatteError =>
    new PlatteError(as, `${key || bucket}: ${failure.message}${words}`, { hint, cause: failure })
  if (kind === 'credentials' || wrongCredentials.test(code)) {
    const words = ': check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for PLATTE_STORE'
    return error('forbidden', words, setCredentials)
  }
  if (code === 'RequestTimeTooSkewed') {
    const hint = 'set the clock of this machine, and keep it right (NTP): S3 takes 15 minutes at most'
    return error('forbidden', ': the clocks of this machine and of the store in PLATTE_STORE differ', hint)
  }
  if (code === 'NoSuchBucket') {
    const hint = 'check the name of the bucket, its endpoint and its region in PLATTE_STORE; Platte makes no buckets'
    return error('store-unavailable', `: there is no bucket ${bucket}: check PLATTE_STORE`, hint)
  }
  if (status !== undefined && (code === 'AuthorizationHeaderMalformed' || (status >= 300 && status < 400))) {
    const words = `: bucket ${bucket} is in ${region ? `region ${region}` : 'another region'}: check PLATTE_STORE`
    const setting = `region=${region ?? 'REGION'}`
    return error('store-unavailable', words, `put ${setting} into PLATTE_STORE: s3://${bucket}?${setting}`)
  }
  if (status === 401 || status === 403) {
    const words = `${detail ? ` (${detail})` : ''}: the credentials for PLATTE_STORE need ${needed[action]}`
    return error('forbidden', words, 'let the policy of the bucket, or of the user or role, allow that on this prefix')
  }
  const words = status !== undefined && code === '' ? ', without an S3 error code' : ''
  return error('store-unavailable', `${words}: check PLATTE_STORE`, hintOf(failure))
}

function hintOf({ status, code, kind }: S3Failure): string {
  if (kind === 'timeout' || status === undefined)
    return 'check the endpoint in PLATTE_STORE, and that this machine reaches it'
  if (code === undefined) return 'something else answers there: check the endpoint in PLATTE_STORE'
  if (status === 501) return 'this store lacks an operation that Platte needs, such as conditional writes'
  if (status >= 500 || status === 429) return 'the store is at fault or too busy: try again later'
  return 'the store rejects requests of Platte: check the endpoint in PLATTE_STORE'
}
