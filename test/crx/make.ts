/** Makes packages of Chromium from their description in crx3.proto, apart from `src/crx`. */
import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { strToU8, zipSync } from 'fflate'
import type { Source } from '../../src/channels/staging.ts'

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject }

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}
const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes])

const spkiOf = ({ publicKey }: Pair): Buffer => publicKey.export({ format: 'der', type: 'spki' })
const digestOf = (pair: Pair): Buffer => createHash('sha256').update(spkiOf(pair)).digest().subarray(0, 16)
/** The id of the app whose key this is. */
export const idOf = (pair: Pair): string =>
  digestOf(pair)
    .toString('hex')
    .replace(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)))

export const archiveOf = (manifest: object | string, more: Record<string, string> = {}): Uint8Array => {
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest)
  return zipSync({
    'manifest.json': strToU8(text),
    ...Object.fromEntries(Object.entries(more).map(([k, v]) => [k, strToU8(v)])),
  })
}

interface Parts {
  readonly signers?: readonly (readonly [2 | 3, Pair])[]
  /** Whose id it has. */
  readonly owner?: Pair
  readonly version?: number
}

export function crxOf(
  archive: Uint8Array,
  { signers = [[2, rsa]], owner = signers[0]?.[1] ?? rsa, version = 3 }: Parts = {},
): Buffer {
  const signedData = field(1, digestOf(owner))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(signedData.length)
  const proofs = signers.map(([number, pair]) => {
    const sign = createSign('sha256')
    for (const part of ['CRX3 SignedData\0', length, signedData, archive]) sign.update(part)
    return field(number, Buffer.concat([field(1, spkiOf(pair)), field(2, sign.sign(pair.privateKey))]))
  })
  const header = Buffer.concat([...proofs, field(10_000, signedData)])
  const head = Buffer.from('Cr24\0\0\0\0\0\0\0\0')
  head.writeUInt32LE(version, 4)
  head.writeUInt32LE(header.length, 8)
  return Buffer.concat([head, header, archive])
}

export const fileOf = (bytes: Uint8Array, name = 'x.crx'): Source => ({
  ...{ name, size: bytes.length, open: () => new Blob([new Uint8Array(bytes)]).stream() },
})
