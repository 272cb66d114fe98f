/** What becomes of packages on their way into a bucket and out of it. */
import { createHash } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { sample } from '../conformance/rows.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import type { Operation } from '../s3/operations.ts'
import { type Fault, startS3 } from '../s3/server.ts'

const s3 = await startS3()
useCredentials(s3)
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})
beforeEach(() => {
  s3.fault = () => undefined
  s3.denied.clear()
  s3.bucket.objects.clear()
  s3.bucket.uploads.clear()
  s3.seen.length = 0
})

const mebibyte = 1024 * 1024
const content = sample(20 * mebibyte, 3)
const expected = { size: content.length, sha256: createHash('sha256').update(content).digest('hex') }
const key = 'packages/os.gz'
const open = async (patienceMs?: number) =>
  s3Packages(await openStrict(s3, patienceMs === undefined ? {} : { patienceMs }), nodeHasher)

function bodyOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at + 300_000))
      at += 300_000
      if (at >= bytes.length) controller.close()
    },
  })
}

/** Puts a fault on the first so many requests of one kind. */
function failing(operation: Operation, fault: Fault, times = Number.POSITIVE_INFINITY): void {
  let left = times
  s3.fault = (seen) => (seen.operation === operation && left-- > 0 ? fault : undefined)
}

const count = (operation: Operation): number => s3.seen.filter((seen) => seen.operation === operation).length
const isStored = (): boolean =>
  Buffer.from(s3.bucket.objects.get(`here/${key}`)?.bytes ?? []).equals(Buffer.from(content))
const nothing = () => {
  expect([...s3.bucket.objects.keys()]).toEqual([])
  expect([...s3.bucket.uploads.keys()]).toEqual([])
}

describe('put', () => {
  test('uploads a package in parts, each once', async () => {
    expect(await (await open()).put(key, bodyOf(content), expected)).toBe('stored')
    expect(isStored()).toBe(true)
    expect(count('UploadPart')).toBe(4)
    expect(s3.bucket.objects.get(`here/${key}`)?.etag).toMatch(/-4"$/)
  })

  test('of unexpected bytes aborts the upload before they get a key', async () => {
    const other = content.slice()
    other[other.length - 1] = ~(other.at(-1) ?? 0)
    await expect((await open()).put(key, bodyOf(other), expected)).rejects.toMatchObject({ code: 'mismatch' })
    expect(count('UploadPart')).toBeGreaterThan(0)
    expect(count('CompleteMultipartUpload')).toBe(0)
    nothing()
  })

  test('reports unexpected bytes even if it may not abort the upload', async () => {
    s3.denied.add('s3:AbortMultipartUpload')
    const put = (await open()).put(key, bodyOf(content.slice(1)), expected)
    await expect(put).rejects.toMatchObject({ code: 'mismatch' })
    expect([...s3.bucket.objects]).toEqual([])
  })

  test.each<[Operation, Fault]>([
    ['CreateMultipartUpload', 'reset'],
    ['CreateMultipartUpload', 'lost'],
    ['UploadPart', 'reset'],
    ['UploadPart', 'lost'],
    ['UploadPart', 'slow-down'],
    ['UploadPart', 'late-error'],
    ['CompleteMultipartUpload', 'reset'],
    ['CompleteMultipartUpload', 'lost'],
    ['CompleteMultipartUpload', 'late-error'],
    ['CompleteMultipartUpload', 'slow-down'],
  ])('that meets one %s %s succeeds', async (operation, fault) => {
    failing(operation, fault, 1)
    expect(await (await open()).put(key, bodyOf(content), expected)).toBe('stored')
    expect(isStored()).toBe(true)
    expect(s3.seen.length).toBeLessThanOrEqual(12)
  })

  test.each<[Operation, Fault]>([
    ['CreateMultipartUpload', 'slow-down'],
    ['UploadPart', 'reset'],
    ['UploadPart', 'slow-down'],
    ['CompleteMultipartUpload', 'error'],
  ])('that always meets %s %s fails soon, and leaves nothing', async (operation, fault) => {
    failing(operation, fault)
    await expect((await open()).put(key, bodyOf(content), expected)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringMatching(/^packages\/os\.gz: .*: check PLATTE_STORE$/),
    })
    expect(s3.seen.length).toBeLessThanOrEqual(15)
    nothing()
  })

  test('that hangs times out', async () => {
    failing('UploadPart', 'hang')
    const put = (await open(400)).put(key, bodyOf(content), expected)
    await expect(put).rejects.toMatchObject({
      message: expect.stringMatching(/did not answer in time: check PLATTE_STORE$/),
    })
    nothing()
  })

  test('replaces a truncated package', async () => {
    s3.bucket.put(`here/${key}`, content.subarray(0, 5), { ifMatch: undefined, ifNoneMatch: undefined })
    expect(await (await open()).put(key, bodyOf(content), expected)).toBe('stored')
    expect(isStored()).toBe(true)
  })
})

describe('open', () => {
  beforeEach(() => s3.bucket.put(`here/${key}`, content, { ifMatch: undefined, ifNoneMatch: undefined }))

  async function readAll(store: Awaited<ReturnType<typeof open>>, waitMs = 0): Promise<number> {
    const reader = (await store.open(key))?.body.getReader()
    let size = 0
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      if (size === 0) await new Promise((done) => setTimeout(done, waitMs))
      size += part.value.length
    }
    return size
  }

  test.each<[Fault, number | undefined, RegExp]>([
    ['truncated', undefined, /aborted|announced/],
    ['stalls', 300, /sent nothing for 0.3 s/],
  ])('of a body that is %s fails during the read', async (fault, patienceMs, says) => {
    const store = await open(patienceMs)
    failing('GetObject', fault)
    await expect(readAll(store)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: expect.stringMatching(says),
    })
  })

  test('allows slow readers', async () => {
    expect(await readAll(await open(300), 900)).toBe(content.length)
  })

  test('closes the connection if the reader cancels', async () => {
    const body = (await (await open()).open(key))?.body
    await body?.cancel()
    await vi.waitFor(() => expect(s3.sending()).toBe(0), { timeout: 120_000 })
  })
})

test('slow downloads delay nobody: each has a connection of its own', async () => {
  const s3Place = await openStrict(s3, { patienceMs: 5_000 })
  const packages = s3Packages(s3Place, nodeHasher)
  await s3Documents(s3Place).create('catalog.jws', new Uint8Array(3))
  await packages.put(key, bodyOf(content), expected)
  const bodies: ReadableStream<Uint8Array>[] = []
  for (let n = 0; n < 60; n++) bodies.push((await packages.open(key))?.body ?? bodyOf(content))
  expect(s3.sending()).toBe(60)
  expect((await s3Documents(s3Place).get('catalog.jws', 10))?.bytes).toHaveLength(3)
  await Promise.all(bodies.map((body) => body.cancel()))
})

test('an oversized document is cancelled: no more bytes arrive', async () => {
  const ref = await openStrict(s3)
  await s3Packages(ref, nodeHasher).put(key, bodyOf(content), expected)
  await expect(s3Documents(ref).get(key, 1000)).rejects.toMatchObject({ code: 'too-large' })
  await vi.waitFor(() => expect(s3.sending()).toBe(0), { timeout: 120_000 })
})
