/**
 * Uploads into an R2 bucket bound to a Worker, part by part. The binding cannot list parts, so a small object records each
 * with its etag and size. R2 itself removes uncompleted uploads, by default after seven days.
 *
 * @see https://developers.cloudflare.com/r2/api/workers/workers-multipart-usage/
 */
import type { R2Bucket, R2UploadedPart } from '@cloudflare/workers-types'
import { partKey, stagedKey } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import type { Packages } from '../packages.ts'
import {
  type Part,
  readToken,
  tokenOf,
  type Uploads,
  type UploadToken,
  uploadGone,
  usualPartBytes,
} from '../uploads.ts'
import { asking, fixedLength, pagesOf } from './r2.ts'

export interface R2UploadsOptions {
  /** Of the same bucket: for reading and removing completed uploads. */
  readonly packages: Packages
  /** Of every key in the bucket. */
  readonly prefix?: string
  readonly partBytes?: number
}

/** The limit of one R2 request: a completed upload is copied in one. */
const mostBytes = 5 * 1000 ** 3
/** Objects that R2 removes in one request. */
const removeAtMost = 1000

/** Only inside workerd: parts need its `FixedLengthStream`. */
export function r2Uploads(
  bucket: R2Bucket,
  { packages, prefix = '', partBytes = usualPartBytes }: R2UploadsOptions,
): Uploads {
  const opened = (token: UploadToken) => {
    const { mark, id } = readToken(token)
    return { mark, upload: bucket.resumeMultipartUpload(prefix + stagedKey(mark), id) }
  }
  const isWhole = async (mark: string): Promise<boolean> => (await packages.stat(stagedKey(mark))) !== undefined
  return {
    partBytes,
    maxBytes: mostBytes,
    async begin() {
      const mark = crypto.randomUUID()
      const key = stagedKey(mark)
      const { uploadId } = await asking('begin', key, () => bucket.createMultipartUpload(prefix + key))
      // Records the upload itself, since R2 does not say whether it exists.
      await asking('put', key, () => bucket.put(prefix + partKey(mark, 0), ''))
      return tokenOf({ mark, id: uploadId })
    },
    async putPart(token, part, body) {
      const { mark, upload } = opened(token)
      if ((await asking('head', partKey(mark, 0), () => bucket.head(prefix + partKey(mark, 0)))) === null) {
        await body.cancel()
        return 'gone'
      }
      const { readable, writable } = fixedLength(part.size)
      const value = readable as unknown as Parameters<typeof upload.uploadPart>[1]
      // Between two streams of workerd itself: no chunk passes through JavaScript.
      const [sent] = await Promise.allSettled([
        asking('take', `part ${part.number}`, () => upload.uploadPart(part.number, value)),
        body.pipeTo(writable),
      ])
      if (sent.status === 'rejected') {
        if (isNoUpload(sent.reason)) return 'gone'
        if (isOfAnotherLength(sent.reason))
          throw new PlatteError('bad-request', `part ${part.number} does not have ${part.size} bytes`, {
            cause: sent.reason,
          })
        throw sent.reason
      }
      const { etag } = sent.value
      const customMetadata = { etag, size: String(part.size) }
      const key = partKey(mark, part.number)
      await asking('put', key, () => bucket.put(prefix + key, '', { customMetadata }))
      return 'stored'
    },
    async parts(token) {
      const { mark } = readToken(token)
      const known = await recordsOf(bucket, prefix + partKey(mark))
      if (known !== undefined) return known.map(({ number, size }) => ({ number, size }))
      return (await isWhole(mark)) ? 'whole' : undefined
    },
    async complete(token) {
      const { mark, upload } = opened(token)
      const known = await recordsOf(bucket, prefix + partKey(mark))
      if (known === undefined) {
        if (await isWhole(mark)) return
        throw uploadGone()
      }
      const parts = known.map(({ number, etag }): R2UploadedPart => ({ partNumber: number, etag }))
      await asking('complete', stagedKey(mark), () => upload.complete(parts)).catch(async (error: unknown) => {
        if (await isWhole(mark)) return
        if (!isNoUpload(error) && !isOtherPart(error)) throw error
        // Of a part sent twice at once, the losing etag may be recorded: all parts must be sent again.
        await forget(bucket, prefix + partKey(mark), isNoUpload(error))
        throw uploadGone()
      })
      await forget(bucket, prefix + partKey(mark), true)
    },
    open: async (token) => packages.open(stagedKey(readToken(token).mark)),
    async discard(token) {
      const { mark, upload } = opened(token)
      await asking('abort', stagedKey(mark), () => upload.abort()).catch((error: unknown) => {
        if (!isNoUpload(error)) throw error
      })
      await packages.remove(stagedKey(mark))
      await forget(bucket, prefix + partKey(mark), true)
    },
  }
}

/** R2 ends its messages with a number. */
const isNoUpload = (error: unknown): boolean => saysNumber(error, 10024)
const isOtherPart = (error: unknown): boolean => saysNumber(error, 10025)
const saysNumber = (error: unknown, number: number): boolean =>
  error instanceof Error && error.message.includes(`(${number})`)
/** workerd's stream has two messages for it. */
const isOfAnotherLength = (error: unknown): boolean => error instanceof Error && /FixedLengthStream/.test(error.message)

interface PartRecord extends Part {
  readonly etag: string
}

/** @returns `undefined` if no upload is recorded. */
async function recordsOf(bucket: R2Bucket, folder: string): Promise<readonly PartRecord[] | undefined> {
  const found: PartRecord[] = []
  let isRemembered = false
  for await (const { objects } of pagesOf(bucket, { prefix: folder, include: ['customMetadata'] }))
    for (const { key, customMetadata } of objects) {
      const [number, etag, size] = [Number(key.slice(folder.length)), customMetadata?.etag, customMetadata?.size]
      if (number === 0) isRemembered = true
      else if (etag !== undefined) found.push({ number, etag, size: Number(size) })
    }
  return isRemembered ? found : undefined
}

/** @param all removes the record of the upload itself, too. */
async function forget(bucket: R2Bucket, folder: string, all: boolean): Promise<void> {
  const records = (await recordsOf(bucket, folder)) ?? []
  const keys = records.map(({ number }) => folder + String(number).padStart(5, '0'))
  if (all) keys.push(`${folder}00000`)
  for (let at = 0; at < keys.length; at += removeAtMost)
    await asking('delete', folder, () => bucket.delete(keys.slice(at, at + removeAtMost)))
}
