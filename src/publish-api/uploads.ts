/**
 * Packages that a pipeline sends to where it holds no key: in parts, resumable, and looked at in the store before they
 * get the name of a package. Safe to repeat from any point, and by many at once.
 */

import { loadRoot } from '../catalog/read.ts'
import { signersOf } from '../catalog/write.ts'
import { packageFolder } from '../documents/paths.ts'
import type { Receipt } from '../documents/receipt.ts'
import { PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import type { Part } from '../store/uploads.ts'
import type { TrustedRoot } from '../trust/verify-root.ts'
import { partsOf } from './chunks.ts'
import { placeUpload } from './place-upload.ts'
import { type ClaimedPackage, findReceipt, leaveReceipt } from './receipts.ts'
import type { AnnouncedPackage, UploadOrder, UploadRecord } from './upload-record.ts'
import { currentUpload, findUpload, type Uploading, uploadId } from './upload-records.ts'

/** A part that is to be sent. */
export interface PartToSend extends Part {
  /** Absolute; `undefined` where it is sent to this deployment under the id. */
  readonly url: string | undefined
}

/** What is to be done for one package. */
export type OpenedUpload =
  | { readonly name: string; readonly kind: 'there' }
  | {
      readonly name: string
      readonly kind: 'missing'
      readonly id: string
      /** Bytes of each part but the last. */
      readonly partSize: number
      /** What is to be sent, as much as one answer names; none of any package: complete it. */
      readonly parts: readonly PartToSend[]
      /** The numbers of those that are there. */
      readonly have: readonly number[]
    }

/** What became of completing an upload. */
export type Completed =
  | { readonly kind: 'received'; readonly receipt: Receipt }
  /** No such upload, or not any more: ask for the uploads again. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'incomplete'; readonly missing: readonly number[] }
  /** Other bytes than were announced; they are gone, and the upload with them. */
  | { readonly kind: 'wrong'; readonly problem: string }

/** So many parts one answer names, with a URL of some 1,500 characters each; Lambda sends 6 MB at most. */
const mostPartsNamed = 1000

/**
 * Says for each package whether it is there with a receipt, or what is to be sent. The same order again goes on where
 * the one before ended.
 * @param order a checked one; whether it may be given is decided before.
 * @throws PlatteError('credentials') without the timestamp keys, which sign receipts; 'too-large' for what this store
 *   does not take.
 */
export async function openUploads(
  uploading: Uploading,
  order: Omit<UploadOrder, 'channel'>,
): Promise<readonly OpenedUpload[]> {
  const { maxBytes } = uploading.uploads
  const big = order.packages.find(({ size }) => size > maxBytes)
  if (big)
    throw new PlatteError('too-large', `${big.name}: has ${big.size} bytes; this store takes ${maxBytes} at most`)
  const root = await loadRoot(uploading)
  signersOf(uploading.timestamp, 'timestamp', root)
  const folder = packageFolder(order, order.packages)
  const opened: OpenedUpload[] = []
  let room = mostPartsNamed
  for (const one of order.packages) {
    const next = await openOne(uploading, root, { key: folder + one.name, ...one }, room)
    if (next.kind === 'missing') room -= next.parts.length
    opened.push(next)
  }
  return opened
}

async function openOne(
  uploading: Uploading,
  root: TrustedRoot,
  { name, ...claim }: AnnouncedPackage & ClaimedPackage,
  room: number,
): Promise<OpenedUpload> {
  if (await findReceipt(uploading, root, claim)) return { name, kind: 'there' }
  const { uploads } = uploading
  const upload = await currentUpload(uploading, claim)
  const { token } = upload
  const missing = await missingParts(uploading, upload)
  const lacking = new Set(missing?.map(({ number }) => number))
  const parts = (missing ?? []).slice(0, room).map(async (part): Promise<PartToSend> => {
    return { ...part, url: token === undefined ? undefined : await uploads.partUrl?.(token, part) }
  })
  return {
    ...{ name, kind: 'missing', id: uploadId(upload), partSize: upload.partBytes },
    parts: await Promise.all(parts),
    have: partsOf(upload.size, upload.partBytes).flatMap(({ number }) => (lacking.has(number) ? [] : [number])),
  }
}

/** @returns `undefined` where there is no such upload any more. */
async function missingParts(
  { uploads }: Uploading,
  { token, size, partBytes }: UploadRecord,
): Promise<readonly Part[] | undefined> {
  if (token === undefined) return []
  const there = await uploads.parts(token)
  if (there === undefined || there === 'whole') return there && []
  const sizes = new Map(there.map((part) => [part.number, part.size]))
  return partsOf(size, partBytes).filter((part) => sizes.get(part.number) !== part.size)
}

/**
 * Takes a part that is sent to this deployment.
 * @param sent its number, and the bytes that its sender announces.
 * @returns `unknown` for an id that was never given, or whose upload is over.
 * @throws PlatteError('bad-request') for a part that the upload has not, or of another size.
 */
export async function takePart(
  uploading: Uploading,
  id: string,
  { body, ...sent }: Part & { readonly body: ReadableStream<Uint8Array> },
): Promise<'stored' | 'unknown'> {
  try {
    const upload = await findUpload(uploading, id)
    const { uploads } = uploading
    if (upload?.token === undefined || uploads.putPart === undefined) return 'unknown'
    const parts = partsOf(upload.size, upload.partBytes)
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
 * Reads what was sent, gives it the name of a package where it is what was announced, and leaves a receipt. It may take
 * minutes: whoever loses patience asks again, and is answered at once where it was done meanwhile.
 */
export async function completeUpload(uploading: Uploading, id: string): Promise<Completed> {
  const upload = await findUpload(uploading, id)
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
    // Another request may have ended it, and taken the parts from under this one.
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
  const problem = await placeUpload(uploading, upload)
  const receipt = problem === undefined ? await leaveReceipt(uploading, root, upload) : undefined
  if (token !== undefined) await tidy(uploading, token, receipt === undefined)
  const { key, size } = upload
  if (receipt) uploading.log({ level: 'info', event: 'upload', key, size })
  else uploading.log({ level: 'warn', event: 'upload', key, size, problem })
  return receipt ? { kind: 'received', receipt } : { kind: 'wrong', problem: problem ?? '' }
}

/** Parts that stay are swept later; but wrong ones must go, so that the next upload begins anew. */
async function tidy({ uploads, log }: Uploading, token: string, mustGo: boolean): Promise<void> {
  try {
    await uploads.discard(token)
  } catch (error) {
    if (mustGo) throw error
    log({ level: 'warn', event: 'upload', ...describeError(error) })
  }
}
