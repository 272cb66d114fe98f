/** The bytes of a completed upload: compared with what was announced, and judged as a payload. */
import { crxJudge } from '../crx/door.ts'
import { PlatteError } from '../kernel/errors.ts'
import { judged } from '../payload/check.ts'
import type { OpenPackage } from '../store/packages.ts'
import type { ClaimedPackage } from './receipts.ts'
import type { Uploading, UploadRecord } from './upload-records.ts'

/** Moves an upload, whose digests the store checks, or verifies a package that is there. @returns what is wrong. */
export async function placeUpload(uploading: Uploading, upload: UploadRecord): Promise<string | undefined> {
  const { uploads, packages } = uploading
  const { key, token } = upload
  try {
    if (token === undefined) return await verifyStored(uploading, upload)
    for (let isRepeated = false; ; isRepeated = true) {
      const sent = await uploads.open(token)
      if (sent === undefined)
        throw new PlatteError('conflict', `${key}: upload parts are gone`, { hint: 'upload it again' })
      if ((await packages.put(key, judgedUpload(uploading, upload, sent.body), upload)) === 'stored') return undefined
      // An object of that size is there: a faster upload, or other bytes.
      const problem = await verifyStored(uploading, upload)
      if (problem === undefined || isRepeated || (await packages.stat(key)) !== undefined) return problem
    }
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'mismatch') return error.message
    if (token === undefined) throw error
    return (await differenceBehind(error, uploading, upload, await uploads.open(token))).problem
  }
}

/** Bytes that changed on their way are not the payload that was announced. @throws the refusal of a payload that was. */
async function differenceBehind(error: unknown, uploading: Uploading, upload: UploadRecord, open?: OpenPackage) {
  const found = isRefusal(error) && open ? await differenceOf(uploading, upload, open.body) : {}
  if (found.problem === undefined) throw error
  return found
}

export const isRefusal = (error: unknown): boolean => error instanceof PlatteError && error.code === 'refused'

/** The bytes of an upload, which fail where its clients would refuse them. */
function judgedUpload(
  { newHasher }: Uploading,
  { key, size, payload }: UploadRecord,
  body: ReadableStream<Uint8Array>,
) {
  if (payload === undefined) return body
  const [, app = '', version = '', ...rest] = key.split('/')
  const name = rest.at(-1) ?? ''
  const isRequired = (): boolean => !payload.isExtra && payload.keys.length > 0
  const other = crxJudge({ name, app, version, newHasher, isExtra: payload.isExtra })
  return judged(body, { name, size, newHasher, isRequired, other, ...payload })
}

/** Removes other bytes than those of the SHA-256 that its key is made of. @returns what is wrong. */
async function verifyStored(uploading: Uploading, upload: UploadRecord): Promise<string | undefined> {
  const { packages } = uploading
  const { key } = upload
  const open = await packages.open(key)
  if (open === undefined) return `${key}: disappeared while it was read`
  const { problem, isOther } = await differenceOf(uploading, upload, judgedUpload(uploading, upload, open.body)).catch(
    async (error: unknown) => differenceBehind(error, uploading, upload, await packages.open(key)),
  )
  if (isOther) await packages.remove(key)
  return problem
}

type Difference = Readonly<{ problem?: string; isOther?: boolean }>

/** How bytes differ from those that were announced. */
async function differenceOf(
  { newHasher }: Uploading,
  claim: ClaimedPackage,
  body: ReadableStream<Uint8Array>,
): Promise<Difference> {
  const { key } = claim
  const hasher = newHasher()
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    await hasher.update(chunk)
  }
  const { sha256, sha1 } = await hasher.digest()
  if (sha256 !== claim.sha256)
    return { isOther: true, problem: `${key}: has SHA-256 ${sha256}, expected ${claim.sha256}` }
  if (sha1 !== claim.sha1) return { problem: `${key}: has SHA-1 ${sha1}, expected ${claim.sha1}` }
  return size === claim.size ? {} : { problem: `${key}: has ${size} bytes, expected ${claim.size}` }
}
