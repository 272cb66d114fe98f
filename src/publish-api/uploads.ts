/**
 * Packages that a pipeline uploads without a key: in parts, resumable, and verified before they get the name of a package.
 * Every step may be repeated, also concurrently.
 */
import { signersOf } from '../catalog/read.ts'
import { loadRoot } from '../catalog/walk-roots.ts'
import type { Receipt } from '../documents/catalog.ts'
import { packageFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import type { PayloadKey } from '../payload/keys.ts'
import type { Part } from '../store/uploads.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { findReceipt, leaveReceipt } from './receipts.ts'
import type { AnnouncedPackage, Uploading, UploadOrder, UploadRecord, WantedUpload } from './upload-records.ts'
import * as records from './upload-records.ts'
import { isRefusal, placeUpload } from './verify-upload.ts'

export type OpenedUpload =
  | { readonly name: string; readonly kind: 'there' }
  | {
      readonly name: string
      readonly kind: 'missing'
      readonly id: string
      /** Bytes of each part but the last. */
      readonly partSize: number
      /** The next parts to send, and where: a path is of this deployment. None left: complete the upload. */
      readonly parts: readonly (Part & { readonly url: string })[]
      /** Numbers of the parts that arrived. */
      readonly have: readonly number[]
    }

export type Completed =
  | { readonly kind: 'received'; readonly receipt: Receipt }
  /** The upload does not exist, or is over: ask for the uploads again. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'incomplete'; readonly missing: readonly number[] }
  /** Other bytes than announced; they were removed, with the upload. */
  | { readonly kind: 'wrong'; readonly problem: string }

/** Parts in one answer: a URL has some 1,500 characters, and Lambda sends 6 MB at most. */
const mostPartsNamed = 1000

/**
 * Finds packages of an authorised order with a receipt, and the parts to send of the others. The same order again resumes.
 * @param payloadKeys those of the channel.
 * @throws PlatteError('credentials') without the timestamp keys, which sign receipts; 'too-large' beyond the store's limit.
 */
export async function openUploads(
  uploading: Uploading,
  order: Omit<UploadOrder, 'channel'>,
  payloadKeys: readonly PayloadKey[] = [],
): Promise<OpenedUpload[]> {
  const { maxBytes } = uploading.uploads
  const big = order.packages.find(({ size }) => size > maxBytes)
  if (big) throw new PlatteError('too-large', `${big.name}: has ${big.size} bytes; the store's limit is ${maxBytes}`)
  const root = await loadRoot(uploading)
  signersOf(uploading.timestamp, 'timestamp', root)
  const folder = packageFolder(order, order.packages)
  const opened: OpenedUpload[] = []
  let room = mostPartsNamed
  for (const [i, one] of order.packages.entries()) {
    const payload = order.raw ? undefined : { isExtra: i > 0, keys: [...payloadKeys] }
    const next = await openOne(uploading, root, { key: folder + one.name, ...one, ...(payload && { payload }) }, room)
    if (next.kind === 'missing') room -= next.parts.length
    opened.push(next)
  }
  return opened
}

async function openOne(
  uploading: Uploading,
  root: TrustedRoot,
  { name, ...claim }: AnnouncedPackage & WantedUpload,
  room: number,
): Promise<OpenedUpload> {
  if (await findReceipt(uploading, root, claim)) return { name, kind: 'there' }
  const { uploads } = uploading
  const upload = await records.currentUpload(uploading, claim)
  const { token, partBytes: partSize } = upload
  const id = records.uploadId(upload)
  const missing = (await missingParts(uploading, upload)) ?? []
  const lacking = new Set(missing.map(({ number }) => number))
  const parts = missing.slice(0, room).map(async (part) => {
    const direct = token === undefined ? undefined : await uploads.partUrl?.(token, part)
    return { ...part, url: direct ?? `/v1/uploads/${id}/${part.number}` }
  })
  const have = partsOf(upload).flatMap(({ number }) => (lacking.has(number) ? [] : [number]))
  return { name, kind: 'missing', id, partSize, parts: await Promise.all(parts), have }
}

/** Parts of a file: each of `partBytes`, counted from 1; the last has the rest. */
const partsOf = ({ size, partBytes }: UploadRecord): readonly Part[] =>
  Array.from({ length: Math.ceil(size / partBytes) }, (_, i) => ({
    number: i + 1,
    size: Math.min(partBytes, size - i * partBytes),
  }))

/** @returns `undefined` for an upload that is over. */
async function missingParts({ uploads }: Uploading, upload: UploadRecord): Promise<readonly Part[] | undefined> {
  const { token } = upload
  if (token === undefined) return []
  const there = await uploads.parts(token)
  if (there === undefined || there === 'whole') return there && []
  const sizes = new Map(there.map((part) => [part.number, part.size]))
  return partsOf(upload).filter((part) => sizes.get(part.number) !== part.size)
}

/**
 * Stores a part that is sent to this deployment.
 * @returns `unknown` for an unknown id, or an upload that is over.
 * @throws PlatteError('bad-request') for an unknown number, or another size.
 */
export async function takePart(
  uploading: Uploading,
  id: string,
  { body, ...sent }: Part & { readonly body: ReadableStream<Uint8Array> },
): Promise<'stored' | 'unknown'> {
  try {
    const upload = await records.findUpload(uploading, id)
    const { uploads } = uploading
    if (upload?.token === undefined || uploads.putPart === undefined) return 'unknown'
    const parts = partsOf(upload)
    const part = parts[sent.number - 1]
    if (part === undefined)
      throw new PlatteError('bad-request', `there is no part ${sent.number}: this upload has ${parts.length}`)
    if (part.size !== sent.size)
      throw new PlatteError('bad-request', `part ${part.number} has ${part.size} bytes, not ${sent.size}`)
    return (await uploads.putPart(upload.token, part, body)) === 'stored' ? 'stored' : 'unknown'
  } finally {
    if (!body.locked) await body.cancel().catch(() => undefined)
  }
}

/**
 * Verifies an upload, moves it among the packages, and signs a receipt. May take minutes: clients repeat it after a time-out.
 * @throws PlatteError('refused') for a payload that its clients would refuse; it is removed.
 */
export async function completeUpload(uploading: Uploading, id: string): Promise<Completed> {
  const upload = await records.findUpload(uploading, id)
  if (upload === undefined) return { kind: 'unknown' }
  const root = await loadRoot(uploading)
  const done = async (): Promise<Completed | undefined> => {
    const receipt = await findReceipt(uploading, root, upload)
    return receipt && { kind: 'received', receipt }
  }
  const before = await done()
  if (before !== undefined) return before
  try {
    const outcome = await receive(uploading, root, upload)
    return outcome.kind === 'received' ? outcome : ((await done()) ?? outcome)
  } catch (error) {
    // Another request may have completed it, and removed the parts.
    const after = await done().catch(() => undefined)
    if (after !== undefined) return after
    throw error
  }
}

async function receive(uploading: Uploading, root: TrustedRoot, upload: UploadRecord): Promise<Completed> {
  signersOf(uploading.timestamp, 'timestamp', root)
  const { token } = upload
  const missing = await missingParts(uploading, upload)
  if (missing === undefined) return { kind: 'unknown' }
  if (missing.length > 0) return { kind: 'incomplete', missing: missing.map(({ number }) => number) }
  if (token !== undefined) await uploading.uploads.complete(token)
  const problem = await placeUpload(uploading, upload).catch(async (error: unknown) => {
    if (token !== undefined && isRefusal(error)) await uploading.uploads.discard(token)
    throw error
  })
  const receipt = problem === undefined ? await leaveReceipt(uploading, root, upload) : undefined
  // Sweeping removes parts that stay. Wrong ones must go now, so that the next upload starts over.
  if (token !== undefined)
    await uploading.uploads.discard(token).catch((error: unknown) => {
      if (receipt === undefined) throw error
      uploading.log({ level: 'warn', event: 'upload', ...describeError(error) })
    })
  const { key, size } = upload
  if (receipt) uploading.log({ level: 'info', event: 'upload', key, size })
  else uploading.log({ level: 'warn', event: 'upload', key, size, problem })
  return receipt ? { kind: 'received', receipt } : { kind: 'wrong', problem: problem ?? '' }
}
