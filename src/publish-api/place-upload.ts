/** Moves an upload to its place among the packages, or verifies a package that is there already. */

import { PlatteError } from '../kernel/errors.ts'
import type { ClaimedPackage } from './receipts.ts'
import type { UploadRecord } from './upload-record.ts'
import type { Uploading } from './upload-records.ts'

/**
 * Copies an upload to its place; the store refuses bytes that do not match the announced digests.
 * @returns what is wrong with the bytes.
 */
export async function placeUpload(uploading: Uploading, upload: UploadRecord): Promise<string | undefined> {
  const { uploads, packages } = uploading
  const { key, token } = upload
  try {
    if (token === undefined) return await lookAt(uploading, upload)
    for (let isRepeated = false; ; isRepeated = true) {
      const sent = await uploads.open(token)
      if (sent === undefined)
        throw new PlatteError('conflict', `${key}: upload parts are gone`, { hint: 'upload it again' })
      if ((await packages.put(key, sent.body, upload)) === 'stored') return undefined
      // An object of that size is there: a faster upload, or other bytes.
      const problem = await lookAt(uploading, upload)
      if (problem === undefined || isRepeated || (await packages.stat(key)) !== undefined) return problem
    }
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'mismatch') return error.message
    throw error
  }
}

/**
 * Verifies a package in its place. Its key is made of its SHA-256: other bytes are removed.
 * @returns what is wrong with it.
 */
async function lookAt({ packages, newHasher }: Uploading, claim: ClaimedPackage): Promise<string | undefined> {
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
