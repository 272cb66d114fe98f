/**
 * The head of a CRX3: who signed the package, and the id that follows from their key. Pure.
 * @see chromium components/crx_file/crx3.proto, crx_verifier.cc
 */
import { toHex } from '../kernel/digest.ts'
import { readFields } from '../payload/protobuf.ts'

/** The magic, the version and the size of the header. */
const headBytes = 12
const magic = 'Cr24'
/** As Chromium bounds them, in bytes. */
const maxHeader = 256 * 1024
const maxPart = 64 * 1024
/** Packages of Chromium's own store have three. Each takes time to verify. */
const maxProofs = 16

/** A key, as SubjectPublicKeyInfo in DER, and what it signed. */
export interface Proof {
  readonly kind: 'RSA' | 'ECDSA'
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
}

export interface CrxHeader {
  readonly proofs: readonly Proof[]
  /** What is signed before the archive. */
  readonly signedData: Uint8Array
  /** 32 letters from a to p. */
  readonly id: string
  /** Bytes before the archive. */
  readonly end: number
}

/** Whether a file begins as a package of Chromium, of any version. */
export const isCrx = (start: Uint8Array): boolean => String.fromCharCode(...start.subarray(0, 4)) === magic

/** Bytes before the archive, at most; `undefined` before they are known. */
export function headerEnd(start: Uint8Array): number | undefined {
  if (start.length < headBytes) return undefined
  const size = new DataView(start.buffer, start.byteOffset).getUint32(8, true)
  return headBytes + (size > maxHeader ? 0 : size)
}

/** @param file its whole head at least. @returns what is wrong with it. */
export function readHeader(file: Uint8Array): CrxHeader | string {
  if (file.length < headBytes) return 'is cut'
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const [version, size] = [view.getUint32(4, true), view.getUint32(8, true)]
  if (version !== 3) return `has version ${version} of the format; browsers install version 3`
  if (size > maxHeader) return `has a header of ${size} bytes, more than ${maxHeader}`
  const end = headBytes + size
  if (file.length < end) return 'is cut'
  const proofs: Proof[] = []
  let signedData: Uint8Array = new Uint8Array()
  const isWhole = readFields(file.subarray(headBytes, end), ({ tag, bytes }) => {
    if (tag === 0x12) return keepProof(proofs, 'RSA', bytes)
    if (tag === 0x1a) return keepProof(proofs, 'ECDSA', bytes)
    if (tag === 80_002) signedData = bytes
    return true
  })
  if (proofs.length > maxProofs) return `has ${proofs.length} signatures, more than ${maxProofs}`
  const id = isWhole ? readId(signedData) : undefined
  return id === undefined ? 'has a header that cannot be parsed' : { proofs, signedData, id: idLetters(toHex(id)), end }
}

function keepProof(proofs: Proof[], kind: Proof['kind'], message: Uint8Array): boolean {
  let [publicKey, signature]: [Uint8Array, Uint8Array] = [new Uint8Array(), new Uint8Array()]
  const isWhole = readFields(message, ({ tag, bytes }) => {
    if (tag === 0x0a) publicKey = bytes
    if (tag === 0x12) signature = bytes
    return bytes.length <= maxPart
  })
  proofs.push({ kind, publicKey, signature })
  return isWhole
}

function readId(signedData: Uint8Array): Uint8Array | undefined {
  let id: Uint8Array | undefined
  const isWhole = readFields(signedData, ({ tag, bytes }) => {
    if (tag === 0x0a) id = bytes
    return true
  })
  return isWhole && id?.length === 16 ? id : undefined
}

/** The letters that stand for the first 16 bytes of a digest in hex: a is 0, p is 15. */
export const idLetters = (hex: string): string =>
  hex.slice(0, 32).replace(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)))

/** What every signature covers before the archive. */
export function signedPrefix({ signedData }: CrxHeader): Uint8Array {
  const prefix = new Uint8Array(20 + signedData.length)
  prefix.set(new TextEncoder().encode('CRX3 SignedData\0'))
  new DataView(prefix.buffer).setUint32(16, signedData.length, true)
  prefix.set(signedData, 20)
  return prefix
}
