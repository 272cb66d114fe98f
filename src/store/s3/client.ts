/**
 * A client of one bucket that speaks S3: how long it waits, what it repeats, and what becomes of failures.
 *
 * The SDK repeats nothing that has a condition: what it repeats after a success that was lost looks like a lost race.
 * Reads are repeated once where that may help; parts of a package once by the SDK.
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { PlatteError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/random.ts'
import { type Action, failureOf, S3Failure, worded } from './failure.ts'

/** Where a bucket is. */
export interface S3Location {
  readonly bucket: string
  /** What stands before every key in the bucket: empty, or ends in "/". */
  readonly prefix: string
  /** Without one: that of the AWS region. */
  readonly endpoint?: string
  /** Without one: what the AWS SDK finds, AWS_REGION above all. */
  readonly region?: string
  readonly forcePathStyle: boolean
}

export interface S3Options {
  readonly random: Random
  /** How long a document may take, and how long nothing may move on the way of a package, in milliseconds. */
  readonly patienceMs?: number
}

/** One bucket. */
export interface S3 {
  readonly client: S3Client
  /** For packages: an upload ends where nothing moved for three times the patience. */
  readonly uploader: S3Client
  /** For uploads whose parts somebody else sends, who adds no checksums. */
  readonly plain: S3Client
  readonly bucket: string
  readonly prefix: string
  readonly patienceMs: number
  /** Waits for `baseMs`, give or take a half. */
  pause(baseMs: number): Promise<void>
  /** One request, within the patience. @throws S3Failure, or whatever PlatteError the work throws */
  once<T>(work: Work<T>): Promise<T>
  /** The same, once more where that may help: for what may be repeated. */
  twice<T>(work: Work<T>): Promise<T>
  /** Turns a failure into words; any other error stays what it is. */
  explain(error: unknown, key: string, action: Action): unknown
}

/** A request; it ends when the signal says so. */
export type Work<T> = (signal: AbortSignal) => Promise<T>

const connectMs = 5_000
const patienceMs = 20_000
const repeatMs = 100
/** The SDK's own 50 connections would all be held by machines that download slowly, and the catalog wait behind them. */
const anyNumber = { maxSockets: Number.POSITIVE_INFINITY }

/**
 * Opens a bucket; nothing is asked of it yet.
 * @throws PlatteError('configuration') for Google's store, which ignores conditions; without a region.
 */
export async function openS3(wanted: S3Location, options: S3Options): Promise<S3> {
  const location = await locationOf(wanted)
  const { bucket, prefix } = location
  const patience = options.patienceMs ?? patienceMs
  refuseGoogle(location)
  const config = configOf(location)
  const handler = {
    connectionTimeout: Math.min(connectMs, patience),
    httpAgent: anyNumber,
    httpsAgent: anyNumber,
  }
  const client = new S3Client({ ...config, requestHandler: handler, maxAttempts: 1 })
  const { credentials } = client.config
  const slow = { ...config, credentials, requestHandler: { ...handler, socketTimeout: 3 * patience } }
  const uploader = new S3Client({ ...slow, maxAttempts: 2 })
  const plain = new S3Client({ ...slow, ...noChecksums, maxAttempts: 1 })
  await checkRegion(client)
  const pause = (baseMs: number) => new Promise<void>((done) => setTimeout(done, baseMs * (0.5 + options.random())))
  const once = <T>(work: Work<T>): Promise<T> => within(patience, work)
  const twice = async <T>(work: Work<T>): Promise<T> => {
    try {
      return await once(work)
    } catch (error) {
      if (!(error instanceof S3Failure && error.isPassing)) throw error
      await pause(repeatMs)
      return await once(work)
    }
  }
  const explain = (error: unknown, key: string, action: Action): unknown =>
    error instanceof S3Failure ? worded(error, { key, action, bucket }) : error
  return { client, uploader, plain, bucket, prefix, patienceMs: patience, pause, once, twice, explain }
}

/** AWS_ENDPOINT_URL, and what else the SDK reads, says the same as `endpoint`: it must be looked at in the same way. */
async function locationOf(location: S3Location): Promise<S3Location> {
  if (location.endpoint !== undefined) return location
  const endpoint = await new S3Client(configOf(location)).config.serviceConfiguredEndpoint?.()
  if (endpoint === undefined) return location
  if (URL.canParse(endpoint)) return { ...location, endpoint }
  throw new PlatteError('configuration', 'AWS_ENDPOINT_URL is no URL', { hint: 'put endpoint=URL into PLATTE_STORE' })
}

const hostOf = (endpoint: string | undefined): string => (endpoint === undefined ? '' : new URL(endpoint).hostname)

/** Writers there would overwrite each other, and both would be told that they won. */
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
    // Other stores answer 501 to checksums that they do not know.
    ...(!isAws && noChecksums),
    // A wrong clock also signs catalogs: it has to be said, not made up for.
    disableClockSkewCorrection: true,
    expectContinueHeader: false,
  }
}

async function checkRegion(client: S3Client): Promise<void> {
  try {
    await client.config.region()
  } catch {
    throw new PlatteError('configuration', 'PLATTE_STORE names no region, and neither does AWS_REGION', {
      hint: 'put region=REGION into PLATTE_STORE, such as s3://updates?region=eu-central-1; other stores mostly take us-east-1',
    })
  }
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
    return await Promise.race([work(abort.signal), late])
  } catch (error) {
    throw error instanceof PlatteError ? error : failureOf(error)
  } finally {
    clearTimeout(timer)
  }
}
