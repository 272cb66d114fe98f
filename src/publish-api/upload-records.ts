/**
 * Records of uploads between requests, so that an interrupted pipeline resumes.
 *
 * The id of an upload is a secret: it allows sending its parts and completing it, and never reaches a log. It is the slot,
 * which follows from the package's key and finds the document, and 128 random bits, which the document holds.
 */

import { encode, instantText, type StoreWriter } from '../catalog/write.ts'
import { uploadKey, uploadSlot } from '../documents/paths.ts'
import { isSameSecret } from '../http/credentials.ts'
import type { Instant } from '../kernel/clock.ts'
import { toHex } from '../kernel/digest.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import type { Documents, Token } from '../store/documents.ts'
import { update } from '../store/update.ts'
import type { Uploads } from '../store/uploads.ts'
import type { ClaimedPackage, Receiving } from './receipts.ts'
import { maxUploadBytes, readUploadRecord, type UploadRecord } from './upload-record.ts'

export interface Uploading extends StoreWriter, Receiving {
  readonly uploads: Uploads
  readonly newHasher: NewHasher
}

/** An upload must end this long after it began. */
export const uploadForMs = 24 * 60 * 60 * 1000

export const uploadId = ({ key, secret }: UploadRecord): string => uploadSlot(key) + secret

export const isOver = ({ begunAt }: UploadRecord, now: Instant): boolean => Date.parse(begunAt) + uploadForMs <= now

/** @returns `undefined` for an unknown id, or an upload that is over. */
export async function findUpload({ documents, clock }: Uploading, id: string): Promise<UploadRecord | undefined> {
  const [, slot, secret] = /^([0-9a-f]{32})([0-9a-f]{32})$/.exec(id) ?? []
  if (slot === undefined || secret === undefined) return undefined
  const record = (await readRecord(documents, slot))?.record
  return record && (await isSameSecret(record.secret, secret)) && !isOver(record, clock()) ? record : undefined
}

/** The upload of a package that was begun and is still good, or a new one. Of many who ask at once, all get the same. */
export async function currentUpload(uploading: Uploading, claim: ClaimedPackage): Promise<UploadRecord> {
  const { documents, uploads, packages } = uploading
  const slot = uploadSlot(claim.key)
  let fresh: UploadRecord | undefined
  const { record, useless } = await update(uploading, uploadKey(slot), async () => {
    const stored = await readRecord(documents, slot)
    if (stored?.record !== undefined && (await isGood(uploading, stored.record, claim)))
      return { result: { record: stored.record, useless: fresh?.token } }
    // A package without a receipt is hashed where it lies, not sent again: it may be served already.
    const isThere = (await packages.stat(claim.key))?.size === claim.size
    fresh ??= newRecord(uploading, claim, isThere ? undefined : await uploads.begin())
    const write = { key: uploadKey(slot), bytes: encode(fresh), token: stored?.token }
    return { result: { record: fresh, useless: stored?.record?.token }, write }
  })
  if (useless !== undefined) await uploads.discard(useless)
  return record
}

async function isGood({ clock, uploads, packages }: Uploading, record: UploadRecord, claim: ClaimedPackage) {
  const isOfClaim = (['key', 'size', 'sha256', 'sha1'] as const).every((member) => record[member] === claim[member])
  if (!isOfClaim || isOver(record, clock())) return false
  if (record.token === undefined) return (await packages.stat(claim.key))?.size === claim.size
  return (await uploads.parts(record.token)) !== undefined
}

function newRecord({ clock, uploads }: Uploading, claim: ClaimedPackage, token: string | undefined): UploadRecord {
  const { key, size, sha256, sha1 } = claim
  return {
    ...{ format: 1, type: 'upload', key, size, sha256, sha1 },
    begunAt: instantText(clock()),
    secret: toHex(crypto.getRandomValues(new Uint8Array(16))),
    ...(token !== undefined && { token }),
    partBytes: uploads.partBytes,
  }
}

/** @returns without `record` for bytes that are not a record. */
async function readRecord(
  documents: Documents,
  slot: string,
): Promise<{ readonly record: UploadRecord | undefined; readonly token: Token } | undefined> {
  const stored = await documents.get(uploadKey(slot), maxUploadBytes)
  if (stored === undefined) return undefined
  const record = readUploadRecord(stored.bytes)
  return { record: record && uploadSlot(record.key) === slot ? record : undefined, token: stored.token }
}
