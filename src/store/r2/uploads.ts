/**
 * Uploads into an R2 bucket bound to a Worker, part by part. The binding cannot list parts, so a small object records each
 * with its etag and size. R2 itself removes uncompleted uploads, by default after seven days.
 * @see https://developers.cloudflare.com/r2/api/workers/workers-multipart-usage/
 */
import type { R2Bucket } from '@cloudflare/workers-types'
import { partKey, stagedKey } from '../../documents/paths.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import type { Packages } from '../packages.ts'
import * as port from '../uploads.ts'
import { asking, fixedLength, pagesOf } from './r2.ts'

/** The limit of one R2 request: a completed upload is copied in one. */
const mostBytes = 5 * 1000 ** 3
/** Objects that R2 removes in one request. */
const removeAtMost = 1000

/** Only inside workerd: parts need its `FixedLengthStream`. */
export function r2Uploads(
  bucket: R2Bucket,
  { packages, partBytes = port.usualPartBytes }: port.BucketUploads,
): port.Uploads {
  const opened = (token: port.UploadToken): Opened => openUpload(bucket, packages, token)
  return {
    partBytes,
    maxBytes: mostBytes,
    async begin() {
      const mark = crypto.randomUUID()
      const key = stagedKey(mark)
      const { uploadId } = await asking('begin', key, () => bucket.createMultipartUpload(key))
      // Records the upload itself, since R2 does not say whether it exists.
      await asking('put', key, () => bucket.put(partKey(mark, 0), ''))
      return port.tokenOf(mark, uploadId)
    },
    putPart: async (token, part, body) => putPart(opened(token), part, body),
    async parts(token) {
      const { folder, isWhole } = opened(token)
      const known = await recordsOf(bucket, folder)
      if (known !== undefined) return known.map(({ number, size }) => ({ number, size }))
      return (await isWhole()) ? 'whole' : undefined
    },
    complete: async (token) => complete(opened(token)),
    open: async (token) => packages.open(opened(token).key),
    async discard(token) {
      const { upload, key, folder } = opened(token)
      await asking('abort', key, () => upload.abort()).catch((error: unknown) => {
        if (!isNoUpload(error)) throw error
      })
      await packages.remove(key)
      await forget(bucket, folder, true)
    },
  }
}

type Opened = ReturnType<typeof openUpload>

function openUpload(bucket: R2Bucket, packages: Packages, token: port.UploadToken) {
  const { mark, id } = port.readToken(token)
  const key = stagedKey(mark)
  return {
    ...{ bucket, mark, key },
    upload: bucket.resumeMultipartUpload(key, id),
    /** Where its parts are recorded. */
    folder: partKey(mark),
    isWhole: async () => (await packages.stat(key)) !== undefined,
  }
}

async function putPart(
  { bucket, mark, upload }: Opened,
  { number, size }: port.Part,
  body: ReadableStream<Uint8Array>,
): Promise<'stored' | 'gone'> {
  if ((await asking('head', partKey(mark, 0), () => bucket.head(partKey(mark, 0)))) === null) {
    await body.cancel()
    return 'gone'
  }
  const { readable, writable } = fixedLength(size)
  // Between two streams of workerd itself: no chunk passes through JavaScript.
  const [sent] = await Promise.allSettled([
    asking('take', `part ${number}`, () => upload.uploadPart(number, readable)),
    body.pipeTo(writable),
  ])
  if (sent.status === 'rejected') {
    const { reason: cause } = sent
    if (isNoUpload(cause)) return 'gone'
    if (!isOfAnotherLength(cause)) throw cause
    throw new PlatteError('bad-request', `part ${number} does not have ${size} bytes`, { cause })
  }
  const customMetadata = { etag: sent.value.etag, size: String(size) }
  const key = partKey(mark, number)
  await asking('put', key, () => bucket.put(key, '', { customMetadata }))
  return 'stored'
}

async function complete({ bucket, folder, key, upload, isWhole }: Opened): Promise<void> {
  const known = await recordsOf(bucket, folder)
  if (known === undefined) {
    if (await isWhole()) return
    throw port.uploadGone()
  }
  const parts = known.map(({ number, etag }) => ({ partNumber: number, etag }))
  await asking('complete', key, () => upload.complete(parts)).catch(async (error: unknown) => {
    if (await isWhole()) return
    if (!isNoUpload(error) && !isOtherPart(error)) throw error
    // Of a part sent twice at once, the losing etag may be recorded: all parts must be sent again.
    await forget(bucket, folder, isNoUpload(error))
    throw port.uploadGone()
  })
  await forget(bucket, folder, true)
}

/** R2 ends its messages with a number. */
const isNoUpload = (error: unknown): boolean => messageOf(error).includes('(10024)')
const isOtherPart = (error: unknown): boolean => messageOf(error).includes('(10025)')
/** workerd's stream has two messages for it. */
const isOfAnotherLength = (error: unknown): boolean => messageOf(error).includes('FixedLengthStream')

type Recorded = port.Part & { readonly etag: string }

/** @returns `undefined` if no upload is recorded. */
async function recordsOf(bucket: R2Bucket, folder: string): Promise<readonly Recorded[] | undefined> {
  const found: Recorded[] = []
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
