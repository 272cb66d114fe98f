/**
 * Keys: Ed25519 (`EdDSA`) and P-256 (`ES256`), as JWK. The algorithm follows from the key, never from a header, and a
 * key's id is its RFC 7638 thumbprint, recomputed whenever a key is loaded.
 * No message or `cause` here carries key material: JSON.parse, for one, quotes the text that it cannot read.
 */
import * as base64url from 'jose/base64url'
import { calculateJwkThumbprint } from 'jose/jwk/thumbprint'
import type { PublicKey } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'

/** Signs with one private key, wherever that lives (a file, a variable, a key service). */
export interface Signer {
  /** RFC 7638 thumbprint of the public key, base64url of SHA-256: the `kid` of its signatures. */
  readonly keyId: string
  /** JWS algorithm: `EdDSA` is Ed25519, `ES256` is P-256. */
  readonly alg: 'EdDSA' | 'ES256'
  /**
   * @param input the JWS signing input (ASCII).
   * @returns the raw signature, 64 bytes (for ES256 r‖s, not DER).
   * @throws PlatteError('credentials') where the key refuses to sign.
   */
  sign(input: Uint8Array): Promise<Uint8Array>
}

export type Algorithm = Signer['alg']
/** A key pair; `d` is the secret. */
export type PrivateJwk = PublicKey & { readonly d: string }

/** A public key that was loaded: what a signature is checked with. */
export type VerifyingKey = Readonly<{ keyId: string; alg: Algorithm; jwk: PublicKey }>

/** Every kind of key there is here. The name `Ed25519` of RFC 9864 is not taken: one key, one name of its algorithm. */
const kinds = {
  Ed25519: { alg: 'EdDSA', kty: 'OKP', parameters: { name: 'Ed25519' } },
  'P-256': { alg: 'ES256', kty: 'EC', parameters: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } },
} as const satisfies Record<PublicKey['crv'], { alg: Algorithm; kty: PublicKey['kty']; parameters: object }>

/** Makes a key pair from the runtime's own source of randomness. */
export async function generateKey(alg: Algorithm): Promise<PrivateJwk> {
  const kind = alg === 'EdDSA' ? kinds.Ed25519 : kinds['P-256']
  const pair = await crypto.subtle.generateKey(kind.parameters, true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new PlatteError('credentials', `this runtime made no key pair for ${alg}`)
  // Runtimes differ in what they write beside these: `alg: "Ed25519"` here, an undefined `use` there.
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  return readPrivate({ kty, crv, x, y, d }, 'a new key')
}

/** @returns exactly the members that the thumbprint covers, in the order of its input. */
export const publicOf = (key: PublicKey): PublicKey =>
  key.kty === 'OKP' ? { crv: key.crv, kty: key.kty, x: key.x } : { crv: key.crv, kty: key.kty, x: key.x, y: key.y }

/** @returns the RFC 7638 thumbprint: SHA-256 in base64url, 43 characters. */
export const keyIdOf = (key: PublicKey): Promise<string> => calculateJwkThumbprint(publicOf(key), 'sha256')

/**
 * @returns `undefined` if a coordinate is not canonical base64url: another spelling of a key would have another id, and
 *   could count twice towards a threshold.
 */
export async function loadPublicKey(key: PublicKey): Promise<VerifyingKey | undefined> {
  const jwk = publicOf(key)
  const coordinates = jwk.kty === 'OKP' ? [jwk.x] : [jwk.x, jwk.y]
  if (!coordinates.every((text) => fromBase64url(text)?.length === 32)) return undefined
  return { keyId: await keyIdOf(jwk), alg: kinds[jwk.crv].alg, jwk }
}

/** Whether a text has the form of a key that `encryptKey` encrypts: a JWE in compact serialization. */
export const isEncrypted = (text: string): boolean => /^[\w-]+(\.[\w-]*){4}$/.test(text.trim())

/** Loads a private key: the JSON of one JWK. @param where names its source in errors. @throws PlatteError('credentials') */
export async function parsePrivateKey(text: string, where: string): Promise<Signer> {
  let jwk: unknown
  try {
    jwk = JSON.parse(text)
  } catch {
    throw credentials(`${where}: is not JSON; a private key is one JWK`)
  }
  return importSigner(jwk, where)
}

/**
 * Loads a private key and proves by a signature that its two halves belong together.
 * @param jwk `alg`, `kid`, `use` and `key_ops` are optional and checked; other members are ignored.
 * @param where names its source in errors. @throws PlatteError('credentials')
 */
export async function importSigner(jwk: unknown, where: string): Promise<Signer> {
  const key = readPrivate(jwk, where)
  const { alg, parameters } = kinds[key.crv]
  const keyId = await keyIdOf(key)
  if (isObject(jwk) && jwk.kid !== undefined && jwk.kid !== keyId)
    throw credentials(`${where}: its kid is not the thumbprint of this key, which is ${keyId}`)
  const privateKey = await importHalf({ ...publicOf(key), d: key.d }, 'sign', where)
  const publicKey = await importHalf(publicOf(key), 'verify', where)
  const sign = async (input: Uint8Array): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.sign(parameters, privateKey, input))
  const probe = new TextEncoder().encode(`platte probe ${keyId}`)
  const good = await sign(probe)
    .then((signature) => crypto.subtle.verify(parameters, publicKey, signature, probe))
    .catch(() => false)
  if (!good) throw credentials(`${where}: the private and the public half are not of one key`)
  return { keyId, alg, sign }
}

async function importHalf(jwk: PublicKey | PrivateJwk, usage: 'sign' | 'verify', where: string) {
  try {
    return await crypto.subtle.importKey('jwk', { ...jwk }, kinds[jwk.crv].parameters, false, [usage])
  } catch {
    throw credentials(`${where}: is not a usable ${jwk.crv} key: damaged, or the halves of two keys`)
  }
}

function readPrivate(jwk: unknown, where: string): PrivateJwk {
  if (!isObject(jwk)) throw credentials(`${where}: is not a JWK (a JSON object)`)
  const problem = problemOf(jwk)
  if (problem !== undefined) throw credentials(`${where}: ${problem}`)
  const x = coordinate(jwk, 'x', where)
  const d = coordinate(jwk, 'd', where)
  if (jwk.crv === 'Ed25519') return { crv: 'Ed25519', kty: 'OKP', x, d }
  return { crv: 'P-256', kty: 'EC', x, y: coordinate(jwk, 'y', where), d }
}

function problemOf({ keys, kty, crv, d, alg, use, key_ops: uses }: Record<string, unknown>): string | undefined {
  if (Array.isArray(keys)) return 'is a set of keys; give one key'
  if (kty === 'RSA') return 'is an RSA key, which is not used here'
  if (kty === 'oct') return 'is a symmetric key, which cannot sign for others to verify'
  if (crv !== 'Ed25519' && crv !== 'P-256') return 'is a key of a curve that is not used here'
  if (kty !== kinds[crv].kty) return `has a kty that does not go with ${crv}`
  if (d === undefined) return 'is a public key; signing needs the private one (the member d)'
  if (alg !== undefined && alg !== kinds[crv].alg) return `its alg must be ${kinds[crv].alg}, or be left out`
  if (use !== undefined && use !== 'sig') return 'its use is not sig'
  if (uses !== undefined && !(Array.isArray(uses) && uses.includes('sign'))) return 'its key_ops do not include sign'
  return undefined
}

function coordinate(jwk: Record<string, unknown>, member: string, where: string): string {
  const text = jwk[member]
  if (typeof text === 'string' && fromBase64url(text)?.length === 32) return text
  throw credentials(`${where}: its ${member} must be 32 bytes in base64url without padding`)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const wanted = 'A key is a JWK of kty OKP with crv Ed25519, or of kty EC with crv P-256.'
const credentials = (message: string): PlatteError => new PlatteError('credentials', message, { hint: wanted })

/** base64url without padding (RFC 7515, section 2). */
export const toBase64url = (bytes: Uint8Array): string => base64url.encode(bytes)

/** @returns `undefined` for what `toBase64url` does not write: no two texts stand for the same bytes. */
export function fromBase64url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1 || !/^[A-Za-z0-9_-]*$/.test(text)) return undefined
  const bytes = base64url.decode(text)
  // Only the last characters can have bits that no byte takes.
  const last = bytes.subarray(bytes.length - (bytes.length % 3))
  return text.endsWith(base64url.encode(last)) ? bytes : undefined
}
