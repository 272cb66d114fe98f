/** Reads documents as they are stored, for those who verify them themselves. */
import { type PublicDocument, publicDocument } from '../documents/paths.ts'
import { PlatteError } from '../errors.ts'
import type { Documents } from '../ports/documents.ts'
import { sha256Hex } from '../trust/digest.ts'

/** A stored document, verbatim and unverified. */
export interface PublishedDocument extends PublicDocument {
  readonly bytes: Uint8Array
  /** Lower-case hex. */
  readonly sha256: string
}

/**
 * @returns `undefined` where there is no such document, or none under this key that anybody may read.
 * @throws PlatteError('bad-document') for one that is longer than any reader takes; as `Documents` does.
 */
export async function readDocument(documents: Documents, key: string): Promise<PublishedDocument | undefined> {
  const known = publicDocument(key)
  if (known === undefined) return undefined
  const { kind, maxBytes } = known
  const stored = await documents.get(key, maxBytes).catch((cause: unknown) => {
    if (!(cause instanceof PlatteError && cause.code === 'too-large')) throw cause
    throw new PlatteError('bad-document', cause.message, { cause })
  })
  return stored && { kind, maxBytes, bytes: stored.bytes, sha256: await sha256Hex(stored.bytes) }
}
