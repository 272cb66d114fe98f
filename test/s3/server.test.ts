/** The strict S3 is strict: it refuses what S3 refuses, so that passing against it means something. */
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { afterAll, describe, expect, test } from 'vitest'
import { startS3 } from './server.ts'

const s3 = await startS3({ elsewhere: { far: 'us-west-2' } })
afterAll(() => s3.close())

const { accessKeyId, secretAccessKey, region, url: endpoint } = s3
/** With the SDK's own defaults: it sends checksums. */
const clientOf = (more: S3ClientConfig = {}): S3Client =>
  new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    ...more,
  })
const client = clientOf()
const Bucket = 'updates'
const put = (Key: string, Body: string, more = {}) => client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }))
/** Status and code, as a client sees them. */
const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    ({ $metadata, Code }) => `${$metadata?.httpStatusCode} ${Code}`,
  )

test('an object is readable after put, with its checksum verified, under keys of any kind', async () => {
  for (const key of ['a/b+c d/é', '1.jws']) {
    const { ETag } = await put(key, 'hello')
    const got = await client.send(new GetObjectCommand({ Bucket, Key: key }))
    expect([await got.Body?.transformToString(), got.ETag]).toEqual(['hello', ETag])
  }
})

test.each<[string, S3ClientConfig, string]>([
  ['another secret', { credentials: { accessKeyId, secretAccessKey: 'x' } }, '403 SignatureDoesNotMatch'],
  ['another key', { credentials: { accessKeyId: 'x', secretAccessKey } }, '403 InvalidAccessKeyId'],
  ['a token', { credentials: { accessKeyId, secretAccessKey, sessionToken: 'x' } }, '400 InvalidToken'],
  ['another region', { region: 'us-east-1' }, '400 AuthorizationHeaderMalformed'],
])('%s is refused', async (_, config, want) => {
  expect(await refusalOf(clientOf(config).send(new GetObjectCommand({ Bucket, Key: 'a' })))).toBe(want)
})

test.each<[string, RequestInit & { path?: string }, string]>([
  ['nobody’s request', {}, '403 AccessDenied'],
  ['another scheme', { headers: { authorization: 'AWS AKIDSTRICT:abc' } }, '400 AuthorizationHeaderMalformed'],
  ['a body that was changed on the way', { method: 'PUT', body: 'other' }, '403 AccessDenied'],
])('%s is refused', async (_, init, want) => {
  const response = await fetch(`${endpoint}/updates/a`, init)
  expect(`${response.status} ${/<Code>(.*?)</.exec(await response.text())?.[1]}`).toBe(want)
})

describe('a signed request that was changed', () => {
  /** Sends what a client signed, after an edit. */
  async function edited(edit: (request: { headers: Record<string, string>; body: unknown }) => void): Promise<string> {
    const changing = clientOf()
    changing.middlewareStack.add(
      (next) => (args) => {
        edit(args.request as Parameters<typeof edit>[0])
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    return refusalOf(changing.send(new PutObjectCommand({ Bucket, Key: 'changed', Body: 'hello', IfNoneMatch: '*' })))
  }
  test.each<[string, Parameters<typeof edited>[0], string]>([
    ['in nothing', () => {}, 'done'],
    ['in its body', (request) => Object.assign(request, { body: 'jello' }), '400 XAmzContentSHA256Mismatch'],
    [
      'in its condition',
      ({ headers }) => Object.assign(headers, { 'if-none-match': '"x"' }),
      '403 SignatureDoesNotMatch',
    ],
    ['by a header', ({ headers }) => Object.assign(headers, { 'x-amz-acl': 'public-read' }), '403 AccessDenied'],
    ['in its date', ({ headers }) => Object.assign(headers, { 'x-amz-date': '20200101T000000Z' }), '403 AccessDenied'],
  ])('%s', async (_, edit, want) => {
    s3.bucket.objects.delete('changed')
    expect(await edited(edit)).toBe(want)
    expect(s3.bucket.objects.has('changed')).toBe(want === 'done')
  })
})

test('a clock 15 minutes off is refused', async () => {
  for (const [minutes, want] of [
    [14, 'done'],
    [16, '403 RequestTimeTooSkewed'],
    [-16, '403 RequestTimeTooSkewed'],
  ] as const) {
    s3.skewMs = minutes * 60_000
    expect(await refusalOf(clientOf().send(new PutObjectCommand({ Bucket, Key: 'skew', Body: '' })))).toBe(want)
  }
  s3.skewMs = 0
})

test('conditions are enforced on existing and on missing keys', async () => {
  const { ETag } = await put('conditional', 'one')
  expect(await refusalOf(put('conditional', 'two', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed')
  expect(await refusalOf(put('conditional', 'two', { IfMatch: '"0"' }))).toBe('412 PreconditionFailed')
  expect(await refusalOf(put('conditional', 'two', { IfMatch: ETag?.replaceAll('"', '') }))).toBe(
    '412 PreconditionFailed',
  )
  expect(await refusalOf(put('nothing', 'two', { IfMatch: ETag }))).toBe('404 NoSuchKey')
  expect(await refusalOf(put('conditional', 'two', { IfMatch: ETag }))).toBe('done')
  const same = client.send(
    new GetObjectCommand({ Bucket, Key: 'conditional', IfNoneMatch: '"b8a9f715dbb64fd5c56e7783c6820a61"' }),
  )
  expect(await refusalOf(same)).toBe('304 undefined')
})

test('missing objects and missing buckets', async () => {
  const get = (bucket: string) => refusalOf(client.send(new GetObjectCommand({ Bucket: bucket, Key: 'nothing' })))
  expect([await get('updates'), await get('upstaes'), await get('far')]).toEqual([
    '404 NoSuchKey',
    '404 NoSuchBucket',
    '301 PermanentRedirect',
  ])
  s3.denied.add('s3:ListBucket')
  expect(await get('updates')).toBe('403 AccessDenied')
  s3.denied.clear()
})

test('a list is paged with tokens', async () => {
  for (const key of ['l/1', 'l/2', 'l/3/x', 'l/3/y', 'l/4']) await put(key, '')
  const page = (more = {}) => client.send(new ListObjectsV2Command({ Bucket, Prefix: 'l/', Delimiter: '/', ...more }))
  const first = await page()
  expect([first.KeyCount, first.IsTruncated, first.CommonPrefixes]).toEqual([3, true, [{ Prefix: 'l/3/' }]])
  const second = await page({ ContinuationToken: first.NextContinuationToken })
  expect([second.Contents?.map(({ Key }) => Key), second.IsTruncated]).toEqual([['l/4'], false])
  expect(await refusalOf(page({ ContinuationToken: 'x' }))).toBe('400 InvalidArgument')
})

test('an upload takes parts in order, of at least 5 MiB except the last', async () => {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'big' }))
  const part = async (PartNumber: number, size: number) => {
    const Body = Buffer.alloc(size, PartNumber)
    const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key: 'big', UploadId, PartNumber, Body }))
    return { PartNumber, ETag }
  }
  const [one, two, three] = [await part(1, 5 * 1024 * 1024), await part(2, 10), await part(3, 10)]
  const complete = (Parts: { PartNumber: number; ETag: string | undefined }[]) =>
    refusalOf(
      client.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'big', UploadId, MultipartUpload: { Parts } })),
    )
  expect(await complete([two, one])).toBe('400 InvalidPartOrder')
  expect(await complete([one, two, three])).toBe('400 EntityTooSmall')
  expect(await complete([one, { ...two, ETag: '"0"' }])).toBe('400 InvalidPart')
  expect(s3.bucket.objects.has('big')).toBe(false)
  expect(await complete([one, two])).toBe('done')
  expect(s3.bucket.objects.get('big')?.bytes.length).toBe(5 * 1024 * 1024 + 10)
  expect(await complete([one, two])).toBe('404 NoSuchUpload')
})

test('an upload as sent to AWS has checksums, and they are verified', async () => {
  s3.seen.length = 0
  const Body = new Blob([new Uint8Array(6 * 1024 * 1024)]).stream()
  await new Upload({ client, params: { Bucket, Key: 'summed', Body }, partSize: 5 * 1024 * 1024 }).done()
  expect(s3.bucket.objects.get('summed')?.bytes.length).toBe(6 * 1024 * 1024)
  const parts = s3.seen.filter(({ operation }) => operation === 'UploadPart')
  expect(parts.map(({ headers }) => 'x-amz-checksum-crc32' in headers)).toEqual([true, true])
  expect(await refusalOf(put('summed', 'hello', { ChecksumCRC32: 'AAAAAA==' }))).toBe('400 BadDigest')
})
