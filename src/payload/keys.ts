/** The keys that clients verify payloads with, and what their signatures say. WebCrypto verifies no digest, so RSA is done here. */
import { bytesDigest, toHex } from '../kernel/digest.ts'
import { PlatteError } from '../kernel/errors.ts'
import { readSignatures } from './manifest.ts'

/** A public RSA key. */
export interface PayloadKey {
  /** Of the SubjectPublicKeyInfo, in lower-case hex: `openssl pkey -pubin -outform DER | sha256sum`. */
  readonly sha256: string
  /** The SubjectPublicKeyInfo in base64, as in a PEM file. */
  readonly spki: string
}

export interface Signed {
  /** SHA-256 of everything before the signatures, in lower-case hex. */
  readonly digest: string
  /** The Signatures message; empty where the payload is not signed. */
  readonly signatures: Uint8Array
}

interface RsaKey {
  readonly n: bigint
  readonly e: bigint
  /** Bytes of the modulus. */
  readonly length: number
}

const [minBits, maxBits] = [2048, 8192]
const maxExponent = 2n ** 32n
/** DER of DigestInfo for SHA-256. @see RFC 8017 §9.2, note 1 */
const digestInfo = '3031300d060960864801650304020105000420'

/** @returns the key of a PEM file. @throws PlatteError('usage') for anything but a public RSA key of 2048 to 8192 bits. */
export async function readPayloadKey(pem: string, name: string): Promise<PayloadKey> {
  const [, text = ''] = /-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----/.exec(pem) ?? []
  const spki = text.replaceAll(/\s/g, '')
  const key = { sha256: bytesDigest(bytesOf(spki)), spki }
  await requirePayloadKey(key, name)
  return key
}

/** @throws PlatteError('usage') as `readPayloadKey`. */
export async function requirePayloadKey(key: PayloadKey, name: string): Promise<void> {
  if ((await importKey(key).catch(() => undefined)) && bytesDigest(bytesOf(key.spki)) === key.sha256) return
  throw new PlatteError('usage', `${name} is no public RSA key of ${minBits} to ${maxBits} bits`, {
    hint: 'give the public half as PEM, `-----BEGIN PUBLIC KEY-----`, such as update-payload-key.pub.pem',
  })
}

const importKey = ({ spki }: PayloadKey): Promise<RsaKey | undefined> => importRsa(bytesOf(spki), minBits)

async function importRsa(spki: Uint8Array<ArrayBuffer>, leastBits: number): Promise<RsaKey | undefined> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('spki', spki, algorithm, true, ['verify'])
  const { n: modulus = '', e: exponent = '' } = await crypto.subtle.exportKey('jwk', imported)
  const [n, e] = [modulus, exponent].map((text) => numberOf(bytesOf(text.replaceAll('-', '+').replaceAll('_', '/'))))
  if (n === undefined || e === undefined || e >= maxExponent) return undefined
  const bits = n.toString(2).length
  return bits >= leastBits && bits <= maxBits ? { n, e, length: Math.ceil(bits / 8) } : undefined
}

/**
 * Whether a client with one of the keys accepts the payload. update_engine judges the first signature of version 2; what
 * reads extra packages takes any.
 */
export async function isSignedByAny({ digest, signatures }: Signed, keys: readonly PayloadKey[], isExtra: boolean) {
  const all = readSignatures(signatures) ?? []
  const judged = isExtra ? all : all.filter(({ version }) => version === 2).slice(0, 1)
  for (const key of keys) {
    const rsa = await importKey(key)
    if (rsa && judged.some(({ data }) => recover(data, rsa) === encoded(digest, rsa))) return true
  }
  return false
}

/**
 * Whether a key made a signature (RSASSA-PKCS1-v1_5) of a SHA-256, in lower-case hex.
 * @throws for bytes that are no such key.
 */
export async function isSignedByRsa(
  key: Readonly<{ spki: Uint8Array; minBits: number }>,
  { digest, signature }: Readonly<{ digest: string; signature: Uint8Array }>,
): Promise<boolean> {
  const rsa = await importRsa(new Uint8Array(key.spki), key.minBits)
  return rsa !== undefined && recover(signature, rsa) === encoded(digest, rsa)
}

/** @see RFC 8017 §5.2.2 */
function recover(data: Uint8Array, { n, e, length }: RsaKey): string | undefined {
  const signature = numberOf(data)
  if (data.length !== length || signature >= n) return undefined
  return power(signature, e, n)
    .toString(16)
    .padStart(2 * length, '0')
}

/** EMSA-PKCS1-v1_5 of a SHA-256, in hex. @see RFC 8017 §9.2 */
const encoded = (digest: string, { length }: RsaKey): string =>
  `0001${`00${digestInfo}${digest}`.padStart(2 * length - 4, 'f')}`

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base]
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes) || '0'}`)
const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))
