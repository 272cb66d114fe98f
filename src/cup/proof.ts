/** Client Update Protocol: what is signed, and how a proof is written. Pure. @see docs/protocols.md */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { toHex } from '../kernel/digest.ts'

/** What a client put into the URL. */
export interface CupRequest {
  /** `cup2key` as it was sent, decoded: this is signed. */
  readonly value: string
  /** The key that the client was built with: `16`, or `ML-DSA-44-16`. */
  readonly keyId: string
}

/** Characters of `cup2key`; browsers send about 60. */
const maxValue = 256

/** @returns `undefined` for a URL without `cup2key`; `malformed` for one that names no key or no nonce. */
export function readCup(url: string): CupRequest | 'malformed' | undefined {
  const value = new URLSearchParams(url.slice(url.indexOf('?'))).get('cup2key')
  if (value === null) return undefined
  const [, keyId] = /^([\w-]{1,64}):./s.exec(value) ?? []
  return keyId !== undefined && value.length <= maxValue ? { value, keyId } : 'malformed'
}

/** @param value as in `CupRequest`. @param response in UTF-8. */
export type DigestsOf = (value: string, request: Uint8Array, response: string) => Digests

interface Digests {
  /** 32 bytes. */
  readonly signed: Uint8Array
  /** In hex, as a proof repeats it. */
  readonly request: string
}

export const digestsOf: DigestsOf = (value, request, response) => {
  const digest = sha256(request)
  const all = sha256
    .create()
    .update(digest)
    .update(sha256(utf8ToBytes(response)))
  return { request: toHex(digest), signed: all.update(utf8ToBytes(value)).digest() }
}

/** A signature of P-256 as WebCrypto gives it (r‖s) in minimal DER, as clients read it. @see RFC 3279 §2.2.3 */
export function derOf(raw: Uint8Array): Uint8Array {
  const [r, s] = [raw.subarray(0, 32), raw.subarray(32)].map(integer) as [number[], number[]]
  return Uint8Array.from([0x30, r.length + s.length, ...r, ...s])
}

function integer(bytes: Uint8Array): number[] {
  const first = bytes.findIndex((byte) => byte !== 0)
  const digits = first < 0 ? [0] : [...bytes.subarray(first)]
  if ((digits[0] ?? 0) >= 0x80) digits.unshift(0)
  return [0x02, digits.length, ...digits]
}
