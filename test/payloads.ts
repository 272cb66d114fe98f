/** Payloads as update_engine's generator lays them out; the samples were made by it. */
import { createHash, type KeyObject, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'

const sample = (name: string) => new Uint8Array(readFileSync(new URL(`samples/payload/${name}`, import.meta.url)))

export const signedSample = sample('signed.gz')
export const unsignedSample = sample('unsigned.gz')
export const signedByAnother = sample('signed-by-another.gz')
export const sampleKeyPem = Buffer.from(sample('payload-key.pub.pem')).toString()

/** A varint field, or a field of bytes. */
export function field(number: number, value: number | Uint8Array): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80)
  return Buffer.from([...bytes, left])
}

export const headOf = (manifestLength: number, version = 1): Buffer => {
  const head = Buffer.from('CrAU----------------')
  head.writeBigUInt64BE(BigInt(version), 4)
  head.writeBigUInt64BE(BigInt(manifestLength), 12)
  return head
}

export const payloadOfManifest = (manifest: Uint8Array, ...rest: readonly Uint8Array[]): Buffer =>
  Buffer.concat([headOf(manifest.length), manifest, ...rest])

export const sha256Of = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

export const operationOf = (offset: number, data: Uint8Array): Buffer =>
  Buffer.concat([field(1, 0), field(2, offset), field(3, data.length), field(8, sha256Of(data))])

type Slot = Readonly<{ version: number; key: KeyObject }>

/** One operation with this data, and a signature for each slot. */
export function payloadOf(data: Uint8Array, slots: readonly Slot[] = []): Buffer {
  const signaturesOver = (bytes: Uint8Array): Buffer =>
    Buffer.concat(
      slots.map(({ version, key }) =>
        field(1, Buffer.concat([field(1, version), field(2, sign('sha256', bytes, key))])),
      ),
    )
  const { length } = signaturesOver(data)
  const manifest = Buffer.concat([
    field(1, operationOf(0, data)),
    ...(length > 0 ? [field(4, data.length), field(5, length)] : []),
    field(9, field(1, data.length)),
  ])
  const payload = payloadOfManifest(manifest, data)
  return Buffer.concat([payload, signaturesOver(payload)])
}

/** The smallest payload that carries a text of at most 100 characters: the bytes are ASCII. */
export const payloadText = (text = ''): string => {
  const manifest = Buffer.concat([field(9, field(2, Buffer.from(text)))])
  return payloadOfManifest(manifest).toString('latin1')
}

/** A payload of exactly that many bytes. @param data the first bytes are taken. */
export function payloadOfSize(size: number, data: Uint8Array = new Uint8Array(size)): Buffer {
  const more = payloadOf(data.subarray(0, size)).length - size
  const made = payloadOf(data.subarray(0, size - more))
  if (made.length !== size) throw new Error(`no payload has ${size} bytes`)
  return made
}
