/** What is refused of a payload, and with which of update_engine's errors. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { beforeAll, describe, expect, test } from 'vitest'
import { judged, judgeSignature, type PayloadCheck, payloadReader } from '../../src/payload/check.ts'
import { type PayloadKey, readPayloadKey } from '../../src/payload/keys.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import * as made from '../payloads.ts'
import { field, payloadOfManifest, signedByAnother, signedSample, unsignedSample } from '../payloads.ts'
import { refusal } from '../world.ts'

const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
const long = generateKeyPairSync('rsa', { modulusLength: 4096 })
let sampleKey: PayloadKey
let ownKey: PayloadKey
let longKey: PayloadKey
beforeAll(async () => {
  sampleKey = await readPayloadKey(made.sampleKeyPem, 'sample')
  ownKey = await readPayloadKey(pemOf(own.publicKey), 'own')
  longKey = await readPayloadKey(pemOf(long.publicKey), 'long')
})

/** Reads a file as it would arrive: in chunks of that many bytes. */
async function judge(bytes: Uint8Array, more: Partial<PayloadCheck> = {}, chunk = 4096): Promise<string> {
  const reader = payloadReader({ name: 'x', newHasher: nodeHasher, isRequired: () => true, keys: [], ...more })
  const reading = async (): Promise<void> => {
    for (let at = 0; at < bytes.length; at += chunk) await reader.update(bytes.subarray(at, at + chunk))
    await reader.end()
  }
  return reading().then(
    () => 'accepted',
    (error: unknown) => refusal(Promise.reject(error)),
  )
}

/** The error of update_engine, or the words where it has none. */
const codeOf = (verdict: string): string | number =>
  Number(/\(update_engine's error (\d+)\)/.exec(verdict)?.[1]) || verdict

function flipped(at: number, bit = 1, bytes = signedSample): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ bit
  return copy
}

const cut = (length: number): Uint8Array => signedSample.subarray(0, length)
const [head, data, signatures, whole] = [20, 202, 41_259, 41_523]
const both = [[false], [true]] as const

test('the samples are laid out as the table says', () => {
  expect(Buffer.from(signedSample).readBigUInt64BE(12)).toBe(BigInt(data - head))
  expect([signedSample.length, signatures + 264]).toEqual([whole, whole])
})

describe.each([1, 7, 4096, 100_000])('in chunks of %i bytes', (chunk) => {
  test.each([
    ['signed, its key', signedSample, () => [sampleKey], 'accepted'],
    ['signed, no key', signedSample, () => [], 'accepted'],
    ['signed, two keys', signedSample, () => [ownKey, sampleKey], 'accepted'],
    ['signed, another key', signedSample, () => [ownKey], 18],
    ['signed, a longer key', signedSample, () => [longKey], 18],
    ['signed by another', signedByAnother, () => [sampleKey], 18],
    ['signed by another, no key', signedByAnother, () => [], 'accepted'],
    ['unsigned, a key', unsignedSample, () => [sampleKey], 17],
    ['unsigned, no key', unsignedSample, () => [], 'accepted'],
  ])('%s', async (_, bytes, keys, expected) => {
    expect(codeOf(await judge(bytes, { keys: keys() }, chunk))).toBe(expected)
  })
})

describe.each(both)('its size known: %s', (isKnown) => {
  const verdict = async (bytes: Uint8Array, keys: readonly PayloadKey[]) =>
    codeOf(await judge(bytes, { keys, ...(isKnown && { size: bytes.length }) }))

  test.each([
    [0, 21],
    [3, 21],
    [4, 11],
    [19, 11],
    [head, 11],
    [data - 1, 11],
    [data, 11],
    [30_000, 11],
    [signatures, 11],
    [signatures + 10, 11],
    [whole - 1, 11],
  ])('cut after %i bytes', async (length, code) => {
    expect(await verdict(cut(length), [])).toBe(code)
    expect(await verdict(cut(length), [sampleKey])).toBe(code)
  })

  test.each([
    ['magic', 0, 0x20, 21, 21],
    ['magic', 3, 0x01, 21, 21],
    ['version', 11, 0x02, /has version 3 of the format/, /has version 3/],
    ['version', 4, 0x80, /has version \d+ of the format/, /has version/],
    ['data', data, 0x01, 29, 29],
    ['data', signatures - 1, 0x80, 29, 29],
    ['signature: its message', signatures, 0x01, 'accepted', 18],
    ['signature: its data', whole - 1, 0x01, 'accepted', 18],
    ['signature: its version', signatures + 4, 0x03, 'accepted', 18],
    ['size of the manifest: smaller', 19, 0x80, 23, 23],
    ['size of the manifest: larger', 18, 0x01, 23, 23],
  ])('flipped in %s (byte %i, bits %i)', async (_, at, bit, code, codeWithKey) => {
    for (const [keys, expected] of [
      [[], code],
      [[sampleKey], codeWithKey],
    ] as const) {
      const found = await verdict(flipped(at, bit), keys)
      if (expected instanceof RegExp) expect(found).toMatch(expected)
      else expect(found).toBe(expected)
    }
  })

  test.each([1, 1000, 200_000])('%i bytes appended', async (more) => {
    expect(await verdict(Buffer.concat([signedSample, Buffer.alloc(more)]), [sampleKey])).toBe(11)
    expect(await verdict(Buffer.concat([unsignedSample, Buffer.alloc(more)]), [])).toBe(11)
  })

  test('flipped in size of the manifest: larger than the file', async () => {
    expect(await verdict(flipped(17), [])).toBe(11)
    const huge = await verdict(flipped(12), [])
    if (isKnown) expect(huge).toBe(11)
    else expect(huge).toMatch(/has a manifest of 7205759403792\d+ bytes, more than 4194304/)
  })

  test('every flipped bit of head and manifest is refused under its key', async () => {
    for (let at = 0; at < data; at++)
      for (const bit of [1, 16, 128])
        expect(await verdict(flipped(at, bit), [sampleKey]), `byte ${at}`).not.toBe('accepted')
  })
})

describe('manifests', () => {
  const [one, two] = [Buffer.from('first data'), Buffer.from('second')]
  const newInfo = field(9, field(1, 16))
  const operation = (offset: number, bytes: Uint8Array) => field(1, made.operationOf(offset, bytes))
  const procedure = (...parts: Buffer[]) => field(10, Buffer.concat(parts))
  const payload = (parts: Buffer[], ...rest: Uint8Array[]) => payloadOfManifest(Buffer.concat(parts), ...rest)
  const type = (number: number) => field(1, number)

  test.each([
    ['two operations', payload([operation(0, one), operation(10, two), newInfo], one, two), 'accepted'],
    [
      'fields of later versions',
      payload([newInfo, field(99, one), field(100, 7), Buffer.from('e5064444', 'hex'), one.subarray(0, 2)]),
      'accepted',
    ],
    ['no operation', payload([newInfo]), 'accepted'],
    ['nothing', payload([]), 12],
    ['no new partition', payload([operation(0, one)], one), 12],
    ['a gap', payload([operation(1, one), newInfo], Buffer.alloc(1), one), 28],
    ['data twice', payload([operation(0, one), operation(0, one), newInfo], one), 28],
    ['data beyond the file', payload([operation(0, one), operation(10, two), newInfo], one), 11],
    ['no hash', payload([field(1, Buffer.concat([type(0), field(3, 10)])), newInfo], one), 38],
    ['another hash', payload([operation(0, one), newInfo], Buffer.from('other data')), 29],
    ['a hash of no data', payload([field(1, Buffer.concat([type(0), field(8, one)])), newInfo]), 29],
    ['an operation without type', payload([field(1, field(3, 0)), newInfo]), 23],
    ['an unknown operation', payload([field(1, type(4)), newInfo]), 23],
    ['a broken extent', payload([field(1, Buffer.concat([type(0), field(6, one)])), newInfo]), 23],
    ['a length of 2^32', payload([field(1, Buffer.concat([type(0), field(3, 2 ** 32)])), newInfo]), 23],
    [
      'a kernel',
      payload([newInfo, procedure(type(0), field(2, made.operationOf(0, one)), field(4, type(1)))], one),
      'accepted',
    ],
    [
      'a kernel: another hash',
      payload(
        [newInfo, procedure(type(0), field(2, made.operationOf(0, one)), field(4, type(1)))],
        Buffer.from('other data'),
      ),
      29,
    ],
    ['a kernel without size', payload([newInfo, procedure(type(0))]), 23],
    [
      'an unknown procedure, which clients pass over',
      payload([newInfo, procedure(type(7), field(2, made.operationOf(0, one)))], Buffer.from('other data')),
      'accepted',
    ],
    ['an unknown procedure, cut', payload([newInfo, procedure(type(7), field(2, made.operationOf(0, one)))], two), 11],
    ['signatures elsewhere', payload([operation(0, one), field(4, 9), field(5, 4), newInfo], one, two), 28],
    ['signatures beyond the file', payload([operation(0, one), field(4, 10), field(5, 60_000), newInfo], one), 11],
    ['a group', payload([newInfo, Buffer.from('0b0c', 'hex')]), 23],
    ['a varint without end', payload([newInfo, Buffer.alloc(12, 0xff)]), 23],
    ['a length beyond the manifest', payload([newInfo, Buffer.from('0a7f', 'hex')]), 23],
    ['field 0', payload([newInfo, Buffer.from('0000', 'hex')]), 23],
  ])('%s', async (_, bytes, expected) => {
    expect(codeOf(await judge(bytes))).toBe(expected)
    expect(codeOf(await judge(bytes, { size: bytes.length }, 1))).toBe(expected)
  })

  test('signatures of more than 64 KiB', async () => {
    const big = Buffer.alloc(70_000)
    const bytes = payload([newInfo, field(4, 0), field(5, big.length)], big)
    expect(await judge(bytes, { size: bytes.length })).toMatch(/has signatures of 70000 bytes, more than 65536/)
  })
})

describe('signatures', () => {
  const content = Buffer.alloc(5000, 'data')
  const slots = (...versions: readonly (readonly [number, KeyObject])[]) =>
    made.payloadOf(
      content,
      versions.map(([version, key]) => ({ version, key })),
    )

  test.each([
    ['version 2', slots([2, own.privateKey]), 'accepted', 'accepted'],
    ['version 2 in the second slot', slots([1, long.privateKey], [2, own.privateKey]), 'accepted', 'accepted'],
    ['version 1 only', slots([1, own.privateKey]), 18, 'accepted'],
    ['the key’s is version 1', slots([1, own.privateKey], [2, long.privateKey]), 18, 'accepted'],
    ['two of version 2: the first counts', slots([2, long.privateKey], [2, own.privateKey]), 18, 'accepted'],
    ['none', slots(), 17, 17],
  ])('%s', async (_, bytes, first, extra) => {
    expect(codeOf(await judge(bytes, { keys: [ownKey] }))).toBe(first)
    expect(codeOf(await judge(bytes, { keys: [ownKey], isExtra: true }))).toBe(extra)
  })

  test('a key of 4096 bits, and one of two', async () => {
    expect(await judge(slots([2, long.privateKey]), { keys: [longKey] })).toBe('accepted')
    expect(await judge(slots([2, long.privateKey]), { keys: [ownKey, longKey] })).toBe('accepted')
  })

  test('judged when the keys are known', async () => {
    const reader = payloadReader({ name: 'x', newHasher: nodeHasher, isRequired: () => true, keys: 'later' })
    await reader.update(signedSample)
    const signed = await reader.end()
    if (signed === undefined) throw new Error('a payload')
    await judgeSignature(signed, { name: 'x', keys: [sampleKey] })
    await judgeSignature(signed, { name: 'x', keys: [] })
    expect(codeOf(await refusal(judgeSignature(signed, { name: 'x', keys: [ownKey] })))).toBe(18)
  })
})

test.each([
  ['any other file', Buffer.from('#!/bin/sh')],
  ['a short one', Buffer.from('Cr')],
  ['an empty one', Buffer.alloc(0)],
])('%s passes where no payload is required', async (_, bytes) => {
  expect(await judge(bytes, { isRequired: () => false, keys: [sampleKey] })).toBe('accepted')
  expect(await judge(bytes)).toMatch(/^refused: x does not begin with CrAU.*\(update_engine's error 21\)/)
})

describe('keys', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  test.each([
    ['1024 bits', pemOf(small)],
    ['no RSA key', pemOf(curve)],
    ['a private key', own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['cut', made.sampleKeyPem.slice(0, 200)],
    ['PEM of something else', made.sampleKeyPem.replace('MIIB', 'AAAA')],
    ['empty', ''],
  ])('%s', async (_, pem) => {
    expect(await refusal(readPayloadKey(pem, 'key.pem'))).toMatch(
      /^usage: key.pem is no public RSA key of 2048 to 8192 bits/,
    )
  })

  test('an id is the SHA-256 of the SubjectPublicKeyInfo', () => {
    const spki = own.publicKey.export({ type: 'spki', format: 'der' })
    expect(ownKey.sha256).toBe(made.sha256Of(spki).toString('hex'))
  })
})

describe('as a stream', () => {
  const through = async (bytes: Uint8Array) => {
    const check = { name: 'x', newHasher: nodeHasher, isRequired: () => true, keys: [sampleKey] }
    return buffer(judged(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream(), check))
  }

  test('a payload passes unchanged', async () => {
    expect((await through(signedSample)).equals(signedSample)).toBe(true)
  })

  test.each([
    ['the first chunk', flipped(0), /error 21/],
    ['the last one', cut(whole - 1), /error 11/],
    ['the end', signedByAnother, /error 18/],
  ])('it fails at %s', async (_, bytes, words) => {
    expect(await refusal(through(bytes))).toMatch(words)
  })
})

test('the smallest payload is one of text', async () => {
  expect(made.payloadText()).toBe('CrAU\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x04J\x02\x12\0')
  for (const text of ['', '1.0.0 amd64-usr', 'x'.repeat(100)])
    expect(await judge(Buffer.from(made.payloadText(text)), { size: made.payloadText(text).length })).toBe('accepted')
})
