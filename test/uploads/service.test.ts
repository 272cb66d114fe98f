/** Uploads as use cases: what is asked for, taken, refused, resumed and looked at. */
import { describe, expect, test } from 'vitest'
import { uploadKey } from '../../src/documents/paths.ts'
import { requireReceipt } from '../../src/publish-api/receipts.ts'
import { checkUploadOrder, type UploadOrder } from '../../src/publish-api/upload-records.ts'
import { completeUpload, openUploads, takePart } from '../../src/publish-api/uploads.ts'
import { listed, sample } from '../conformance/rows.ts'
import { day, refusal } from '../world.ts'
import {
  announced,
  bodyOf,
  files,
  keysOf,
  openMissing,
  orderOf,
  partBytes,
  partOf,
  sendParts,
  stored,
  uploadAll,
  uploadScene,
} from './scene.ts'

const [file] = files
const gibibyte = 1024 ** 3

describe('an upload request', () => {
  const one = announced(file)
  const withPackage = (more: object) => ({ ...orderOf(), packages: [{ ...one, ...more }] })
  test.each<[string, unknown, RegExp]>([
    ['no object', 'order', /uploads: the document:/],
    ['no packages', { ...orderOf(), packages: [] }, /packages: names no package/],
    [
      '10,000 packages',
      { ...orderOf(), packages: Array.from({ length: 10_000 }, (_, i) => ({ ...one, name: `a${i}` })) },
      /names more than 64 packages/,
    ],
    ['a package twice', { ...orderOf(), packages: [one, one] }, /names a package twice/],
    ['0 bytes', withPackage({ size: 0 }), /packages\.0\.size: is empty/],
    ['more than 20 GiB', withPackage({ size: 20 * gibibyte + 1 }), /size: is larger than 21474836480 bytes/],
    ['half a byte', withPackage({ size: 1.5 }), /packages\.0\.size/],
    ['a size in words', withPackage({ size: '10' }), /packages\.0\.size/],
    ['a path for a name', withPackage({ name: '../update.gz' }), /packages\.0\.name/],
    ['dots in a name', withPackage({ name: 'a..b' }), /must not contain \.\./],
    ['a SHA-256 in capitals', withPackage({ sha256: one.sha256.toUpperCase() }), /64 hex digits/],
    ['no SHA-1', withPackage({ sha1: undefined }), /packages\.0\.sha1/],
    ['one more member', withPackage({ secret: 'x' }), /packages\.0\.secret/],
    ['an app that is a reserved name', { ...orderOf(), app: '__proto__' }, /app/],
    ['an app with a path', { ...orderOf(), app: 'a/b' }, /app/],
    ['no channel', { ...orderOf(), channel: undefined }, /channel/],
    ['an invalid version', { ...orderOf(), version: 'latest' }, /version: must be numbers/],
    ['a board with a path', { ...orderOf(), board: '../x' }, /board/],
  ])('with %s is refused', async (_, order, says) => {
    const refused = await refusal((async () => checkUploadOrder(order))())
    expect(refused).toMatch(/^bad-request: uploads: /)
    expect(refused).toMatch(says)
  })

  test('of 20 GiB is accepted if the store can take it', async () => {
    const { uploading } = await uploadScene()
    const order = checkUploadOrder(withPackage({ size: 20 * gibibyte })) satisfies UploadOrder
    expect(await refusal(openUploads(uploading, order))).toMatch(
      /^too-large: update.gz: .* the store's limit is 1073741824/,
    )
    const able = { ...uploading, uploads: { ...uploading.uploads, maxBytes: 20 * gibibyte, partBytes: 32 * 1024 ** 2 } }
    const [upload] = await openMissing(able, order)
    expect(upload?.parts.length).toBe(640)
  })

  test('returns at most a thousand parts, and the others when repeated', async () => {
    const { uploading } = await uploadScene()
    const many = [0, 1, 2].map((i) => ({ name: `${i}.gz`, bytes: sample(700 * partBytes, i) }))
    expect((await openMissing(uploading, orderOf(many))).map(({ parts }) => parts.length)).toEqual([700, 300, 0])
    for (let request = 1; request <= 3; request++) {
      const uploads = await openMissing(uploading, orderOf(many))
      for (const [i, upload] of uploads.entries()) await sendParts(uploading, upload, many[i] ?? file)
    }
    expect(await uploadAll(uploading, many)).toEqual(['received', 'received', 'received'])
  })

  test('is refused before any upload if the receipt cannot be signed', async () => {
    const { uploading, bucket } = await uploadScene()
    expect(await refusal(openUploads({ ...uploading, timestamp: [] }, orderOf()))).toMatch(/^credentials: /)
    expect(await listed(bucket.list('uploads/'))).toEqual([])
  })
})

describe('an uploaded package', () => {
  test('has a receipt once it is complete, and is in place from then on', async () => {
    const scene = await uploadScene()
    const { uploading } = scene
    const order = orderOf()
    const [first, second] = await openMissing(uploading, order)
    expect(first?.parts).toEqual(
      [1000, 1000, 500].map((size, i) => ({ number: i + 1, size, url: `/v1/uploads/${first?.id}/${i + 1}` })),
    )
    expect(first?.id).toMatch(/^[0-9a-f]{64}$/)
    expect([second?.parts.length, second?.have]).toEqual([1, []])
    expect(await uploadAll(uploading)).toEqual(['received', 'received'])
    for (const [i, key] of keysOf(order).entries()) {
      expect(await stored(scene, key)).toEqual(files[i]?.bytes)
      const { name: _, ...claim } = announced(files[i] ?? file)
      expect(await requireReceipt(uploading, key, claim)).toMatchObject({ key, ...claim, type: 'receipt' })
    }
    expect(await openUploads(uploading, order)).toEqual(files.map(({ name }) => ({ name, kind: 'there' })))
  })

  test('is not uploaded again: the same request has the same ids, and lists received parts', async () => {
    const { uploading } = await uploadScene()
    const [first] = await openMissing(uploading)
    if (first === undefined) throw new Error('nothing is missing')
    await takePart(uploading, first.id, { number: 2, size: 1000, body: bodyOf(partOf(file, first, 2)) })
    const [again] = await openMissing(uploading)
    expect(again).toEqual({ ...first, parts: [first.parts[0], first.parts[2]], have: [2] })
    expect(await completeUpload(uploading, first.id)).toEqual({ kind: 'incomplete', missing: [1, 3] })
    expect(await uploadAll(uploading)).toEqual(['received', 'received'])
  })

  test('has a different id for another version, channel or board', async () => {
    const { uploading } = await uploadScene()
    const ids = [orderOf(), orderOf(files, { version: '3' }), orderOf(files, { board: 'arm64-usr' })].map(
      async (order) => (await openMissing(uploading, order)).map(({ id }) => id),
    )
    expect(new Set((await Promise.all(ids)).flat()).size).toBe(6)
  })

  test.each<[string, number, number, RegExp]>([
    ['a part that is not one of it', 4, 1000, /there is no part 4: this upload has 3/],
    ['part 0', 0, 1000, /there is no part 0/],
    ['one byte more than announced', 3, 501, /part 3 has 500 bytes, not 501/],
    ['one byte less than announced', 1, 999, /part 1 has 1000 bytes, not 999/],
    ['nothing', 1, 0, /part 1 has 1000 bytes, not 0/],
  ])('%s is refused', async (_, number, size, says) => {
    const { uploading } = await uploadScene()
    const [upload] = await openMissing(uploading)
    const body = bodyOf(sample(size, 1))
    expect(await refusal(takePart(uploading, upload?.id ?? '', { number, size, body }))).toMatch(says)
  })

  test.each([
    ['short', 999, /part 1 has 999 instead of 1000 bytes/],
    ['long', 1001, /part 1 has more than 1000 bytes/],
  ])('with a body that is %s is refused, whatever was announced, and leaves nothing', async (_, size, says) => {
    const { uploading } = await uploadScene()
    const [upload] = await openMissing(uploading)
    const body = bodyOf(sample(size, 1))
    expect(await refusal(takePart(uploading, upload?.id ?? '', { number: 1, size: 1000, body }))).toMatch(says)
    expect((await openMissing(uploading))[0]?.have).toEqual([])
  })
})

test('a part of another size is missing, however it got there', async () => {
  const { uploading } = await uploadScene()
  const { uploads } = uploading
  const cut = {
    ...uploads,
    parts: async () => [
      { number: 1, size: 1000 },
      { number: 2, size: 7 },
    ],
  }
  const [upload] = await openMissing({ ...uploading, uploads: cut })
  expect(upload?.have).toEqual([1])
  expect(await completeUpload({ ...uploading, uploads: cut }, upload?.id ?? '')).toMatchObject({ missing: [2, 3] })
})

describe('an upload id', () => {
  test.each<[string, (id: string) => string]>([
    ['of nothing', () => 'f'.repeat(64)],
    ['with another secret', (id) => id.slice(0, 63) + (id.endsWith('0') ? '1' : '0')],
    ['with another slot', (id) => (id.startsWith('0') ? '1' : '0') + id.slice(1)],
    ['in capitals', (id) => id.toUpperCase()],
    ['that is too short', (id) => id.slice(0, 32)],
    ['that is a path', () => '../../catalog'],
    ['that is empty', () => ''],
  ])('%s opens nothing', async (_, change) => {
    const { uploading } = await uploadScene()
    const [upload] = await openMissing(uploading)
    const id = change(upload?.id ?? '')
    expect(await completeUpload(uploading, id)).toEqual({ kind: 'unknown' })
    expect(await takePart(uploading, id, { number: 1, size: 1000, body: bodyOf(sample(1000, 1)) })).toBe('unknown')
  })

  test('expires after a day, and the request starts over', async () => {
    const { uploading, time } = await uploadScene()
    const [upload] = await openMissing(uploading)
    time.now += day - 1
    expect((await openMissing(uploading))[0]?.id).toBe(upload?.id)
    time.now += 1
    expect(await completeUpload(uploading, upload?.id ?? '')).toEqual({ kind: 'unknown' })
    expect((await openMissing(uploading))[0]?.id).not.toBe(upload?.id)
    expect(await uploadAll(uploading)).toEqual(['received', 'received'])
  })

  test('is not trusted from a document that somebody else wrote', async () => {
    const { uploading, bucket } = await uploadScene()
    const [upload] = await openMissing(uploading)
    const slot = (upload?.id ?? '').slice(0, 32)
    for (const text of ['', '{}', 'null', '{"format":1']) {
      await bucket.overwrite(uploadKey(slot), new TextEncoder().encode(text))
      expect(await completeUpload(uploading, upload?.id ?? '')).toEqual({ kind: 'unknown' })
    }
    expect(await uploadAll(uploading)).toEqual(['received', 'received'])
  })
})
