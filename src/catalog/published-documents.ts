/** Documents for clients that verify them. A store behind a web server may answer with any page of its network. */
import { notesKey, type PublicDocument, publicDocument } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Documents } from '../store/documents.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type EnvelopeType, readEnvelope } from '../trust/envelope-format.ts'
import { naming } from './read.ts'

/** Notes that have their digest, or an envelope of which nothing is verified. */
export interface PublishedDocument extends PublicDocument {
  readonly bytes: Uint8Array
  /** Lower-case hex. */
  readonly sha256: string
}

/** @returns `undefined` for a key that is not public. @throws PlatteError('bad-document', 'mismatch', 'bad-signature') */
export async function readDocument(documents: Documents, key: string): Promise<PublishedDocument | undefined> {
  const known = publicDocument(key)
  if (known === undefined) return undefined
  const { kind, maxBytes } = known
  const stored = await documents.get(key, maxBytes).catch((cause: unknown) => {
    if (!(cause instanceof PlatteError && cause.code === 'too-large')) throw cause
    throw new PlatteError('bad-document', cause.message, { cause })
  })
  if (stored === undefined) return undefined
  const { bytes } = stored
  const sha256 = await sha256Hex(bytes)
  if (kind !== 'notes') await naming(key, async () => readEnvelope(bytes, envelopes[kind]))
  else if (key !== notesKey(sha256)) throw new PlatteError('mismatch', `${key}: has SHA-256 ${sha256}`)
  return { kind, maxBytes, bytes, sha256 }
}

const envelopes: Readonly<Record<Exclude<PublicDocument['kind'], 'notes'>, EnvelopeType>> = {
  root: 'platte-root+jws',
  catalog: 'platte-catalog+jws',
  channel: 'platte-channel+jws',
}
