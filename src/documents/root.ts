/** The root: the keys, and the role that each may sign for. `root/<n>.jws`. */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import * as field from './fields.ts'

export const maxRootBytes = 64 * 1024

/**
 * The newest format that this version reads. Format 2 has aliases of any text, payload keys and CUP keys. Schemas are strict and all readers
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

/** `kid` is the id that clients send: a number, after the algorithm for all but P-256. */
const cupKey = v.variant('kty', [
  v.strictObject({ kid: field.matching(/^[1-9]\d{0,8}$/, 'must be a number such as 16'), ...p256 }),
  v.strictObject({
    kid: field.matching(/^ML-DSA-44-[1-9]\d{0,8}$/, 'must be an id such as ML-DSA-44-16'),
    kty: v.literal('AKP'),
    alg: v.literal('ML-DSA-44'),
    pub: field.matching(/^[A-Za-z0-9_-]{1750}$/, 'must be 1312 bytes in base64url'),
  }),
])
const cupRole = {
  keys: v.pipe(
    v.array(cupKey),
    v.minLength(1),
    v.maxLength(24),
    v.check((keys) => field.areDistinct(keys.map(({ kid }) => kid)), 'names a key id twice'),
  ),
}

const schema = v.strictObject({
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
    /** Format 2. Keys that prove answers to browsers. They are apart from `keys`, so they can sign no document. */
    cup: v.exactOptional(v.strictObject(cupRole)),
  }),
})

export const rootSchema = v.pipe(
  schema,
  v.check(({ format, roles }) => format >= 2 || roles.cup === undefined, 'has CUP keys, which need format 2'),
)

/** The signed list of keys, roles and thresholds. */
export type Root = v.InferOutput<typeof rootSchema>
export type PublicKey = Root['keys'][number]
export type CupKey = v.InferOutput<typeof cupKey>
/** The roles that sign documents. */
export type RoleName = Exclude<keyof Root['roles'], 'cup'>
export const roleNames: readonly RoleName[] = ['root', 'release', 'timestamp']

/** The public members of a JWK. @throws PlatteError('bad-document') for other kinds of keys. */
export const publicKeyOf = (name: string, jwk: unknown): PublicKey => field.check(anyJwk, name, jwk)

/** @throws PlatteError('bad-document') for another shape, or an id that does not go with the kind of key. */
export const cupKeyOf = (key: unknown): CupKey => field.check(cupKey, 'a CUP key', key)

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
