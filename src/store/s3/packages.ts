/**
 * Packages in an S3 bucket. They are uploaded in parts and appear when the last one is confirmed, so unexpected bytes never
 * get a key.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { checkKey } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import type { NewHasher } from '../../kernel/hasher.ts'
import { streamFrom } from '../../kernel/streams.ts'
import type { ByteRange, OpenPackage, Packages } from '../packages.ts'
import { checkRange, hashedChunks, isRange } from '../streams.ts'
import { dropBody, listKeys, type S3, streamBody } from './client.ts'
import { failureOf, S3Failure } from './failure.ts'

/**
 * S3 accepts 10,000 parts of 5 MiB to 5 GiB. Two at once save memory: with four of 8 MiB a publish of 500 MB held 215 MB
 * resident, with these 185.
 */
const smallestPartBytes = 5 * 1024 * 1024
const mostParts = 10_000
const partsAtOnce = 2

export function s3Packages(s3: S3, newHasher: NewHasher): Packages {
  const stat = async (key: string): Promise<{ readonly size: number } | undefined> => {
    const command = new HeadObjectCommand({ Bucket: s3.bucket, Key: s3.prefix + key })
    try {
      const { ContentLength } = await s3.once((options) => s3.client.send(command, options))
      if (ContentLength !== undefined) return { size: ContentLength }
    } catch (error) {
      if (!(error instanceof S3Failure) || error.kind !== undefined) throw s3.explain(error, key, 'read')
    }
    // A HEAD has no body. A GET tells a missing key from a missing bucket.
    const found = await openPackage(s3, key, undefined)
    await found?.body.cancel()
    return found && { size: found.size }
  }
  const open = async (key: string, range: ByteRange | undefined): Promise<OpenPackage | undefined> => {
    // S3 ignores a malformed range.
    if (range !== undefined && !isRange(range)) checkRange(key, range, (await stat(key))?.size ?? 0)
    try {
      return await openPackage(s3, key, range)
    } catch (error) {
      if (range !== undefined && isUnsatisfiable(error)) checkRange(key, range, (await stat(key))?.size ?? 0)
      throw error
    }
  }
  return {
    open: async (key, range) => open(checkKey(key), range),
    async put(key, body, expected) {
      try {
        if ((await stat(checkKey(key)))?.size === expected.size) return 'same'
        const chunks = hashedChunks(body, { hasher: newHasher(), name: key, expected })
        const failure = await upload(s3, key, { size: expected.size, chunks })
        // An upload whose confirmation was lost is stored whole or not at all.
        if (failure && !(isInDoubt(failure) && (await stat(key).catch(() => undefined))?.size === expected.size))
          throw s3.explain(failure, key, 'upload')
        return 'stored'
      } finally {
        if (!body.locked) await body.cancel().catch(() => undefined)
      }
    },
    stat: async (key) => stat(checkKey(key)),
    async remove(key) {
      const command = new DeleteObjectCommand({ Bucket: s3.bucket, Key: s3.prefix + checkKey(key) })
      await s3.find(key, 'remove', (options) => s3.client.send(command, options))
    },
    list: (prefix) => listKeys(s3, prefix),
  }
}

const isUnsatisfiable = (error: unknown): boolean =>
  error instanceof PlatteError && error.cause instanceof S3Failure && error.cause.status === 416

async function openPackage(s3: S3, key: string, range: ByteRange | undefined): Promise<OpenPackage | undefined> {
  const Range = range && `bytes=${range.start}-${range.end}`
  const command = new GetObjectCommand({ Bucket: s3.bucket, Key: s3.prefix + key, Range })
  const found = await s3.find(key, 'read', (options) => s3.client.send(command, options))
  if (found === undefined) return undefined
  const { Body, ContentLength, ContentRange } = found
  const explain = (error: unknown): unknown => s3.explain(error, key, 'read')
  try {
    const size = range === undefined ? ContentLength : Number(/^bytes \d+-\d+\/(\d+)$/.exec(ContentRange ?? '')?.[1])
    if (size === undefined || ContentLength === undefined || !Number.isSafeInteger(size))
      throw new S3Failure(range === undefined ? 'the store sends no Content-Length' : 'the store ignores ranges')
    const { start, end } = checkRange(key, range, size)
    return { size, body: streamBody(Body, end - start + 1, { patienceMs: s3.patienceMs, explain }) }
  } catch (error) {
    dropBody(Body)
    throw explain(error)
  }
}

/** Whether the store may have stored it. After a retried confirmation the upload no longer exists (404). */
const isInDoubt = ({ isPassing, kind, status }: S3Failure): boolean => isPassing || kind === 'timeout' || status === 404

/** Uploads in parts, removed after a failure. @returns how the store failed, if it did. @throws what the chunks fail with. */
async function upload(
  s3: S3,
  key: string,
  { size, chunks }: { readonly size: number; readonly chunks: AsyncGenerator<Uint8Array, undefined> },
): Promise<S3Failure | undefined> {
  let wrong: { readonly error: unknown } | undefined
  const next = async (): Promise<Uint8Array | undefined> => {
    try {
      return (await chunks.next()).value
    } catch (error) {
      wrong = { error }
      throw error
    }
  }
  const sending = new Upload({
    client: s3.uploader,
    params: { Bucket: s3.bucket, Key: s3.prefix + key, Body: streamFrom(next) },
    partSize: Math.max(smallestPartBytes, Math.ceil(size / mostParts)),
    queueSize: partsAtOnce,
  })
  try {
    await sending.done()
    return undefined
  } catch (error) {
    // Removing parts may fail too, and must not hide the cause.
    if (wrong !== undefined) throw wrong.error
    return failureOf(error)
  } finally {
    await chunks.return(undefined)
  }
}
