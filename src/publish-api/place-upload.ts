/** Gives what was sent its place among the packages, and reads what is there already. */

import { PlatteError } from '../kernel/errors.ts'
import type { ClaimedPackage } from './receipts.ts'
import type { UploadRecord } from './upload-record.ts'
import type { Uploading } from './upload-records.ts'

/**
 * Copies what was sent to its place; the store refuses it on the way where it is not what was announced.
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
        throw new PlatteError('conflict', `${key}: what was sent is gone`, { hint: 'upload it again' })
      if ((await packages.put(key, sent.body, upload)) === 'stored') return undefined
      // Something of that size is there: somebody was faster, or it is no such package at all.
      const problem = await lookAt(uploading, upload)
      if (problem === undefined || isRepeated || (await packages.stat(key)) !== undefined) return problem
    }
  } catch (error) {
    if (error instanceof PlatteError && error.code === 'mismatch') return error.message
    throw error
  }
}

/**
 * Reads a package that is in its place. Bytes of another SHA-256 than its key was made of belong there for nobody: they
 * are removed.
 * @returns what is wrong with it.
 */
async function lookAt({ packages, newHasher }: Uploading, claim: ClaimedPackage): Promise<string | undefined> {
  const { key } = claim
  const open = await packages.open(key)
  if (open === undefined) return `${key}: went away while it was looked at`
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
