/**
 * A strict S3 on 127.0.0.1, written from AWS's documentation: it refuses what S3 refuses, in S3's words, and does to its
 * clients what networks and S3 do to them when a test says so.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Bucket } from './bucket.ts'
import { type Answer, type Call, type Operation, operationOf, perform, permissions } from './operations.ts'
import { checkBody, checkSignature, type Identity } from './sigv4.ts'
import { errorXml, S3Refusal } from './xml.ts'

/**
 * What happens to one request. Before it has any effect: `reset`, `slow-down`, `error`, `conflict`, `hang`, `page` (what
 * a proxy answers). After it: `lost` (the connection is cut), `late-error`, `late-412` (something in between repeated
 * it), `late-hang`. To a body that is sent: `truncated`, `longer`, `stalls`.
 */
export type Fault =
  | 'reset'
  | 'slow-down'
  | 'error'
  | 'conflict'
  | 'hang'
  | 'page'
  | 'lost'
  | 'late-error'
  | 'late-412'
  | 'late-hang'
  | 'truncated'
  | 'longer'
  | 'stalls'

/** A request that came, whatever became of it. */
export interface Seen {
  readonly operation: Operation
  readonly key: string
  readonly headers: IncomingMessage['headers']
}

export interface StrictS3Options extends Partial<Identity> {
  readonly bucket?: string
  /** Buckets that are there, but in another region. */
  readonly elsewhere?: Readonly<Record<string, string>>
  /** How many entries one page of a list has at most. */
  readonly pageSize?: number
}

export interface StrictS3 extends Identity {
  readonly url: string
  /** As PLATTE_STORE takes it. */
  readonly setting: string
  /** What the AWS SDK reads. */
  readonly env: Readonly<Record<string, string>>
  readonly bucket: Bucket
  /** Every request that was understood. */
  readonly seen: Seen[]
  /** Permissions that are denied, such as `s3:ListBucket`. */
  readonly denied: Set<string>
  /** Asked for each request, too: what a policy lets whoever asks do with an object. */
  allows: (permission: string, seen: Seen) => boolean
  /** Asked for each request. */
  fault: (seen: Seen) => Fault | undefined
  /** Whether the bucket was removed. */
  isGone: boolean
  /** What the server's clock is ahead by. */
  skewMs: number
  /** Whether a conditional write that overlaps another one is a conflict (409), as S3 may say. */
  conflicts: boolean
  /** How many answers are under way. */
  sending(): number
  close(): Promise<void>
}

type State = Omit<StrictS3, 'url' | 'setting' | 'env' | 'close'>

const region = 'eu-central-1'

export async function startS3(options: StrictS3Options = {}): Promise<StrictS3> {
  const identity = { accessKeyId: 'AKIDSTRICT', secretAccessKey: 'strict/secret+key', region, ...options }
  const name = options.bucket ?? 'updates'
  const sending = new Set<ServerResponse>()
  const s3: State = {
    ...identity,
    bucket: new Bucket(),
    seen: [],
    denied: new Set(),
    allows: () => true,
    fault: () => undefined,
    isGone: false,
    skewMs: 0,
    conflicts: false,
    sending: () => sending.size,
  }
  const ref = { name, elsewhere: options.elsewhere ?? {}, pageSize: options.pageSize ?? 3 }
  const server = createServer((request, response) => {
    sending.add(response)
    response.on('close', () => sending.delete(response))
    void handle(s3, ref, request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(s3, {
    url,
    setting: `s3://${name}/here?endpoint=${url}&region=${identity.region}&forcePathStyle=true`,
    env: {
      AWS_ACCESS_KEY_ID: identity.accessKeyId,
      AWS_SECRET_ACCESS_KEY: identity.secretAccessKey,
      ...(identity.sessionToken && { AWS_SESSION_TOKEN: identity.sessionToken }),
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}

interface Place {
  readonly name: string
  readonly elsewhere: Readonly<Record<string, string>>
  readonly pageSize: number
}

async function handle(s3: State, ref: Place, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.on('error', () => {})
  response.on('error', () => {})
  try {
    const call = await understand(s3, ref, request)
    const fault = s3.fault(call)
    if (fault === 'reset') return void request.socket.destroy()
    if (fault === 'hang') return
    if (fault === 'page')
      return send(response, { status: 404, headers: { 'content-type': 'text/html' }, body: '<html>Not here' })
    const early = fault && earlyRefusals[fault]
    if (early) throw early
    const answer = await take(s3, ref, call)
    if (fault === 'lost') return void request.socket.destroy()
    if (fault === 'late-hang') return
    const late = fault && lateRefusals[fault]
    if (late) throw late
    send(response, answer, fault)
  } catch (error) {
    const refusal = error instanceof S3Refusal ? error : new S3Refusal(500, 'InternalError', String(error))
    const { status, headers } = refusal
    send(response, {
      status,
      headers: { ...headers, 'content-type': 'application/xml' },
      body: errorXml(refusal, 'R1'),
    })
  }
}

const slowDown = new S3Refusal(503, 'SlowDown', 'Please reduce your request rate.')
const internal = new S3Refusal(500, 'InternalError', 'We encountered an internal error. Please try again.')
const conflict = new S3Refusal(
  409,
  'ConditionalRequestConflict',
  'The conditional request cannot succeed due to a conflicting operation against this resource.',
)
const failed = new S3Refusal(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')
const earlyRefusals: Readonly<Partial<Record<Fault, S3Refusal>>> = { 'slow-down': slowDown, error: internal, conflict }
const lateRefusals: Readonly<Partial<Record<Fault, S3Refusal>>> = { 'late-error': internal, 'late-412': failed }

/** Reads a request and checks it in the order in which S3 does. */
async function understand(s3: State, { name, elsewhere }: Place, request: IncomingMessage): Promise<Call> {
  checkSignature(request, s3, Date.now() + s3.skewMs)
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://s3')
  const [, bucket = '', path = ''] = /^\/([^/]*)\/?(.*)$/s.exec(pathname) ?? []
  // A plain "+" in a path is a blank there.
  const key = decodeURIComponent(path.replaceAll('+', ' '))
  const method = request.method ?? ''
  const operation = operationOf(method, key, query)
  if (['PUT', 'POST'].includes(method) && request.headers['content-length'] === undefined)
    throw new S3Refusal(411, 'MissingContentLength', 'You must provide the Content-Length HTTP header.')
  const body = await bodyOf(request)
  checkBody(request, body)
  const seen = { operation, key, headers: request.headers }
  s3.seen.push(seen)
  const other = elsewhere[bucket]
  if (other)
    throw new S3Refusal(
      301,
      'PermanentRedirect',
      'The bucket you are attempting to access must be addressed using the specified endpoint.',
      { Bucket: bucket, Endpoint: `s3.${other}.amazonaws.com` },
      { 'x-amz-bucket-region': other },
    )
  if (bucket !== name || s3.isGone)
    throw new S3Refusal(404, 'NoSuchBucket', 'The specified bucket does not exist', { BucketName: bucket })
  return { ...seen, bucket, query, body }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const isConditional = ({ headers }: Call): boolean => 'if-match' in headers || 'if-none-match' in headers

/** The writes under way by key; each holds whether another one was answered meanwhile. */
const underWay = new WeakMap<Bucket, Map<string, Set<{ overtaken: boolean }>>>()

async function take(s3: State, { pageSize }: Place, call: Call): Promise<Answer> {
  const { operation, key } = call
  const needed = [permissions[operation], ...(call.headers['if-match'] ? ['s3:GetObject'] : [])]
  const missing = needed.find((permission) => s3.denied.has(permission) || !s3.allows(permission, call))
  if (missing)
    throw new S3Refusal(
      403,
      'AccessDenied',
      `User: arn:aws:iam::123456789012:user/strict is not authorized to perform: ${missing}`,
    )
  const access = { mayList: !s3.denied.has('s3:ListBucket'), pageSize }
  if (!s3.conflicts || operation !== 'PutObject' || !isConditional(call)) return perform(s3.bucket, call, access)
  const writes = underWay.get(s3.bucket) ?? new Map<string, Set<{ overtaken: boolean }>>()
  underWay.set(s3.bucket, writes)
  const mine = { overtaken: false }
  const same = writes.get(key) ?? new Set()
  writes.set(key, same.add(mine))
  await new Promise((done) => setTimeout(done, 2))
  same.delete(mine)
  if (mine.overtaken) throw conflict
  for (const other of same) other.overtaken = true
  return perform(s3.bucket, call, access)
}

function send(response: ServerResponse, { status, headers, body = '' }: Answer, fault?: Fault): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const half = bytes.subarray(0, Math.floor(bytes.length / 2))
  const isHead = response.req.method === 'HEAD'
  const noBody = status === 204 || status === 304
  const length = fault === 'longer' ? half.length : bytes.length
  response.writeHead(status, { ...headers, 'x-amz-request-id': 'R1', ...(!noBody && { 'content-length': length }) })
  if (fault === 'truncated') return void response.write(half, () => response.socket?.destroy())
  if (fault === 'stalls') return void response.write(half)
  // Past the length that was announced, which the response itself would refuse to send.
  if (fault === 'longer') return void response.write(half, () => response.socket?.write(bytes.subarray(half.length)))
  response.end(isHead || noBody ? undefined : bytes)
}
