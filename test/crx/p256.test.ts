/** ECDSA by a digest, held against node:crypto. */
import { createHash, createSign, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSignedByP256 } from '../../src/crx/p256.ts'

const pairs = Array.from({ length: 3 }, () => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const pointOf = ({ publicKey }: (typeof pairs)[0]): Uint8Array =>
  publicKey.export({ format: 'der', type: 'spki' }).subarray(-65)
const digestOf = (message: Uint8Array): string => createHash('sha256').update(message).digest('hex')
const signed = (message: Uint8Array, index: number): Buffer => {
  const sign = createSign('sha256')
  return sign.update(message).sign((pairs[index] as (typeof pairs)[0]).privateKey)
}
const keys = pairs.map(pointOf) as [Uint8Array, Uint8Array, Uint8Array]

test('what node:crypto signs is good under its key, and under no other, and nowhere else', () => {
  const property = fc.property(fc.uint8Array(), fc.nat(2), fc.nat(2), fc.nat(), (message, index, key, at) => {
    const [signature, digest] = [signed(message, index), digestOf(message)]
    expect(isSignedByP256(digest, signature, keys[key] as Uint8Array)).toBe(key === index)
    const changed = signature.map((byte, i) => (i === at % signature.length ? byte ^ 1 : byte))
    expect(isSignedByP256(digest, changed, keys[index] as Uint8Array)).toBe(false)
    expect(isSignedByP256(digestOf(signature), signature, keys[index] as Uint8Array)).toBe(false)
  })
  fc.assert(property, { numRuns: 60 })
})

const message = Buffer.from('x')
const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const der = (r: string, s: string): Buffer => {
  const parts = [r, s].map((hex) => Buffer.concat([Buffer.from([2, hex.length / 2]), Buffer.from(hex, 'hex')]))
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}
/** Both numbers of a signature, in hex, as DER has them. */
function partsOf(signature: Buffer): [string, string] {
  const length = signature[3] as number
  return [signature.subarray(4, 4 + length).toString('hex'), signature.subarray(6 + length).toString('hex')]
}
const [r, s] = partsOf(signed(message, 0))
const other = (BigInt(`0x${order}`) - BigInt(`0x${s}`)).toString(16)
const negated = (/^[89a-f]/.test(other.padStart(64, '0')) ? '00' : '') + other.padStart(64, '0')

test('either of the two signatures that a nonce gives is good', () => {
  expect(isSignedByP256(digestOf(message), der(r, s), keys[0])).toBe(true)
  if (!/^00[0-7]/.test(negated)) expect(isSignedByP256(digestOf(message), der(r, negated), keys[0])).toBe(true)
})

test.each([
  ['r of 0', der('00', s)],
  ['s of 0', der(r, '00')],
  ['s of the order', der(r, `00${order}`)],
  ['r above the order', der(`00${'f'.repeat(64)}`, s)],
  ['a zero too much', der(`0000${r.replace(/^00/, '')}`, s)],
  ['a negative number', der(`ff${r.slice(2)}`, s)],
  ['a third number', Buffer.concat([der(r, s).fill(der(r, s).length + 1, 1, 2), Buffer.from([2, 1, 1])])],
  ['one number', Buffer.from([0x30, 3, 2, 1, 1])],
  ['bytes behind its end', Buffer.concat([der(r, s), Buffer.from([0])])],
  ['a length without bytes', der(r, s).subarray(0, -1)],
  ['nothing', Buffer.alloc(0)],
])('%s: no signature', (_, signature) => {
  expect(isSignedByP256(digestOf(message), signature, keys[0])).toBe(false)
})
