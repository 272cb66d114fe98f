/** Shared by the adapters of uploads. Imports nothing of a runtime. */
import { PlatteError } from '../kernel/errors.ts'
import type { UploadToken } from './uploads.ts'

/** The upload ended, or its parts were replaced. */
export const uploadGone = (): PlatteError =>
  new PlatteError('conflict', 'upload parts changed', { hint: 'begin the upload again' })

/** An upload into a bucket: the mark in its key, and the bucket's own id for it. */
export interface BucketUpload {
  readonly mark: string
  readonly id: string
}

export const tokenOf = ({ mark, id }: BucketUpload): UploadToken => `${mark} ${id}`

/** @throws PlatteError('bad-document'): tokens come from documents that nobody signed. */
export function readToken(token: UploadToken): BucketUpload {
  const [, mark, id] = /^([0-9a-f-]{36}) ([\x21-\x7e]{1,1900})$/.exec(token) ?? []
  if (mark !== undefined && id !== undefined) return { mark, id }
  throw new PlatteError('bad-document', 'the stored record of an upload has a malformed token')
}
