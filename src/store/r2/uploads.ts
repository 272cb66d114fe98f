/**
 * Uploads into an R2 bucket that is bound to a Worker, part by part through it. The binding does not say which parts are
 * there, so a small object remembers each: what R2 calls it, and its size.
 *
 * R2 itself forgets uploads that are not completed, after seven days where nothing else is set.
 *
 * @see https://developers.cloudflare.com/r2/api/workers/workers-multipart-usage/
 */
import type { R2Bucket, R2UploadedPart } from '@cloudflare/workers-types'
import { partKey, stagedKey } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import type { Packages } from '../packages.ts'
import { readToken, tokenOf, uploadGone } from '../upload-token.ts'
import { type Part, type Uploads, type UploadToken, usualPartBytes } from '../uploads.ts'
import { asking, fixedLength } from './r2.ts'

export interface R2UploadsOptions {
  /** Of the same bucket: they read and remove what was completed. */
  readonly packages: Packages
  /** What stands before every key in the bucket. */
  readonly prefix?: string
  readonly partBytes?: number
}

/** The most that R2 takes at once: what was completed is copied to its place in one request. */
const mostBytes = 5 * 1000 ** 3
/** So many objects R2 removes in one request. */
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
      // Remembers the upload itself: R2 does not say whether there is one.
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
      // From one stream of workerd's own to another: no chunk comes by here, which costs neither time nor memory.
      const [sent] = await Promise.allSettled([
        asking('take', `part ${part.number}`, () => upload.uploadPart(part.number, value)),
        body.pipeTo(writable),
      ])
      if (sent.status === 'rejected') {
        if (isNoUpload(sent.reason)) return 'gone'
        if (isOfAnotherLength(sent.reason))
          throw new PlatteError('bad-request', `part ${part.number} has not ${part.size} bytes`, { cause: sent.reason })
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
        // A part that was sent twice at once may be remembered by the name that lost: all are to be sent again.
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

/** R2 gives its failures a number at the end. */
const isNoUpload = (error: unknown): boolean => saysNumber(error, 10024)
const isOtherPart = (error: unknown): boolean => saysNumber(error, 10025)
const saysNumber = (error: unknown, number: number): boolean =>
  error instanceof Error && error.message.includes(`(${number})`)
/** workerd's stream says so, in whichever of its two ways. */
const isOfAnotherLength = (error: unknown): boolean => error instanceof Error && /FixedLengthStream/.test(error.message)

interface PartRecord extends Part {
  readonly etag: string
}

/** @returns `undefined` where no upload is remembered. */
async function recordsOf(bucket: R2Bucket, folder: string): Promise<readonly PartRecord[] | undefined> {
  const found: PartRecord[] = []
  let isRemembered = false
  for (let cursor: string | undefined, more = true; more; ) {
    const options = { prefix: folder, include: ['customMetadata' as const], ...(cursor !== undefined && { cursor }) }
    const page = await asking('list', folder, () => bucket.list(options))
    for (const { key, customMetadata } of page.objects) {
      const [number, etag, size] = [Number(key.slice(folder.length)), customMetadata?.etag, customMetadata?.size]
      if (number === 0) isRemembered = true
      else if (etag !== undefined) found.push({ number, etag, size: Number(size) })
    }
    more = page.truncated
    cursor = page.truncated ? page.cursor : undefined
  }
  return isRemembered ? found : undefined
}

/** @param all whether the upload itself is forgotten, too, and not only its parts. */
async function forget(bucket: R2Bucket, folder: string, all: boolean): Promise<void> {
  const records = (await recordsOf(bucket, folder)) ?? []
  const keys = records.map(({ number }) => folder + String(number).padStart(5, '0'))
  if (all) keys.push(`${folder}00000`)
  for (let at = 0; at < keys.length; at += removeAtMost)
    await asking('delete', folder, () => bucket.delete(keys.slice(at, at + removeAtMost)))
}
