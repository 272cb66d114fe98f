/** The root: the keys, and the role that each may sign for. `root/<n>.jws`. */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import * as field from './fields.ts'

export const maxRootBytes = 64 * 1024

/**
 * The newest format that this version reads. Format 2 has aliases of any text, and payload keys. Schemas are strict and all readers
 * share one catalog: an unknown member stops an old reader. So a document has `format: 1` while it uses nothing newer,
 * and newer features wait until the root allows their format (`platte root format`). A reader that is too old refuses that
 * root first, and keeps its last verified catalog.
 */
export const newestFormat = 2

const base64url32 = field.matching(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url')
const ed25519 = { kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: base64url32 }
const p256 = { kty: v.literal('EC'), crv: v.literal('P-256'), x: base64url32, y: base64url32 }
/** A public key, exactly the members that its thumbprint covers. */
const publicKey = v.variant('kty', [v.strictObject(ed25519), v.strictObject(p256)])
const anyJwk = v.variant('kty', [v.object(ed25519), v.object(p256)])

const someKeyIds = v.pipe(v.array(field.keyId), v.minLength(1), v.maxLength(16))
const role = {
  threshold: v.pipe(field.positive, v.maxValue(16)),
  keyIds: v.pipe(
    someKeyIds,
    v.check((ids) => field.areDistinct(ids), 'names a key twice'),
  ),
}

export const rootSchema = v.strictObject({
  /** The newest format that this store may use: see `newestFormat`. */
  format: v.pipe(field.positive, v.maxValue(newestFormat)),
  type: v.literal('root'),
  version: field.positive,
  issuedAt: field.instant,
  expires: v.exactOptional(field.instant),
  keys: v.pipe(v.array(publicKey), v.minLength(1), v.maxLength(48)),
  roles: v.strictObject({
    root: v.strictObject(role),
    release: v.strictObject(role),
    timestamp: v.strictObject({ ...role, maxValidity: field.duration }),
  }),
})

/** The signed list of keys, roles and thresholds. */
export type Root = v.InferOutput<typeof rootSchema>
export type PublicKey = Root['keys'][number]
export type RoleName = keyof Root['roles']
export const roleNames: readonly RoleName[] = ['root', 'release', 'timestamp']

/** The public members of a JWK. @throws PlatteError('bad-document') for other kinds of keys. */
export const publicKeyOf = (name: string, jwk: unknown): PublicKey => field.check(anyJwk, name, jwk)

export const { decode: decodeRoot, check: checkRoot } = field.documentOf(rootSchema, 'root')

/** The first version of Platte that reads a format. */
export const firstReaderOf = (format: number): string => (format <= 1 ? '0.1.0' : '0.2.0')

/** Call before writing what format 1 lacks. @param what the feature. @throws PlatteError('refused') if not allowed yet. */
export function requireFormat(root: { readonly format: number }, format: number, what: string): void {
  if (root.format >= format) return
  throw new PlatteError('refused', `${what} needs format ${format}, and this store is at format ${root.format}`, {
    hint: `upgrade everything that reads this store to Platte ${firstReaderOf(format)} or later, then run \`platte root format ${format}\``,
  })
}
