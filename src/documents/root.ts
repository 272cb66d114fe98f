/** The root: the keys, and the role that each may sign for. `root/<n>.jws`. */
import * as v from 'valibot'
import * as field from './fields.ts'
import { newestFormat } from './format.ts'

export const maxRootBytes = 64 * 1024

const base64url32 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url'))

const ed25519 = { kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: base64url32 }
const p256 = { kty: v.literal('EC'), crv: v.literal('P-256'), x: base64url32, y: base64url32 }

/** A public key, exactly the members that its thumbprint covers. */
const publicKey = v.variant('kty', [v.strictObject(ed25519), v.strictObject(p256)])
const anyJwk = v.variant('kty', [v.object(ed25519), v.object(p256)])

const role = {
  threshold: v.pipe(field.positive, v.maxValue(16)),
  keyIds: v.pipe(
    v.array(field.keyId),
    v.minLength(1),
    v.maxLength(16),
    v.check((ids) => new Set(ids).size === ids.length, 'names a key twice'),
  ),
}

const schema = v.strictObject({
  /** The newest format that this store may use: see `format.ts`. */
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
export type Root = v.InferOutput<typeof schema>
export type PublicKey = Root['keys'][number]
export type RoleName = keyof Root['roles']
export const roleNames: readonly RoleName[] = ['root', 'release', 'timestamp']

/** The public members of a JWK. @throws PlatteError('bad-document') for other kinds of keys. */
export const publicKeyOf = (name: string, jwk: unknown): PublicKey => field.check(anyJwk, name, jwk)

export const { decode: decodeRoot, check: checkRoot } = field.documentOf(schema, 'root')
