/**
 * Records of uploads between requests, so that an interrupted pipeline resumes. Unsigned: `uploads/<slot>.json`.
 * The id of an upload is a secret that never reaches a log. It is the slot, which follows from the package's key and finds
 * the document, and 128 random bits, which the document holds.
 */
import * as v from 'valibot'
import { encode, type StoreWriter } from '../catalog/read.ts'
import { payloadKeys } from '../documents/channel.ts'
import * as field from '../documents/fields.ts'
import { markDay, marksFolder, uploadFolder, uploadKey, uploadSlot } from '../documents/paths.ts'
import { isSameSecret } from '../http/credentials.ts'
import type { Instant } from '../kernel/clock.ts'
import { toHex } from '../kernel/digest.ts'
import { isoText } from '../kernel/format.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import { describeError } from '../kernel/log.ts'
import { sameJson } from '../release/add-release.ts'
import type { Documents } from '../store/documents.ts'
import { update } from '../store/update.ts'
import type { Uploads } from '../store/uploads.ts'
import type { ClaimedPackage, Receiving } from './receipts.ts'

/** Omaha's clients and all supported stores take packages of this size. */
const maxPackageBytes = 20 * 1024 ** 3
const tooLarge = `is larger than ${maxPackageBytes} bytes`
/** Of a record: the store's own token, and payload keys. */
const maxUploadBytes = 16 * 1024

const claim = {
  size: v.pipe(field.count, v.minValue(1, 'is empty'), v.maxValue(maxPackageBytes, tooLarge)),
  sha256: field.sha256,
  sha1: field.hex(40),
}

export const uploadOrder = v.strictObject({
  app: field.appName,
  channel: field.channelName,
  version: field.publishedVersion,
  board: field.boardName,
  packages: v.pipe(
    v.array(v.strictObject({ name: field.packageName, ...claim })),
    v.minLength(1, 'names no package'),
    v.maxLength(64, 'names more than 64 packages'),
    v.check((list) => field.areDistinct(list.map(({ name }) => name)), 'names a package twice'),
  ),
  /** Leaves payloads unjudged. */
  raw: v.exactOptional(v.literal(true)),
})

/** The packages of one version and board. The channel is for the policy, and for its payload keys. */
export type UploadOrder = v.InferOutput<typeof uploadOrder>
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
  /** How the bytes are judged as a payload; absent: not at all. */
  payload: v.exactOptional(v.strictObject({ isExtra: v.boolean(), keys: payloadKeys })),
})

export type UploadRecord = v.InferOutput<typeof record>
/** An announced package, its key in the store, and how it is judged. */
export type WantedUpload = ClaimedPackage & Pick<UploadRecord, 'payload'>

/** @throws PlatteError('bad-request') naming the first field at fault. */
export const checkUploadOrder = (value: unknown): UploadOrder =>
  field.check(uploadOrder, 'uploads', value, 'bad-request')

export interface Uploading extends StoreWriter, Receiving {
  readonly uploads: Uploads
  readonly newHasher: NewHasher
}

/** Later, an upload is over. */
const uploadForMs = 24 * 60 * 60 * 1000

export const uploadId = ({ key, secret }: UploadRecord): string => uploadSlot(key) + secret

const isOver = ({ begunAt }: UploadRecord, now: Instant): boolean => Date.parse(begunAt) + uploadForMs <= now

/** @returns `undefined` for an unknown id, or an upload that is over. */
export async function findUpload({ documents, clock }: Uploading, id: string): Promise<UploadRecord | undefined> {
  const [, slot, secret] = /^([0-9a-f]{32})([0-9a-f]{32})$/.exec(id) ?? []
  if (slot === undefined || secret === undefined) return undefined
  const found = (await readRecord(documents, uploadKey(slot)))?.record
  return found && (await isSameSecret(found.secret, secret)) && !isOver(found, clock()) ? found : undefined
}

/** The usable upload of a package, or a new one. Concurrent requests get the same. */
export async function currentUpload(uploading: Uploading, wanted: WantedUpload): Promise<UploadRecord> {
  const { documents, uploads, packages } = uploading
  const key = uploadKey(uploadSlot(wanted.key))
  let fresh: UploadRecord | undefined
  const { current, useless } = await update(uploading, key, async () => {
    const stored = await readRecord(documents, key)
    if (stored?.record !== undefined && (await isUsable(uploading, stored.record, wanted)))
      return { result: { current: stored.record, useless: fresh?.token } }
    // A package without a receipt is hashed in its place, not sent again: it may be served already.
    const isThere = (await packages.stat(wanted.key))?.size === wanted.size
    fresh ??= newRecord(uploading, wanted, isThere ? undefined : await uploads.begin())
    const write = { key, bytes: encode(fresh), token: stored?.token }
    return { result: { current: fresh, useless: stored?.record?.token }, write }
  })
  if (useless !== undefined) await uploads.discard(useless)
  return current
}

async function isUsable({ clock, uploads, packages }: Uploading, old: UploadRecord, wanted: WantedUpload) {
  const isSame = (['key', 'size', 'sha256', 'sha1'] as const).every((member) => old[member] === wanted[member])
  if (!isSame || !sameJson(old.payload, wanted.payload) || isOver(old, clock())) return false
  if (old.token === undefined) return (await packages.stat(wanted.key))?.size === wanted.size
  return (await uploads.parts(old.token)) !== undefined
}

function newRecord({ clock, uploads }: Uploading, wanted: WantedUpload, token: string | undefined): UploadRecord {
  const { key, size, sha256, sha1, payload } = wanted
  const secret = toHex(crypto.getRandomValues(new Uint8Array(16)))
  return {
    ...{ format: 1, type: 'upload', key, size, sha256, sha1, begunAt: isoText(clock()), secret },
    ...(token !== undefined && { token }),
    ...(payload && { payload }),
    partBytes: uploads.partBytes,
  }
}

/** @returns without `record` for bytes that are not a record: the upload starts over. */
async function readRecord(documents: Documents, key: string) {
  const stored = await documents.get(key, maxUploadBytes)
  if (stored === undefined) return undefined
  const found = field.decodeIfValid(record, stored.bytes)
  return { record: found && uploadKey(uploadSlot(found.key)) === key ? found : undefined, token: stored.token }
}

/**
 * Removes what pipelines leave behind, boundedly: unfinished uploads and all records of uploads after a day, and marks of
 * identity tokens that have expired. Documents are removed as objects: they and the packages share one folder or bucket.
 * @param most bounds the records read, and the uploads and marks removed.
 * @returns how many were removed. Never throws: errors are logged.
 */
export async function sweepUploads(uploading: Uploading, most = 100): Promise<number> {
  const { uploads, packages, clock } = uploading
  let swept = 0
  const trying = async (work: () => Promise<boolean>): Promise<void> => {
    try {
      if (await work()) swept += 1
    } catch (error) {
      uploading.log({ level: 'error', event: 'sweep', ...describeError(error) })
    }
  }
  await trying(async () => {
    for (const key of await someRecords(uploading, most)) await trying(() => sweepRecord(uploading, key))
    return false
  })
  await trying(async () => {
    let left = most
    for await (const token of uploads.unfinished?.(clock() - uploadForMs) ?? []) {
      if (left-- === 0) break
      await trying(async () => uploads.discard(token).then(() => true))
    }
    return false
  })
  await trying(async () => {
    for (const key of await oldMarks(uploading, most)) await trying(() => packages.remove(key).then(() => true))
    return false
  })
  return swept
}

/** Records of used tokens from before yesterday: a token is valid for minutes. */
async function oldMarks({ documents, clock }: Uploading, most: number): Promise<readonly string[]> {
  const keys: string[] = []
  const yesterday = markDay(clock() - uploadForMs)
  for await (const day of documents.folders?.(marksFolder) ?? []) {
    if (day >= yesterday) continue
    for await (const key of documents.list?.(`${marksFolder}${day}/`) ?? []) {
      keys.push(key)
      if (keys.length === most) return keys
    }
  }
  return keys
}

/** From a random position, so that a few sweeps reach all. */
async function someRecords({ documents, random }: Uploading, most: number): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const key of documents.list?.(uploadFolder) ?? []) keys.push(key)
  const start = keys.length > most ? Math.floor(random() * keys.length) : 0
  return [...keys.slice(start), ...keys.slice(0, start)].slice(0, most)
}

async function sweepRecord({ documents, packages, uploads, clock }: Uploading, key: string): Promise<boolean> {
  const stored = await documents.get(key, maxUploadBytes)
  const found = stored && field.decodeIfValid(record, stored.bytes)
  if (found === undefined || !isOver(found, clock())) return false
  if (found.token !== undefined) await uploads.discard(found.token)
  await packages.remove(key)
  return true
}
