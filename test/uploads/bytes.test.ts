/** What becomes of bytes that are wrong, that were there before, or that two clients send at once. */
import { describe, expect, test } from 'vitest'
import { requireReceipt } from '../../src/publish-api/receipts.ts'
import { completeUpload } from '../../src/publish-api/uploads.ts'
import { sample } from '../conformance/rows.ts'
import { refusal } from '../world.ts'
import {
  announced,
  bodyOf,
  files,
  keysOf,
  openMissing,
  orderOf,
  sendParts,
  stored,
  uploadAll,
  uploadScene,
} from './scene.ts'

const [file] = files

describe('bytes that differ from the announced ones', () => {
  const other = { name: file.name, bytes: file.bytes.with(7, (file.bytes[7] ?? 0) ^ 1) }

  test('never get a package key, are reported with both digests, and the next upload starts over', async () => {
    const scene = await uploadScene()
    const { uploading } = scene
    const order = orderOf([file])
    const [key = ''] = keysOf(order)
    const [upload] = await openMissing(uploading, order)
    if (upload === undefined) throw new Error('nothing is missing')
    await sendParts(uploading, upload, other)
    const completed = await completeUpload(uploading, upload.id)
    const problem = `${key}: has SHA-256 ${announced(other).sha256}, expected ${announced(file).sha256}`
    expect(completed).toEqual({ kind: 'wrong', problem })
    expect(await stored(scene, key)).toBeUndefined()
    expect(await completeUpload(uploading, upload.id)).toEqual({ kind: 'unknown' })
    const [next] = await openMissing(uploading, order)
    expect([next?.id === upload.id, next?.have]).toEqual([false, []])
    expect(await uploadAll(uploading, [file])).toEqual(['received'])
  })

  test('in SHA-1 only are refused as well', async () => {
    const { uploading } = await uploadScene()
    const order = orderOf([file])
    const wrong = { ...order, packages: [{ ...announced(file), sha1: announced(other).sha1 }] }
    expect(await uploadAll(uploading, [file], wrong)).toEqual(['wrong'])
    expect(await refusal(requireReceipt(uploading, keysOf(order)[0] ?? '', announced(file)))).toMatch(/no receipt/)
    expect(await uploadAll(uploading, [file], order)).toEqual(['received'])
  })
})

describe('a package in its place without a receipt', () => {
  const order = orderOf([file])
  const [key = ''] = keysOf(order)

  test('is verified instead of uploaded again', async () => {
    const { uploading, packages } = await uploadScene()
    await packages.put(key, bodyOf(file.bytes), announced(file))
    const [upload] = await openMissing(uploading, order)
    expect([upload?.parts, upload?.have]).toEqual([[], [1, 2, 3]])
    expect((await completeUpload(uploading, upload?.id ?? '')).kind).toBe('received')
  })

  test('is removed if its bytes belong to another key, and then uploaded', async () => {
    const scene = await uploadScene()
    const { uploading, packages } = scene
    const bad = sample(file.bytes.length, 99)
    await packages.put(key, bodyOf(bad), { ...announced({ name: '', bytes: bad }) })
    expect(await uploadAll(uploading, [file])).toEqual(['wrong'])
    expect(await stored(scene, key)).toBeUndefined()
    expect(await uploadAll(uploading, [file])).toEqual(['received'])
    expect(await stored(scene, key)).toEqual(file.bytes)
  })

  test('is removed if it arrived during the upload of the right one', async () => {
    const scene = await uploadScene()
    const { uploading, packages } = scene
    const bad = sample(file.bytes.length, 99)
    const [upload] = await openMissing(uploading, order)
    if (upload === undefined) throw new Error('nothing is missing')
    await sendParts(uploading, upload, file)
    await packages.put(key, bodyOf(bad), { ...announced({ name: '', bytes: bad }) })
    expect((await completeUpload(uploading, upload.id)).kind).toBe('received')
    expect(await stored(scene, key)).toEqual(file.bytes)
  })

  test.each<[string, object]>([
    ['another size', { size: file.bytes.length - 1 }],
    ['another SHA-1', { sha1: 'a'.repeat(40) }],
  ])('survives a client that claims %s', async (_, claim) => {
    const scene = await uploadScene()
    const { uploading, packages } = scene
    await packages.put(key, bodyOf(file.bytes), announced(file))
    const lie = { ...order, packages: [{ ...announced(file), ...claim }] }
    expect(await uploadAll(uploading, [file], lie).catch(({ code }) => code)).not.toEqual(['received'])
    expect(await stored(scene, key)).toEqual(file.bytes)
    expect(await uploadAll(uploading, [file])).toEqual(['received'])
  })
})

describe('two clients at once', () => {
  test('get the same uploads, and both succeed', async () => {
    const scene = await uploadScene()
    const { uploading } = scene
    const [one, two] = await Promise.all([openMissing(uploading), openMissing(uploading)])
    expect(one).toEqual(two)
    await Promise.all(one.flatMap((upload, i) => [1, 2].map(() => sendParts(uploading, upload, files[i] ?? file))))
    const completed = await Promise.all(one.flatMap(({ id }) => [1, 2, 3].map(() => completeUpload(uploading, id))))
    expect(completed.map(({ kind }) => kind)).toEqual(Array(6).fill('received'))
    const receipts = completed.map((one) => JSON.stringify(one))
    expect(new Set(receipts).size).toBe(2)
    for (const [i, key] of keysOf(orderOf()).entries()) expect(await stored(scene, key)).toEqual(files[i]?.bytes)
  })

  test('that claim different bytes for one package cannot change it', async () => {
    const { uploading } = await uploadScene()
    const order = orderOf([file])
    const lie = { ...order, packages: [{ ...announced(file), sha1: 'a'.repeat(40) }] }
    await Promise.all([uploadAll(uploading, [file], order), uploadAll(uploading, [file], lie)]).catch(() => undefined)
    expect(await uploadAll(uploading, [file], lie)).toEqual(['wrong'])
    expect(['there', 'received']).toContain((await uploadAll(uploading, [file], order))[0])
  })
})
