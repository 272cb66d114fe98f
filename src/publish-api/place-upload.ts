import { PlatteError } from '../kernel/errors.ts'
import type { ClaimedPackage } from './receipts.ts'
import type { Uploading, UploadRecord } from './upload-records.ts'

/**
 * Moves an upload among the packages, or verifies a package that is there already.
 * @returns what is wrong with the bytes. The store checks the announced digests.
 */
export async function placeUpload(uploading: Uploading, upload: UploadRecord): Promise<string | undefined> {
  const { uploads, packages } = uploading
  const { key, token } = upload
  try {
    if (token === undefined) return await verifyStored(uploading, upload)
    for (let isRepeated = false; ; isRepeated = true) {
      const sent = await uploads.open(token)
      if (sent === undefined)
        throw new PlatteError('conflict', `${key}: upload parts are gone`, { hint: 'upload it again' })
      if ((await packages.put(key, sent.body, upload)) === 'stored') return undefined
      // An object of that size is there: a faster upload, or other bytes.
      const problem = await verifyStored(uploading, upload)
      if (problem === undefined || isRepeated || (await packages.stat(key)) !== undefined) return problem
    }
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'mismatch') return error.message
    throw error
  }
}

/** Removes other bytes than those of the SHA-256 that its key is made of. @returns what is wrong. */
async function verifyStored({ packages, newHasher }: Uploading, claim: ClaimedPackage): Promise<string | undefined> {
  const { key } = claim
  const open = await packages.open(key)
  if (open === undefined) return `${key}: disappeared while it was read`
  const hasher = newHasher()
  let size = 0
  for await (const chunk of open.body) {
    size += chunk.length
    await hasher.update(chunk)
  }
  const { sha256, sha1 } = await hasher.digest()
  if (sha256 !== claim.sha256) {
    await packages.remove(key)
    return `${key}: has SHA-256 ${sha256}, expected ${claim.sha256}`
  }
  if (sha1 !== claim.sha1) return `${key}: has SHA-1 ${sha1}, expected ${claim.sha1}`
  return size === claim.size ? undefined : `${key}: has ${size} bytes, expected ${claim.size}`
}
