/**
 * Records of uploads between requests, so that an interrupted pipeline resumes. Unsigned: `uploads/<slot>.json`.
 *
 * The id of an upload is a secret that never reaches a log. It is the slot, which follows from the package's key and finds
 * the document, and 128 random bits, which the document holds.
 */
import * as v from 'valibot'
import { encode, type StoreWriter } from '../catalog/read.ts'
import * as field from '../documents/fields.ts'
import { uploadKey, uploadSlot } from '../documents/paths.ts'
import { isSameSecret } from '../http/credentials.ts'
import type { Instant } from '../kernel/clock.ts'
import { toHex } from '../kernel/digest.ts'
import { isoText } from '../kernel/format.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import type { Documents, Token } from '../store/documents.ts'
import { update } from '../store/update.ts'
import type { Uploads } from '../store/uploads.ts'
import type { ClaimedPackage, Receiving } from './receipts.ts'

/** Omaha's clients and all supported stores take packages of this size. */
const maxPackageBytes = 20 * 1024 ** 3
/** Of a record; it is mostly the store's own token. */
export const maxUploadBytes = 8 * 1024

const claim = {
  size: v.pipe(
    field.count,
    v.minValue(1, 'is empty'),
    v.maxValue(maxPackageBytes, `is larger than ${maxPackageBytes} bytes`),
  ),
  sha256: field.sha256,
  sha1: field.hex(40),
}

const order = v.strictObject({
  app: field.appName,
  channel: field.channelName,
  version: field.publishedVersion,
  board: field.boardName,
  packages: v.pipe(
    v.array(v.strictObject({ name: field.packageName, ...claim })),
    v.minLength(1, 'names no package'),
    v.maxLength(64, 'names more than 64 packages'),
    v.check((list) => new Set(list.map(({ name }) => name)).size === list.length, 'names a package twice'),
  ),
})

/** The packages of one version and board. The channel is only for the policy. */
export type UploadOrder = v.InferOutput<typeof order>
export type AnnouncedPackage = UploadOrder['packages'][number]

const record = v.strictObject({
  format: v.literal(1),
  type: v.literal('upload'),
  key: v.string(),
  ...claim,
  begunAt: field.instant,
  /** Allows sending parts; 128 bits. */
  secret: field.hex(32),
  /** The store's own name of the upload; without one, the package is only verified where it is. */
  token: v.exactOptional(v.pipe(v.string(), v.maxLength(2000))),
  partBytes: field.positive,
})

export type UploadRecord = v.InferOutput<typeof record>

/** @throws PlatteError('bad-request') naming the first field at fault. */
export const checkUploadOrder = (value: unknown): UploadOrder => field.check(order, 'uploads', value, 'bad-request')

export interface Uploading extends StoreWriter, Receiving {
  readonly uploads: Uploads
  readonly newHasher: NewHasher
}

/** Later, an upload is over. */
export const uploadForMs = 24 * 60 * 60 * 1000

export const uploadId = ({ key, secret }: UploadRecord): string => uploadSlot(key) + secret

export const isOver = ({ begunAt }: UploadRecord, now: Instant): boolean => Date.parse(begunAt) + uploadForMs <= now

/** @returns a damaged record as `undefined`: the upload starts over. */
export const readUploadRecord = (bytes: Uint8Array): UploadRecord | undefined => field.decodeIfValid(record, bytes)

/** @returns `undefined` for an unknown id, or an upload that is over. */
export async function findUpload({ documents, clock }: Uploading, id: string): Promise<UploadRecord | undefined> {
  const [, slot, secret] = /^([0-9a-f]{32})([0-9a-f]{32})$/.exec(id) ?? []
  if (slot === undefined || secret === undefined) return undefined
  const found = (await readRecord(documents, slot))?.record
  return found && (await isSameSecret(found.secret, secret)) && !isOver(found, clock()) ? found : undefined
}

/** The usable upload of a package, or a new one. Concurrent requests get the same. */
export async function currentUpload(uploading: Uploading, wanted: ClaimedPackage): Promise<UploadRecord> {
  const { documents, uploads, packages } = uploading
  const slot = uploadSlot(wanted.key)
  let fresh: UploadRecord | undefined
  const { current, useless } = await update(uploading, uploadKey(slot), async () => {
    const stored = await readRecord(documents, slot)
    if (stored?.record !== undefined && (await isUsable(uploading, stored.record, wanted)))
      return { result: { current: stored.record, useless: fresh?.token } }
    // A package without a receipt is hashed in its place, not sent again: it may be served already.
    const isThere = (await packages.stat(wanted.key))?.size === wanted.size
    fresh ??= newRecord(uploading, wanted, isThere ? undefined : await uploads.begin())
    const write = { key: uploadKey(slot), bytes: encode(fresh), token: stored?.token }
    return { result: { current: fresh, useless: stored?.record?.token }, write }
  })
  if (useless !== undefined) await uploads.discard(useless)
  return current
}

async function isUsable({ clock, uploads, packages }: Uploading, old: UploadRecord, wanted: ClaimedPackage) {
  const isSame = (['key', 'size', 'sha256', 'sha1'] as const).every((member) => old[member] === wanted[member])
  if (!isSame || isOver(old, clock())) return false
  if (old.token === undefined) return (await packages.stat(wanted.key))?.size === wanted.size
  return (await uploads.parts(old.token)) !== undefined
}

function newRecord({ clock, uploads }: Uploading, wanted: ClaimedPackage, token: string | undefined): UploadRecord {
  const { key, size, sha256, sha1 } = wanted
  return {
    ...{ format: 1, type: 'upload', key, size, sha256, sha1 },
    begunAt: isoText(clock()),
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
  const found = readUploadRecord(stored.bytes)
  return { record: found && uploadSlot(found.key) === slot ? found : undefined, token: stored.token }
}
