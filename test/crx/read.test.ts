/** Packages of Chromium: what is read of them, and what is refused. */
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCrx } from '../../src/crx/read.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { archiveOf, crxOf, ec, idOf, rsa } from './make.ts'

const manifest = { name: 'x', version: '1.2.3', manifest_version: 3, minimum_chrome_version: '120.0' }
const archive = archiveOf(manifest, { 'a.js': 'let a = 1\n'.repeat(50) })
const good = crxOf(archive)
const read = (file: Uint8Array) => readCrx(file, 'x.crx')

test.each([
  ['RSA', crxOf(archive), rsa],
  ['ECDSA', crxOf(archive, { signers: [[3, ec]] }), ec],
  [
    'both',
    crxOf(archive, {
      signers: [
        [3, ec],
        [2, rsa],
      ],
      owner: rsa,
    }),
    rsa,
  ],
] as const)('signed by %s: id, version and first browser', (_, file, owner) => {
  expect(read(file)).toEqual({ id: idOf(owner), version: '1.2.3', minimumBrowser: '120.0' })
})

test('a manifest may have comments and a byte order mark, as browsers read it', () => {
  const text = '\uFEFF{ // one\n "a": "http://x/*no*/", /* two */ "version": "7" }'
  expect(read(crxOf(archiveOf(text)))).toEqual({ id: idOf(rsa), version: '7' })
})

const changed = (at: number, file = good): Buffer => Buffer.from(file.map((byte, i) => (i === at ? byte ^ 1 : byte)))
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const bare = (size: number): Buffer => {
  const head = Buffer.from('Cr24\x03\0\0\0\0\0\0\0')
  head.writeUInt32LE(size, 8)
  return head
}

test.each<[string, Uint8Array, string]>([
  ['version 2', crxOf(archive, { version: 2 }), 'has version 2 of the format; browsers install version 3'],
  ['a head without an end', good.subarray(0, 9), 'is cut'],
  ['a header without an end', good.subarray(0, 100), 'is cut'],
  ['a header that is too large', bare(1 << 19), 'has a header of 524288 bytes, more than 262144'],
  ['no header', bare(0), 'has a header that cannot be parsed'],
  ['another archive', changed(good.length - 1), 'has a wrong RSA signature (number 1)'],
  ['a cut archive', good.subarray(0, -1), 'has a wrong RSA signature (number 1)'],
  ['no signature', crxOf(archive, { signers: [] }), `is not signed by the key that its id ${idOf(rsa)} is made of`],
  [
    'the id of another key',
    crxOf(archive, { owner: ec }),
    `is not signed by the key that its id ${idOf(ec)} is made of`,
  ],
  ['RSA that is EC', crxOf(archive, { signers: [[2, ec]] }), 'has a wrong RSA signature (number 1)'],
  ['another curve', crxOf(archive, { signers: [[3, p384]] }), 'has a wrong ECDSA signature (number 1)'],
  ['no archive', crxOf(new Uint8Array()), 'has no manifest.json of at most 1 MiB in its archive'],
  ['no manifest', crxOf(archive.subarray(0, -30)), 'has no manifest.json of at most 1 MiB in its archive'],
  [
    'a large manifest',
    crxOf(archiveOf(`{"version":"1"}${' '.repeat(1 << 20)}`)),
    'has no manifest.json of at most 1 MiB in its archive',
  ],
  ['no version', crxOf(archiveOf({ name: 'x' })), 'has no version in its manifest.json'],
  ['no JSON', crxOf(archiveOf('{')), 'has no version in its manifest.json'],
])('%s: refused', (_, file, problem) => {
  expect(() => read(file)).toThrow(`x.crx: ${problem}`)
})

describe('whatever the bytes are', () => {
  const isRefused = (file: Uint8Array): boolean => {
    try {
      read(file)
      return false
    } catch (error) {
      expect(error).toBeInstanceOf(PlatteError)
      return true
    }
  }

  test('a changed byte is refused', () => {
    const at = fc.integer({ min: 4, max: good.length - 1 })
    fc.assert(fc.property(at, (i) => void expect(isRefused(changed(i))).toBe(true)))
  })

  test('only coded errors', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        (bytes) => void expect(isRefused(Buffer.concat([bare(bytes.length >> 1), bytes]))).toBe(true),
      ),
    )
  })
})
