/**
 * A client of one S3 bucket: time-outs, retries and errors.
 *
 * The SDK never retries a conditional write: a retry after a lost success looks like a lost race. Reads are retried once
 * here, parts of a package once by the SDK.
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { PlatteError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/random.ts'
import { type Action, failureOf, S3Failure, worded } from './failure.ts'

/** Where a bucket is. */
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

/** One bucket. */
export interface S3 {
  readonly client: S3Client
  /** For packages: an upload fails after three times the patience without progress. */
  readonly uploader: S3Client
  /** For parts that a client sends, which has no checksums. */
  readonly plain: S3Client
  readonly bucket: string
  readonly prefix: string
  readonly patienceMs: number
  /** Waits for `baseMs`, plus or minus a half. */
  pause(baseMs: number): Promise<void>
  /** One request, within the patience. @throws S3Failure, or the work's own PlatteError */
  once<T>(work: Work<T>): Promise<T>
  /** The same, retried once after a passing failure. */
  twice<T>(work: Work<T>): Promise<T>
  /** Makes a PlatteError of a failure; returns any other error. */
  explain(error: unknown, key: string, action: Action): unknown
}

/** A request; it ends when the signal says so. */
export type Work<T> = (signal: AbortSignal) => Promise<T>

const connectMs = 5_000
const patienceMs = 20_000
const repeatMs = 100
/** Slow downloads would hold the SDK's default of 50 connections, and the catalog would wait. */
const anyNumber = { maxSockets: Number.POSITIVE_INFINITY }

/** Opens a bucket, without a request. @throws PlatteError('configuration') without a region, and for Google's store. */
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
