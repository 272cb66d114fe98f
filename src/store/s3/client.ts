/**
 * A client of one S3 bucket: time-outs, retries, errors, bodies and lists.
 *
 * The SDK never retries a conditional write: a retry after a lost success looks like a lost race. Reads are retried once
 * here, parts of a package once by the SDK.
 */
import { Readable } from 'node:stream'
import { ListObjectsV2Command, type ListObjectsV2CommandInput, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { PlatteError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/random.ts'
import { streamFrom } from '../../kernel/streams.ts'
import { type Action, failureOf, S3Failure, worded } from './failure.ts'

export interface S3Location {
  readonly bucket: string
  /** Of every key in the bucket: empty, or ends in "/". */
  readonly prefix: string
  /** Default: that of the AWS region. */
  readonly endpoint?: string | undefined
  /** Default: what the AWS SDK finds, AWS_REGION first. */
  readonly region?: string | undefined
  /** The bucket is part of the path instead of the host's name. */
  readonly forcePathStyle: boolean
}

export interface S3Options {
  readonly random: Random
  /** Time-out of a document, and of a package without progress. */
  readonly patienceMs?: number
}

export type S3 = Awaited<ReturnType<typeof openS3>>

type Work<T> = (options: { readonly abortSignal: AbortSignal }) => Promise<T>

const connectMs = 5_000
const repeatMs = 100
/** Slow downloads would hold the SDK's default of 50 connections, and the catalog would wait. */
const anyNumber = { maxSockets: Number.POSITIVE_INFINITY }

/** Opens a bucket, without a request. @throws PlatteError('configuration') without a region, and for Google's store. */
export async function openS3(wanted: S3Location, { random, patienceMs = 20_000 }: S3Options) {
  const location = await locationOf(wanted)
  const { bucket, prefix } = location
  refuseGoogle(location)
  const config = configOf(location)
  const handler = { connectionTimeout: Math.min(connectMs, patienceMs), httpAgent: anyNumber, httpsAgent: anyNumber }
  const client = new S3Client({ ...config, requestHandler: handler, maxAttempts: 1 })
  const { credentials } = client.config
  const slow = { ...config, credentials, requestHandler: { ...handler, socketTimeout: 3 * patienceMs } }
  await checkRegion(client)
  const pause = (baseMs: number) => new Promise<void>((done) => setTimeout(done, baseMs * (0.5 + random())))
  const once = <T>(work: Work<T>): Promise<T> => within(patienceMs, work)
  const twice = <T>(work: Work<T>): Promise<T> =>
    once(work).catch(async (error: unknown) => {
      if (!(error instanceof S3Failure && error.isPassing)) throw error
      await pause(repeatMs)
      return await once(work)
    })
  const explain = (error: unknown, key: string, action: Action): unknown =>
    error instanceof S3Failure ? worded(error, { key, action, bucket }) : error
  return {
    ...{ client, bucket, prefix, patienceMs },
    /** For packages: an upload fails after three times the patience without progress. */
    uploader: new S3Client({ ...slow, maxAttempts: 2 }),
    /** For parts that a client sends, which has no checksums. */
    plain: new S3Client({ ...slow, ...noChecksums, maxAttempts: 1 }),
    /** Waits for `baseMs`, plus or minus a half. */
    pause,
    /** One request, within the patience. @throws S3Failure, or the work's own PlatteError */
    once,
    /** The same, retried once after a passing failure. */
    twice,
    /** Makes a PlatteError of a failure; returns any other error. */
    explain,
    /** As `twice`. @throws PlatteError */
    ask: <T>(key: string, action: Action, work: Work<T>): Promise<T> =>
      twice(work).catch((error: unknown) => {
        throw explain(error, key, action)
      }),
    /** As `ask`; `undefined` if the store answers that it does not exist. */
    find: <T>(key: string, action: Action, work: Work<T>): Promise<T | undefined> =>
      twice(work).catch((error: unknown) => {
        if (error instanceof S3Failure && (action === 'parts' ? error.isNoUpload : error.isAbsent)) return undefined
        throw explain(error, key, action)
      }),
  }
}

/** AWS_ENDPOINT_URL and the SDK's other sources must pass the same checks as `endpoint`. */
async function locationOf(location: S3Location): Promise<S3Location> {
  if (location.endpoint !== undefined) return location
  const endpoint = await new S3Client(configOf(location)).config.serviceConfiguredEndpoint?.()
  if (endpoint === undefined) return location
  if (URL.canParse(endpoint)) return { ...location, endpoint }
  throw new PlatteError('configuration', 'AWS_ENDPOINT_URL is no URL', { hint: 'put endpoint=URL into PLATTE_STORE' })
}

const hostOf = (endpoint: string | undefined): string => (endpoint === undefined ? '' : new URL(endpoint).hostname)

/** Writers there would overwrite each other unseen. */
function refuseGoogle({ endpoint }: S3Location): void {
  if (!/(^|\.)storage\.googleapis\.com\.?$/.test(hostOf(endpoint))) return
  throw new PlatteError('configuration', 'PLATTE_STORE: Google Cloud Storage ignores the conditions of S3 writes', {
    hint: 'use a bucket of a store that honours If-Match and If-None-Match, such as AWS S3, Cloudflare R2 or MinIO',
  })
}

const noChecksums = {
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
} as const

function configOf({ endpoint, region, forcePathStyle }: S3Location): S3ClientConfig {
  const isAws = endpoint === undefined || /\.amazonaws\.com(\.cn)?$/.test(hostOf(endpoint))
  return {
    forcePathStyle,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    // Some stores answer 501 to unknown checksums.
    ...(!isAws && noChecksums),
    // A wrong clock also signs wrong catalogs: report it instead.
    disableClockSkewCorrection: true,
    expectContinueHeader: false,
  }
}

async function checkRegion(client: S3Client): Promise<void> {
  await client.config.region().catch(() => {
    throw new PlatteError('configuration', 'PLATTE_STORE names no region, and neither does AWS_REGION', {
      hint: 'put region=REGION into PLATTE_STORE, such as s3://updates?region=eu-central-1; other stores mostly take us-east-1',
    })
  })
}

async function within<T>(patienceMs: number, work: Work<T>): Promise<T> {
  const abort = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new S3Failure(`the store did not answer within ${patienceMs / 1000} s`, { kind: 'timeout' }))
      abort.abort()
    }, patienceMs)
  })
  try {
    return await Promise.race([work({ abortSignal: abort.signal }), late])
  } catch (error) {
    throw error instanceof PlatteError ? error : failureOf(error)
  } finally {
    clearTimeout(timer)
  }
}

function readableOf(body: unknown): Readable {
  if (body instanceof Readable) return body
  throw new S3Failure('the store sent no body')
}

export const dropBody = (body: unknown): void => void readableOf(body).destroy()

/**
 * A body that is read on demand. Fails if the store sends nothing for `patienceMs` while the reader waits, or another
 * number of bytes than `length`.
 */
export function streamBody(
  body: unknown,
  length: number | undefined,
  { patienceMs, explain }: { readonly patienceMs: number; readonly explain: (failure: S3Failure) => unknown },
): ReadableStream<Uint8Array> {
  const stream = readableOf(body)
  const chunks = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  let size = 0
  const next = async (): Promise<Uint8Array | undefined> => {
    const stalled = new S3Failure(`the store sent nothing for ${patienceMs / 1000} s`, { kind: 'timeout' })
    const timer = setTimeout(() => stream.destroy(stalled), patienceMs)
    const { done, value } = await chunks.next().finally(() => clearTimeout(timer))
    size += done ? 0 : value.length
    if (length !== undefined && (size > length || (done && size < length)))
      throw new S3Failure(`the store sent ${size} bytes where it announced ${length}`)
    return done ? undefined : value
  }
  const failed = (error: unknown): never => {
    stream.destroy()
    throw explain(failureOf(error))
  }
  return streamFrom(
    () => next().catch(failed),
    () => void stream.destroy(),
  )
}

/** Keys without the prefix of the bucket, in byte order. */
export async function* listKeys(s3: S3, keyPrefix: string): AsyncIterable<string> {
  for await (const { Contents } of pagesOf(s3, { Prefix: s3.prefix + keyPrefix }))
    for (const { Key } of Contents ?? []) if (Key !== undefined) yield Key.slice(s3.prefix.length)
}

export async function* listFolders(s3: S3, folder: string): AsyncIterable<string> {
  const above = s3.prefix + folder
  for await (const { CommonPrefixes } of pagesOf(s3, { Prefix: above, Delimiter: '/' }))
    for (const { Prefix } of CommonPrefixes ?? []) if (Prefix !== undefined) yield Prefix.slice(above.length, -1)
}

async function* pagesOf(s3: S3, input: Pick<ListObjectsV2CommandInput, 'Prefix' | 'Delimiter'>) {
  let token: string | undefined
  do {
    const command = new ListObjectsV2Command({ ...input, Bucket: s3.bucket, ContinuationToken: token })
    const key = (input.Prefix ?? '').slice(s3.prefix.length)
    const page = await s3.ask(key, 'list', (options) => s3.client.send(command, options))
    yield page
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}
