/** Private CUP keys: one JWK Set with every version, since each client asks for the one that it was built with. */
import * as v from 'valibot'
import { type CupKey, cupKeyOf } from '../documents/root.ts'
import { toHex } from '../kernel/digest.ts'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { fromBase64url, generateKey, toBase64url } from '../trust/keys.ts'

const part = v.pipe(
  v.string(),
  v.check((text) => fromBase64url(text)?.length === 32),
)
const p256 = v.strictObject({
  kid: v.string(),
  kty: v.literal('EC'),
  crv: v.literal('P-256'),
  x: part,
  y: part,
  d: part,
})
const mlDsa = v.strictObject({
  kid: v.string(),
  kty: v.literal('AKP'),
  alg: v.literal('ML-DSA-44'),
  /** Follows from `priv`. */
  pub: v.exactOptional(v.string()),
  priv: part,
})
const keySet = v.strictObject({ keys: v.pipe(v.array(v.variant('kty', [p256, mlDsa])), v.minLength(1)) })

export type P256Key = v.InferOutput<typeof p256>
export type PrivateCupKey = v.InferOutput<typeof keySet>['keys'][number]

/** Bytes of a JWK Set: 24 keys with their public halves take 50 kB. */
export const maxKeySetBytes = 64 * 1024

/** @param where names its source in errors, which repeat nothing of it. @throws PlatteError('credentials') */
export function readKeySet(text: string, where: string): readonly PrivateCupKey[] {
  const json = parseJsonObject(text)
  const { success, output, issues } = v.safeParse(keySet, json)
  const keys = success ? output.keys : []
  const twice = keys.find(({ kid }, i) => keys.findIndex((one) => one.kid === kid) !== i)
  if (success && twice === undefined) return keys
  const wrong = twice ? `has two keys ${twice.kid}` : `is wrong at ${v.getDotPath(issues?.[0] as never) ?? 'its start'}`
  throw new PlatteError('credentials', `${where}: ${json ? wrong : 'is not a JSON object'}`, {
    hint: 'CUP keys are one JWK Set with their private halves, as `platte keygen FILE --cup 16` writes it',
  })
}

/** @param keyId `16` is a key of P-256, `ML-DSA-44-16` one of ML-DSA-44. @throws PlatteError('usage') for other ids. */
export async function makeCupKey(keyId: string): Promise<PrivateCupKey> {
  if (/^[1-9]\d{0,8}$/.test(keyId)) return v.parse(p256, { kid: keyId, ...(await generateKey('ES256')) })
  if (!/^ML-DSA-44-[1-9]\d{0,8}$/.test(keyId))
    throw new PlatteError('usage', `${JSON.stringify(keyId)} is no CUP key id`, {
      hint: 'use a number such as 16 for a key of P-256, or ML-DSA-44-16 for one of ML-DSA-44',
    })
  const seed = crypto.getRandomValues(new Uint8Array(32))
  const pub = toBase64url((await import('./ml-dsa.ts')).openMlDsa(seed).publicKey)
  return { kid: keyId, kty: 'AKP', alg: 'ML-DSA-44', pub, priv: toBase64url(seed) }
}

/** What the root lists. @throws PlatteError('credentials') for an id of another algorithm. */
export async function publicHalf(key: PrivateCupKey): Promise<CupKey> {
  if (key.kty === 'EC') {
    const { kid, kty, crv, x, y } = key
    return cupKeyOf({ kid, kty, crv, x, y })
  }
  const { kid, kty, alg, priv } = key
  const { publicKey } = (await import('./ml-dsa.ts')).openMlDsa(bytesOf(priv))
  return cupKeyOf({ kid, kty, alg, pub: toBase64url(publicKey) })
}

export const bytesOf = (text: string): Uint8Array => fromBase64url(text) ?? new Uint8Array()

/** The heads of a SubjectPublicKeyInfo in DER. @see RFC 5480, RFC 9881 */
const heads = {
  EC: '3059301306072a8648ce3d020106082a8648ce3d03010703420004',
  AKP: '30820532300b06096086480165030403110382052100',
}

/** The SubjectPublicKeyInfo in DER, which is what browsers are built with. */
export function spkiOf(key: CupKey): Uint8Array {
  const digits =
    heads[key.kty] + (key.kty === 'EC' ? [key.x, key.y] : [key.pub]).map((one) => toHex(bytesOf(one))).join('')
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}
