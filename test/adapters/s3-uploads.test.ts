/** Uploads into a bucket whose answers get lost, come late or are refusals. */
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { readAll } from '../../src/doctor/package-checks.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { s3Uploads } from '../../src/store/s3/uploads.ts'
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
})

const client = await openStrict(s3, { patienceMs: 3_000 })
const store = s3Uploads(client, { packages: s3Packages(client, nodeHasher), partBytes: 5 * 1024 * 1024 })
const bytes = sample(70_001, 3)

/** Puts a fault on the first so many requests of one kind. */
function failing(operation: Operation, fault: Fault, times = Number.POSITIVE_INFINITY): void {
  let left = times
  s3.fault = (seen) => (seen.operation === operation && left-- > 0 ? fault : undefined)
}

async function upload(): Promise<Uint8Array> {
  const token = await store.begin()
  const url = (await store.partUrl?.(token, { number: 1, size: bytes.length })) ?? ''
  const sent = await fetch(url, { method: 'PUT', body: bytes.slice() as Uint8Array<ArrayBuffer> })
  expect(sent.status).toBe(200)
  expect(await store.parts(token)).toEqual([{ number: 1, size: bytes.length }])
  await store.complete(token)
  const open = await store.open(token)
  if (open === undefined) throw new Error('it is not there')
  const found = await readAll(open.body)
  await store.discard(token)
  return found
}

test.each<[Operation, Fault]>([
  ['CreateMultipartUpload', 'reset'],
  ['CreateMultipartUpload', 'lost'],
  ['CreateMultipartUpload', 'slow-down'],
  ['ListParts', 'reset'],
  ['ListParts', 'error'],
  ['CompleteMultipartUpload', 'lost'],
  ['CompleteMultipartUpload', 'late-error'],
  ['AbortMultipartUpload', 'reset'],
])('one %s %s is recovered from', async (operation, fault) => {
  failing(operation, fault, 1)
  expect(await upload()).toEqual(bytes)
  expect([...s3.bucket.objects.keys()]).toEqual([])
})

test.each<[Operation, Fault]>([
  ['CreateMultipartUpload', 'slow-down'],
  ['CreateMultipartUpload', 'hang'],
  ['CreateMultipartUpload', 'page'],
  ['ListParts', 'error'],
  ['ListParts', 'page'],
  ['CompleteMultipartUpload', 'error'],
  ['CompleteMultipartUpload', 'reset'],
])('%s that always gets %s fails soon, and the error names the setting', async (operation, fault) => {
  failing(operation, fault)
  await expect(upload()).rejects.toMatchObject({
    code: 'store-unavailable',
    message: expect.stringMatching(/^staging\/[0-9a-f-]{36}\/whole: .*: check PLATTE_STORE$/),
  })
})

test.each<[Operation, string]>([
  ['CreateMultipartUpload', 's3:PutObject'],
  ['ListParts', 's3:ListMultipartUploadParts'],
])('%s without permission names the permission', async (_, permission) => {
  s3.denied.add(permission)
  const message = expect.stringContaining(permission)
  await expect(upload()).rejects.toMatchObject({ code: 'forbidden', message })
})

test('a part that changes during completion is a conflict, and nothing is joined', async () => {
  const token = await store.begin()
  const url = (await store.partUrl?.(token, { number: 1, size: bytes.length })) ?? ''
  const send = (body: Uint8Array) => fetch(url, { method: 'PUT', body: body.slice() as Uint8Array<ArrayBuffer> })
  await send(bytes)
  const [id = '', { key, parts }] = [...s3.bucket.uploads].at(-1) ?? ['', { key: '', parts: new Map() }]
  s3.fault = ({ operation }) => {
    if (operation === 'CompleteMultipartUpload') s3.bucket.putPart(id, key, { number: 1, bytes: sample(5, 1) })
    return undefined
  }
  await expect(store.complete(token)).rejects.toMatchObject({ code: 'conflict' })
  expect(parts.size).toBe(1)
  expect([...s3.bucket.objects]).toEqual([])
})
