/** The catalog: all apps and channels, and each one's current ChannelManifest by revision (`seq`) and digest. `catalog.jws`. */
import * as v from 'valibot'
import * as field from './fields.ts'

/** What readers take. */
export const maxCatalogBytes = 8 * 1024 * 1024
/** What writers use under a root of a format: readers of format 1 take no more. */
export const maxCatalogBytesOf = (format: number): number => (format < 2 ? 1024 * 1024 : maxCatalogBytes)

/** What readers take of the log. */
export const maxLogEntries = 1000
/** What writers keep of it, as JSON: some 250 usual entries. Reading them takes 2 ms of each reader with each catalog. */
export const maxLogBytes = 64 * 1024

export const hold = v.strictObject({
  version: field.publishedVersion,
  board: v.exactOptional(field.boardName),
  reason: field.reason,
  at: field.instant,
})

const channel = v.strictObject({
  seq: field.positive,
  sha256: field.sha256,
  size: field.positive,
  aliases: v.exactOptional(v.array(field.aliasName)),
  holds: v.exactOptional(v.array(hold)),
  rampAsOf: v.exactOptional(field.instant),
})

const channels = field.record(field.channelName, channel)
const app = v.strictObject({ name: v.exactOptional(field.text(200)), channels })

export const catalogSchema = v.strictObject({
  format: v.picklist([1, 2]),
  type: v.literal('catalog'),
  root: field.positive,
  issuedAt: field.instant,
  expires: field.instant,
  apps: field.record(field.appName, app),
  /** In format 2. Only `catalog-log.ts` reads the entries: checks need none. */
  log: v.exactOptional(v.pipe(v.array(v.unknown()), v.maxLength(maxLogEntries))),
})

/** @throws PlatteError('usage') for a hold that no catalog may have. */
export const checkHold = (value: unknown): v.InferOutput<typeof hold> => field.check(hold, 'hold', value, 'usage')

/** The short-lived signed list of everything that is offered. */
export type Catalog = v.InferOutput<typeof catalogSchema>
export type CatalogChannel = v.InferOutput<typeof channel>

export const { decode: decodeCatalog, check: checkCatalog } = field.documentOf(catalogSchema, 'catalog')

/** @returns `undefined` for a payload that names no root. */
export const peekRootVersion = (payload: Uint8Array): number | undefined =>
  field.decodeIfValid(v.object({ root: field.positive }), payload)?.root

export const maxReceiptBytes = 16 * 1024

const receipt = v.strictObject({
  format: v.literal(1),
  type: v.literal('receipt'),
  key: v.pipe(v.string(), v.maxLength(768)),
  size: field.positive,
  sha256: field.sha256,
  sha1: field.hex(40),
  at: field.instant,
})

/** Signed with the timestamp key by the reader of the bytes, not by their sender. */
export type Receipt = v.InferOutput<typeof receipt>

export const { decode: decodeReceipt, check: checkReceipt } = field.documentOf(receipt, 'receipt')

export const withEntry = (
  catalog: Catalog,
  { app, channel }: Readonly<Record<'app' | 'channel', string>>,
  entry: CatalogChannel,
): Catalog => withEntries(catalog, app, { [channel]: entry })

/** Copies the channels of the app once, however many entries there are. */
export function withEntries(catalog: Catalog, app: string, entries: Readonly<Record<string, CatalogChannel>>): Catalog {
  const known = Object.hasOwn(catalog.apps, app) ? catalog.apps[app] : undefined
  return { ...catalog, apps: { ...catalog.apps, [app]: { ...known, channels: { ...known?.channels, ...entries } } } }
}
