/** Receipts: after reading a package in the store, the function signs its digests. Publishing needs that signature. */
import { storeFailures } from '../catalog/channels.ts'
import { encode, type StoreReader, type StoreWriter, signersOf } from '../catalog/read.ts'
import { loadRoot } from '../catalog/walk-roots.ts'
import { checkReceipt, decodeReceipt, maxReceiptBytes, type Receipt } from '../documents/catalog.ts'
import { receiptKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import type { Packages } from '../store/packages.ts'
import { update } from '../store/update.ts'
import { openEnvelope, seal } from '../trust/envelope.ts'
import { roleOf, type TrustedRoot } from '../trust/verify-root.ts'

export type ClaimedPackage = Pick<Receipt, 'key' | 'size' | 'sha256' | 'sha1'>

export interface Receiving extends StoreReader {
  readonly packages: Packages
}

/**
 * Before a manifest is signed: the store must have the package, and its bytes must have been verified.
 * @throws PlatteError('refused') without a receipt that the timestamp role signed; as the store fails.
 */
export async function requireReceipt(receiving: Receiving, key: string, claim: Omit<ClaimedPackage, 'key'>) {
  const root = await loadRoot(receiving)
  try {
    return await openReceipt(receiving, root, { ...claim, key })
  } catch (cause) {
    if (!(cause instanceof PlatteError) || storeFailures.includes(cause.code)) throw cause
    throw new PlatteError('refused', `${key} cannot be published: ${cause.message}`, {
      hint: 'upload it (POST /v1/uploads) and complete the upload, then publish again',
      cause,
    })
  }
}

/** @returns `undefined` where `requireReceipt` would refuse. */
export const findReceipt = (receiving: Receiving, root: TrustedRoot, claim: ClaimedPackage) =>
  openReceipt(receiving, root, claim).catch((error: unknown) => {
    if (error instanceof PlatteError && !storeFailures.includes(error.code)) return undefined
    throw error
  })

async function openReceipt({ documents, packages }: Receiving, root: TrustedRoot, claim: ClaimedPackage) {
  const stored = await documents.get(receiptKey(claim.key), maxReceiptBytes)
  if (stored === undefined) throw new PlatteError('missing', 'there is no receipt for it')
  const receipt = decodeReceipt(await openEnvelope(stored.bytes, 'platte-receipt+jws', roleOf(root, 'timestamp')))
  for (const member of ['key', 'size', 'sha256', 'sha1'] as const)
    if (receipt[member] !== claim[member])
      throw new PlatteError('mismatch', `its receipt says ${member} ${receipt[member]}, not ${claim[member]}`)
  const size = (await packages.stat(claim.key))?.size
  if (size === claim.size) return receipt
  const what = size === undefined ? 'is not' : `has ${size} bytes, not ${claim.size},`
  throw new PlatteError('missing', `it ${what} in the store`)
}

/** Keeps an equal receipt. @throws PlatteError('credentials') without the timestamp keys; 'conflict'. */
export async function leaveReceipt(writer: StoreWriter & Receiving, root: TrustedRoot, claim: ClaimedPackage) {
  const { size, sha256, sha1 } = claim
  const at = isoText(writer.clock())
  const receipt = checkReceipt({ format: 1, type: 'receipt', key: claim.key, size, sha256, sha1, at })
  const bytes = await seal('platte-receipt+jws', encode(receipt), signersOf(writer.timestamp, 'timestamp', root))
  const key = receiptKey(claim.key)
  return update(writer, key, async () => {
    const there = await findReceipt(writer, root, claim)
    if (there !== undefined) return { result: there }
    return { result: receipt, write: { key, bytes, token: (await writer.documents.get(key, maxReceiptBytes))?.token } }
  })
}
