/** Receipts: what publishing demands, and what it does not take for one. */
import { beforeEach, describe, expect, test } from 'vitest'
import { rotateKey } from '../../src/catalog/rotate.ts'
import { receiptKey } from '../../src/documents/paths.ts'
import { requireReceipt } from '../../src/publish-api/receipts.ts'
import { openUploads } from '../../src/publish-api/uploads.ts'
import { type EnvelopeType, seal } from '../../src/trust/envelope.ts'
import { bytesOf, newKey, refusal, type TestKey } from '../world.ts'
import { announced, files, keysOf, orderOf, stored, type UploadScene, uploadAll, uploadScene } from './scene.ts'

const [file] = files
const order = orderOf([file])
const [key = ''] = keysOf(order)
const { name: _, ...claim } = announced(file)
const says = { format: 1, type: 'receipt', key, ...claim, at: '2026-11-23T06:00:00.000Z' }

let scene: UploadScene
beforeEach(async () => {
  scene = await uploadScene()
  expect(await uploadAll(scene.uploading, [file])).toEqual(['received'])
})

const required = (more: object = {}): Promise<string> =>
  refusal(requireReceipt(scene.uploading, key, { ...claim, ...more }))

/** Puts a receipt there, whoever signed it. */
async function forge(signers: readonly TestKey[], more: object = {}, type: EnvelopeType = 'platte-receipt+jws') {
  await scene.bucket.overwrite(receiptKey(key), await seal(type, bytesOf({ ...says, ...more }), signers))
}

/** Nothing but looking at the bytes again makes it good. */
async function comesBack(): Promise<void> {
  expect((await openUploads(scene.uploading, order)).map(({ kind }) => kind)).toEqual(['missing'])
  expect(await uploadAll(scene.uploading, [file])).toEqual(['received'])
  expect(await required()).toBe('accepted')
}

test('a receipt by the publish function is accepted', async () => {
  expect(await required()).toBe('accepted')
})

describe('a receipt is refused', () => {
  test('if there is none', async () => {
    scene.bucket.erase(receiptKey(key))
    expect(await required()).toBe(`refused: ${key} cannot be published: there is no receipt for it`)
    await comesBack()
  })

  test.each<[string, object, RegExp]>([
    ['size', { size: 7 }, /says size 2500, not 7/],
    ['SHA-256', { sha256: 'a'.repeat(64) }, /says sha256 .*, not aaaa/],
    ['SHA-1', { sha1: 'a'.repeat(40) }, /says sha1 .*, not aaaa/],
  ])('for another %s', async (_, more, words) => {
    expect(await required(more)).toMatch(words)
  })

  test('of another package, copied to this one', async () => {
    await forge(scene.keys.timestamp, { key: key.replace('/2/', '/3/') })
    expect(await required()).toMatch(/^refused: .*its receipt says key /)
    await comesBack()
  })

  test.each(['root', 'release'] as const)('signed by the %s key', async (role) => {
    await forge(scene.keys[role])
    expect(await required()).toMatch(/^refused: .*is not a key of this role/)
    await comesBack()
  })

  test('signed by an unknown key', async () => {
    await forge([await newKey('ES256')])
    expect(await required()).toMatch(/^refused: .*0 of 1 needed signatures/)
    await comesBack()
  })

  test('of another store', async () => {
    const timestamp = await newKey('EdDSA')
    const other = await uploadScene({ timestamp: [timestamp] })
    await uploadAll(other.uploading, [file])
    await scene.bucket.overwrite(receiptKey(key), await other.bucket.read(receiptKey(key)))
    expect(await required()).toMatch(/^refused: .*is not a key of this role/)
    await comesBack()
  })

  test('signed as another type', async () => {
    await forge(scene.keys.timestamp, {}, 'platte-catalog+jws')
    expect(await required()).toMatch(/^refused: .*signed it as "platte-catalog\+jws"/)
    await comesBack()
  })

  test('signed by a key that left the role', async () => {
    const timestamp = await newKey('ES256')
    const rotation = { role: 'timestamp', key: timestamp.jwk } as const
    await rotateKey({ ...scene.publisher, timestamp: [...scene.keys.timestamp, timestamp] }, rotation, scene.keys.root)
    scene = { ...scene, uploading: { ...scene.uploading, timestamp: [timestamp] } }
    expect(await required()).toMatch(/^refused: .*is not a key of this role/)
    await comesBack()
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['other JSON', '{}'],
  ])('if the object holds %s', async (_, text) => {
    await scene.bucket.overwrite(receiptKey(key), bytesOf(text))
    expect(await required()).toMatch(/^refused: /)
    await comesBack()
  })

  test('if the object is above the size limit: an operator must remove it', async () => {
    await scene.bucket.overwrite(receiptKey(key), bytesOf('x'.repeat(20_000)))
    expect(await required()).toMatch(/^refused: .*receipts\/[0-9a-f]{32}\.jws: is larger than 16384 bytes/)
    expect(await refusal(uploadAll(scene.uploading, [file]))).toMatch(/^too-large: receipts\//)
  })

  test('if the package is missing', async () => {
    await scene.packages.remove(key)
    expect(await required()).toBe(`refused: ${key} cannot be published: it is not in the store`)
    await comesBack()
    expect(await stored(scene, key)).toEqual(file.bytes)
  })
})

test('an unavailable store is reported as such, not as a missing receipt', async () => {
  const down = { ...scene.uploading.documents, get: () => Promise.reject(new Error('the line went dead')) }
  await expect(requireReceipt({ ...scene.uploading, documents: down }, key, claim)).rejects.toThrow('went dead')
})
