/** Uploads on Lambda: orders come through a function URL, parts go to the bucket itself by URLs that the function signs. */
import { handle } from 'hono/aws-lambda'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { newCatalogCache } from '../../src/catalog/cache.ts'
import { uploadRoutes } from '../../src/publish-api/routes.ts'
import { sweepUploads } from '../../src/publish-api/upload-records.ts'
import { createApp } from '../../src/runtime/app.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { parseStore } from '../../src/runtime/own-settings.ts'
import { openUploadsOf } from '../../src/runtime/store.ts'
import { s3Documents } from '../../src/store/s3/documents.ts'
import { s3Packages } from '../../src/store/s3/packages.ts'
import { sample } from '../conformance/rows.ts'
import { sendThrough } from '../lambda/doors.ts'
import { openStrict, useCredentials } from '../s3/open.ts'
import { startS3 } from '../s3/server.ts'
import { day, newStore } from '../world.ts'
import { authorize } from './authorize.ts'
import { httpSuite, type Target } from './http-suite.ts'
import { openMissing, orderOf } from './scene.ts'

const s3 = await startS3({ sessionToken: 'of/a+role=' })
useCredentials(s3)
const client = await openStrict(s3)
const packages = s3Packages(client, nodeHasher)
const { publisher, log, time } = await newStore({ documents: s3Documents(client), packages })
const partBytes = 5 * 1024 * 1024
const uploads = { ...(await openUploadsOf(parseStore(s3.setting), packages)), partBytes }
const uploading = { ...publisher, uploads }
let target: Target
beforeAll(() => {
  const app = createApp(
    {
      ...{
        cache: newCatalogCache(),
        reader: publisher,
        packages,
        events: () => {},
        publicUrl: 'https://x.example.org',
      },
      background: () => undefined,
    },
    uploadRoutes({ uploading, authorize }),
  )
  const invoke = handle(app) as (event: object) => Promise<unknown>
  target = { send: sendThrough('function URL', invoke), partBytes, isDirect: true, logs: () => JSON.stringify(log) }
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})

httpSuite('Lambda', () => target)

const urlOf = async (version: string) => {
  const order = orderOf([{ name: 'update.gz', bytes: sample(10, 1) }], { version })
  const [upload] = await openMissing(uploading, order)
  return { order, url: new URL(upload?.parts[0]?.url ?? '') }
}

const put = async (url: URL, bytes: Uint8Array): Promise<string> => {
  const answer = await fetch(url, { method: 'PUT', body: bytes.slice() as Uint8Array<ArrayBuffer> })
  return answer.ok ? 'ok' : (/<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1] ?? '')
}

test('a URL is valid for its part, size and hour only', async () => {
  const { order, url } = await urlOf('3')
  const changed = (change: (url: URL) => void): URL => {
    const copy = new URL(url)
    change(copy)
    return copy
  }
  const ten = sample(10, 1)
  expect(await put(url, sample(11, 1))).toBe('SignatureDoesNotMatch')
  expect(await put(url, sample(9, 1))).toBe('SignatureDoesNotMatch')
  expect(
    await put(
      changed(({ searchParams }) => searchParams.set('partNumber', '2')),
      ten,
    ),
  ).toBe('SignatureDoesNotMatch')
  expect(
    await put(
      changed((copy) => (copy.pathname = '/updates/here/catalog.jws')),
      ten,
    ),
  ).toBe('SignatureDoesNotMatch')
  s3.skewMs = 3_601_000
  expect(await put(url, ten)).toBe('AccessDenied')
  s3.skewMs = 0
  expect((await openMissing(uploading, order))[0]?.have).toEqual([])
  expect(await put(url, ten)).toBe('ok')
  expect((await openMissing(uploading, order))[0]?.have).toEqual([1])
})

test('a missing permission is named in the error', async () => {
  s3.denied.add('s3:ListMultipartUploadParts')
  await expect(urlOf('3')).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('s3:ListMultipartUploadParts'),
  })
  s3.denied.clear()
})

test('after a day the sweep leaves nothing of an upload in the bucket', async () => {
  await urlOf('4')
  expect(s3.bucket.uploads.size).toBeGreaterThan(0)
  time.now = Date.now() + 2 * day
  await sweepUploads(uploading)
  expect([...s3.bucket.uploads]).toEqual([])
  expect([...s3.bucket.objects.keys()].filter((key) => /uploads|staging/.test(key))).toEqual([])
})
