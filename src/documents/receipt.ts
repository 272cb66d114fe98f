/** A receipt: the digests of a package as they were read in the store. `receipts/<slot>.jws`. */
import * as v from 'valibot'
import * as field from './fields.ts'

export const maxReceiptBytes = 16 * 1024

const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('receipt'),
  key: v.pipe(v.string(), v.maxLength(768)),
  size: field.positive,
  sha256: field.sha256,
  sha1: field.hex(40),
  at: field.instant,
})

/** Signed with the timestamp key by the reader of the bytes, not by their sender. */
export type Receipt = v.InferOutput<typeof schema>

export const { decode: decodeReceipt, check: checkReceipt } = field.documentOf(schema, 'receipt')
