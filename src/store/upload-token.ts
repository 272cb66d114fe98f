/** What the adapters of uploads share. Imports nothing of a runtime. */
import { PlatteError } from '../kernel/errors.ts'
import type { UploadToken } from './uploads.ts'

/** An upload that is no more, or whose parts are others by now. */
export const uploadGone = (): PlatteError =>
  new PlatteError('conflict', 'the parts of this upload are not what they were', { hint: 'ask for the uploads again' })

/** An upload of a bucket: where its bytes are to lie, and the bucket's own name for it. */
export interface BucketUpload {
  readonly mark: string
  readonly id: string
}

export const tokenOf = ({ mark, id }: BucketUpload): UploadToken => `${mark} ${id}`

/** @throws PlatteError('bad-document'): tokens come from documents that nobody signed. */
export function readToken(token: UploadToken): BucketUpload {
  const [, mark, id] = /^([0-9a-f-]{36}) ([\x21-\x7e]{1,1900})$/.exec(token) ?? []
  if (mark !== undefined && id !== undefined) return { mark, id }
  throw new PlatteError('bad-document', 'what the store remembers of an upload is of no upload')
}
