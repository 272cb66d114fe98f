/**
 * Verifies ECDSA over P-256 by the digest of what is signed. WebCrypto wants the whole package in memory for that, and a
 * library for curves would be a tenth of a Worker. Nothing here is secret, so time may depend on it.
 * @see FIPS 186-5 §6.4.2; SP 800-186 §3.2.1.3; SEC 1 §2.2
 */
import { toHex } from '../kernel/digest.ts'
import { power } from '../payload/keys.ts'

/** In Jacobian coordinates; z is 0 at infinity. */
type Point = readonly [x: bigint, y: bigint, z: bigint]

const p = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const base: Point = [
  0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  1n,
]
const infinity: Point = [1n, 1n, 0n]

/**
 * @param digest SHA-256, in lower-case hex. @param signature in DER.
 * @param key 65 bytes of an uncompressed point that is on the curve.
 */
export function isSignedByP256(digest: string, signature: Uint8Array, key: Uint8Array): boolean {
  const [r, s] = readDer(signature) ?? []
  if (r === undefined || s === undefined || !isScalar(r) || !isScalar(s)) return false
  const inverse = power(s, order - 2n, order)
  const other: Point = [numberOf(key.subarray(1, 33)), numberOf(key.subarray(33, 65)), 1n]
  const [x, , z] = sumOf((BigInt(`0x${digest}`) * inverse) % order, (r * inverse) % order, other)
  return z !== 0n && mod(x * power(z, p - 3n, p)) % order === r
}

const isScalar = (one: bigint): boolean => one > 0n && one < order
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes) || '0'}`)

function mod(value: bigint): bigint {
  const rest = value % p
  return rest < 0n ? rest + p : rest
}

/** One multiple of the base, and one of another point. */
function sumOf(ofBase: bigint, ofOther: bigint, other: Point): Point {
  const both = add(base, other)
  let sum = infinity
  for (let bit = 255n; bit >= 0n; bit--) {
    const [isBase, isOther] = [(ofBase >> bit) & 1n, (ofOther >> bit) & 1n]
    sum = double(sum)
    if (isBase | isOther) sum = add(sum, isBase & isOther ? both : isBase ? base : other)
  }
  return sum
}

function double([x, y, z]: Point): Point {
  const [square, ofZ] = [mod(y * y), mod(z * z)]
  const s = mod(4n * x * square)
  const m = mod(3n * (x - ofZ) * (x + ofZ))
  const sum = mod(m * m - 2n * s)
  return [sum, mod(m * (s - sum) - 8n * square * square), mod(2n * y * z)]
}

function add(one: Point, other: Point): Point {
  const [[x1, y1, z1], [x2, y2, z2]] = [one, other]
  if (z1 === 0n) return other
  if (z2 === 0n) return one
  const [zz1, zz2] = [mod(z1 * z1), mod(z2 * z2)]
  const [u, s] = [mod(x1 * zz2), mod(y1 * zz2 * z2)]
  const [h, r] = [mod(x2 * zz1 - u), mod(y2 * zz1 * z1 - s)]
  if (h === 0n) return r === 0n ? double(one) : infinity
  const hh = mod(h * h)
  const [cube, v] = [mod(hh * h), mod(u * hh)]
  const x = mod(r * r - cube - 2n * v)
  return [x, mod(r * (v - x) - s * cube), mod(h * z1 * z2)]
}

/** SEQUENCE of two positive INTEGERs, in the one form that DER has for them. */
function readDer(bytes: Uint8Array): readonly bigint[] | undefined {
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2 || bytes.length > 72) return undefined
  const found: bigint[] = []
  for (let at = 2; at < bytes.length; ) {
    const [tag, length = 0] = bytes.subarray(at, at + 2)
    const value = bytes.subarray(at + 2, at + 2 + length)
    const [first = 0x80, second = 0x80] = value
    if (tag !== 2 || value.length !== length || first >= 0x80 || (first === 0 && second < 0x80)) return undefined
    found.push(numberOf(value))
    at += 2 + length
  }
  return found.length === 2 ? found : undefined
}
