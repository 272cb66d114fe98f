/** What a pipeline announces before it sends packages, and what is remembered of each upload: `uploads/<slot>.json`, unsigned. */
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'

/** Of one package. Omaha's clients and every store that Platte knows take as much. */
const maxPackageBytes = 20 * 1024 ** 3
/** Of what is remembered of one upload; it is mostly the store's own token. */
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

/** The packages of one version and board that are to be there; the channel is only for who decides whether they may. */
export type UploadOrder = v.InferOutput<typeof order>
/** What a package is announced as. */
export type AnnouncedPackage = UploadOrder['packages'][number]

const record = v.strictObject({
  format: v.literal(1),
  type: v.literal('upload'),
  key: v.string(),
  ...claim,
  begunAt: field.instant,
  /** Who knows it may send parts; 128 bits. */
  secret: field.hex(32),
  /** The store's own name of it; without one there is nothing to send, only to look at. */
  token: v.exactOptional(v.pipe(v.string(), v.maxLength(2000))),
  partBytes: field.positive,
})

/** An upload that was begun. */
export type UploadRecord = v.InferOutput<typeof record>

/** @throws PlatteError('bad-request') naming the first field at fault. */
export const checkUploadOrder = (value: unknown): UploadOrder => field.check(order, 'uploads', value, 'bad-request')

/** @returns `undefined` for bytes that are no such document: nobody signed them, and the upload begins anew. */
export function readUploadRecord(bytes: Uint8Array): UploadRecord | undefined {
  try {
    return field.check(record, 'upload', JSON.parse(new TextDecoder().decode(bytes)))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof PlatteError) return undefined
    throw error
  }
}
