/** Signatures as key services return them, and as a JWS has them. */
import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rawSignature } from '../../src/key-services/der.ts'

const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('hex')
const of = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** DER as the standard says, written apart from what is tested. */
function derOf(r: bigint, s: bigint): Uint8Array {
  const integer = (value: bigint): string => {
    const digits = value.toString(16)
    const even = digits.length % 2 === 1 ? `0${digits}` : digits
    const positive = Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even
    return `02${(positive.length / 2).toString(16).padStart(2, '0')}${positive}`
  }
  const both = integer(r) + integer(s)
  return of(`30${(both.length / 2).toString(16).padStart(2, '0')}${both}`)
}

test('any two numbers of up to 32 bytes come out as 64 bytes', () => {
  const number = fc.oneof(fc.bigInt(1n, 2n ** 256n - 1n), fc.bigInt(1n, 2n ** 64n), fc.bigInt(1n, 255n))
  fc.assert(
    fc.property(number, number, (r, s) => {
      const expected = [r, s].map((one) => one.toString(16).padStart(64, '0')).join('')
      expect(hex(rawSignature(derOf(r, s)))).toBe(expected)
    }),
  )
})

test('OpenSSL writes what is read here', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (let i = 0; i < 50; i++)
    expect(rawSignature(new Uint8Array(sign('sha256', Buffer.from(`${i}`), privateKey)))).toHaveLength(64)
})

const n33 = '01'.repeat(33)
test.each([
  ['nothing', ''],
  ['another tag', '31 06 02 01 01 02 01 01'],
  ['a length that is too long', '30 07 02 01 01 02 01 01'],
  ['a length that is too short', '30 05 02 01 01 02 01 01'],
  ['bytes at the end', '30 07 02 01 01 02 01 01 00'],
  ['one number', '30 03 02 01 01'],
  ['three numbers', '30 09 02 01 01 02 01 01 02 01 01'],
  ['an empty number', '30 05 02 00 02 01 01'],
  ['a negative number', '30 06 02 01 80 02 01 01'],
  ['a padded number', '30 07 02 02 00 01 02 01 01'],
  ['a number of 33 bytes', `30 26 02 21 ${n33} 02 01 01`],
  ['a number that ends too early', '30 06 02 01 01 02 05 01'],
])('%s is no signature', (_, text) => {
  expect(rawSignature(of(text))).toBeUndefined()
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const raw = rawSignature(bytes)
      expect(raw === undefined || raw.length === 64).toBe(true)
    }),
  )
})
