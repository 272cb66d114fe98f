/** Packages of Chromium: what is read of them, and what is refused. */
import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Crx, crxReader } from '../../src/crx/read.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { archiveOf, crxOf, ec, idOf, rsa } from './make.ts'

const manifest = { name: 'x', version: '1.2.3', manifest_version: 3, minimum_chrome_version: '120.0' }
const archive = archiveOf(manifest, { 'a.js': 'let a = 1\n'.repeat(50) })
const good = crxOf(archive)
/** In pieces, from memory that is used again for each. */
async function read(file: Uint8Array, step = 1000): Promise<Crx> {
  const reader = crxReader({ name: 'x.crx', newHasher: nodeHasher })
  const memory = new Uint8Array(step)
  for (let at = 0; at < file.length; at += step) {
    const part = file.subarray(at, at + step)
    memory.set(part)
    await reader.update(memory.subarray(0, part.length))
  }
  return reader.end()
}

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
] as const)('signed by %s: id, version and first browser', async (_, file, owner) => {
  for (const step of [1, 777, 1 << 20])
    expect(await read(file, step)).toEqual({ id: idOf(owner), version: '1.2.3', minimumBrowser: '120.0' })
})

test('a manifest may have comments and a byte order mark, as browsers read it', async () => {
  const text = '\uFEFF{ // one\n "a": "http://x/*no*/", /* two */ "version": "7" }'
  expect(await read(crxOf(archiveOf(text)))).toEqual({ id: idOf(rsa), version: '7' })
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
  ...['/* ', '"\\', `"${'\\"'.repeat(500_000)}`].map((text): [string, Uint8Array, string] => [
    `a manifest of ${text.slice(0, 3)} without an end`,
    crxOf(archiveOf(text.repeat(text.length > 3 ? 1 : 300_000))),
    'has no version in its manifest.json',
  ]),
])('%s: refused', async (_, file, problem) => {
  await expect(read(file)).rejects.toThrow(`x.crx: ${problem}`)
})

describe('whatever the bytes are', () => {
  const isRefused = async (file: Uint8Array): Promise<boolean> => {
    try {
      await read(file)
      return false
    } catch (error) {
      expect(error).toBeInstanceOf(PlatteError)
      return true
    }
  }

  test('a changed byte is refused', async () => {
    const at = fc.integer({ min: 4, max: good.length - 1 })
    await fc.assert(fc.asyncProperty(at, async (i) => void expect(await isRefused(changed(i))).toBe(true)))
  })

  test('only coded errors', async () => {
    const isBad = async (bytes: Uint8Array) =>
      void expect(await isRefused(Buffer.concat([bare(bytes.length >> 1), bytes]))).toBe(true)
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), isBad))
  })
})
