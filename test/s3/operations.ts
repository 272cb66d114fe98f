/** Which operation of S3 a request is, what it needs to be allowed, and what it answers. */
import type { IncomingHttpHeaders } from 'node:http'
import { crc32 } from 'node:zlib'
import { type Bucket, noSuchKey, type StoredObject } from './bucket.ts'
import { S3Refusal, xml } from './xml.ts'

export type Operation =
  | 'GetObject'
  | 'HeadObject'
  | 'PutObject'
  | 'DeleteObject'
  | 'ListObjectsV2'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListParts'
  | 'ListMultipartUploads'

/** A request that was understood. */
export interface Call {
  readonly operation: Operation
  readonly bucket: string
  /** Empty for the bucket itself. */
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** What a policy would have to allow. */
export const permissions: Readonly<Record<Operation, string>> = {
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  PutObject: 's3:PutObject',
  DeleteObject: 's3:DeleteObject',
  ListObjectsV2: 's3:ListBucket',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  ListParts: 's3:ListMultipartUploadParts',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
}

/** By method, whether there is a key, and the parameters that make another operation of it. */
const operations: Readonly<Record<string, Operation>> = {
  'GET key': 'GetObject',
  'HEAD key': 'HeadObject',
  'PUT key': 'PutObject',
  'DELETE key': 'DeleteObject',
  'GET bucket list-type': 'ListObjectsV2',
  'POST key uploads': 'CreateMultipartUpload',
  'PUT key partNumber uploadId': 'UploadPart',
  'POST key uploadId': 'CompleteMultipartUpload',
  'DELETE key uploadId': 'AbortMultipartUpload',
  'GET key uploadId': 'ListParts',
  'GET bucket uploads': 'ListMultipartUploads',
}
/** These refine an operation; any other would be one that this server does not know. */
const refinements = [
  ...['x-id', 'prefix', 'delimiter', 'continuation-token', 'max-keys'],
  ...['part-number-marker', 'max-parts', 'key-marker', 'upload-id-marker', 'max-uploads'],
]
/** What a URL carries that was signed, instead of headers. */
const isOfSignature = (name: string): boolean => name.startsWith('X-Amz-')

export function operationOf(method: string, key: string, query: URLSearchParams): Operation {
  const names = [...query.keys()].filter((name) => !refinements.includes(name) && !isOfSignature(name)).sort()
  const found = operations[[method, key === '' ? 'bucket' : 'key', ...names].join(' ')]
  if (found) return found
  throw new S3Refusal(
    501,
    'NotImplemented',
    'A header or query you provided implies functionality that is not implemented',
  )
}

/** What an operation needs of its caller. */
export interface Access {
  /** Whether S3 says that a key is not there; without it, everything that is not there is denied. */
  readonly mayList: boolean
  /** How many entries one page of a list has at most. */
  readonly pageSize: number
}

/** Carries an operation out. @throws S3Refusal */
export function perform(store: Bucket, call: Call, access: Access): Answer {
  const { operation, key, query, body } = call
  checkChecksum(call)
  switch (operation) {
    case 'GetObject':
    case 'HeadObject':
      return read(store, call, access)
    case 'PutObject':
      return written(store.put(key, body, conditionsOf(call)))
    case 'DeleteObject':
      store.objects.delete(key)
      return { status: 204 }
    case 'ListObjectsV2':
      return list(store, call, access)
    case 'CreateMultipartUpload':
      return answer('InitiateMultipartUploadResult', [
        ['Bucket', call.bucket],
        ['Key', key],
        ['UploadId', store.createUpload(key)],
      ])
    case 'UploadPart':
      return written(
        store.putPart(query.get('uploadId') ?? '', key, { number: Number(query.get('partNumber')), bytes: body }),
      )
    case 'CompleteMultipartUpload':
      return complete(store, call)
    case 'AbortMultipartUpload':
      store.abort(query.get('uploadId') ?? '', key)
      return { status: 204 }
    case 'ListParts':
      return listParts(store, call, access)
    case 'ListMultipartUploads':
      return listUploads(store, call, access)
  }
}

const answer = (...parts: Parameters<typeof xml>): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: xml(...parts),
})

const written = ({ etag }: StoredObject): Answer => ({ status: 200, headers: { etag } })

const conditionsOf = ({ headers }: Call) => ({ ifMatch: headers['if-match'], ifNoneMatch: headers['if-none-match'] })

/** @throws S3Refusal where a checksum that the client sends is not that of the body. */
function checkChecksum({ headers, body }: Call): void {
  const claimed = headers['x-amz-checksum-crc32']
  if (claimed === undefined) return
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  if (sum.toString('base64') !== claimed)
    throw new S3Refusal(400, 'BadDigest', 'The CRC32 you specified did not match the calculated checksum.')
}

function read(store: Bucket, { key, headers }: Call, { mayList }: Access): Answer {
  const object = store.objects.get(key)
  if (object === undefined) throw mayList ? noSuchKey(key) : new S3Refusal(403, 'AccessDenied', 'Access Denied')
  const { bytes, etag, at } = object
  const shared = { etag, 'last-modified': new Date(at).toUTCString(), 'accept-ranges': 'bytes' }
  if (headers['if-none-match'] === etag) return { status: 304, headers: shared }
  const about = { ...shared, 'content-type': 'application/octet-stream' }
  const range = rangeOf(headers.range, bytes.length)
  if (range === undefined) return { status: 200, headers: about, body: bytes }
  const { start, end } = range
  return {
    status: 206,
    headers: { ...about, 'content-range': `bytes ${start}-${end}/${bytes.length}` },
    body: bytes.subarray(start, end + 1),
  }
}

function rangeOf(header: string | undefined, size: number) {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(header ?? '') ?? []
  if (from === undefined || (to && Number(to) < Number(from))) return undefined
  if (Number(from) >= size)
    throw new S3Refusal(416, 'InvalidRange', 'The requested range is not satisfiable', {
      RangeRequested: header ?? '',
      ActualObjectSize: String(size),
    })
  return { start: Number(from), end: to ? Math.min(Number(to), size - 1) : size - 1 }
}

function list(store: Bucket, { bucket, query }: Call, { pageSize }: Access): Answer {
  const [prefix, delimiter, token] = ['prefix', 'delimiter', 'continuation-token'].map((name) => query.get(name) ?? '')
  const after = Buffer.from(token ?? '', 'base64url').toString()
  if (query.has('continuation-token') && !after.startsWith('after '))
    throw new S3Refusal(400, 'InvalidArgument', 'The continuation token provided is incorrect')
  const most = Math.min(Number(query.get('max-keys') ?? 1000), pageSize)
  const { page, isTruncated } = store.list(prefix ?? '', { delimiter: delimiter ?? '', after: after.slice(6), most })
  return answer('ListBucketResult', [
    ['Name', bucket],
    ['Prefix', prefix ?? ''],
    ['KeyCount', String(page.length)],
    ['MaxKeys', String(most)],
    ['IsTruncated', String(isTruncated)],
    ...(isTruncated
      ? ([['NextContinuationToken', Buffer.from(`after ${page.at(-1)}`).toString('base64url')]] as const)
      : []),
    ...page.map((entry) => entryOf(store, entry)),
  ])
}

function entryOf(store: Bucket, entry: string) {
  const object = store.objects.get(entry)
  if (object === undefined) return ['CommonPrefixes', [['Prefix', entry]]] as const
  const { etag, bytes, at } = object
  return [
    'Contents',
    [
      ['Key', entry],
      ['LastModified', new Date(at).toISOString()],
      ['ETag', etag],
      ['Size', String(bytes.length)],
      ['StorageClass', 'STANDARD'],
    ],
  ] as const
}

function complete(store: Bucket, call: Call): Answer {
  const { bucket, key, query, body } = call
  const named = [
    ...Buffer.from(body)
      .toString()
      .matchAll(/<Part>(.*?)<\/Part>/gs),
  ].map(([, part = '']) => ({
    number: Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(part)?.[1]),
    etag: (/<ETag>(.*?)<\/ETag>/s.exec(part)?.[1] ?? '').replaceAll('&quot;', '"'),
  }))
  const { etag } = store.complete(query.get('uploadId') ?? '', key, { named, conditions: conditionsOf(call) })
  return answer('CompleteMultipartUploadResult', [
    ['Bucket', bucket],
    ['Key', key],
    ['ETag', etag],
  ])
}

function listParts(store: Bucket, { bucket, key, query }: Call, { pageSize }: Access): Answer {
  const id = query.get('uploadId') ?? ''
  const all = [...store.upload(id, key).parts].sort(([a], [b]) => a - b)
  const rest = all.filter(([number]) => number > Number(query.get('part-number-marker') ?? 0))
  const page = rest.slice(0, Math.min(Number(query.get('max-parts') ?? 1000), pageSize))
  return answer('ListPartsResult', [
    ['Bucket', bucket],
    ['Key', key],
    ['UploadId', id],
    ['NextPartNumberMarker', String(page.at(-1)?.[0] ?? 0)],
    ['IsTruncated', String(rest.length > page.length)],
    ...page.map(
      ([number, { etag, bytes, at }]) =>
        [
          'Part',
          [
            ['PartNumber', String(number)],
            ['LastModified', new Date(at).toISOString()],
            ['ETag', etag],
            ['Size', String(bytes.length)],
          ],
        ] as const,
    ),
  ])
}

/** By key and, of one key, by the time they were begun; both markers together say where a page starts. */
function listUploads(store: Bucket, { bucket, query }: Call, { pageSize }: Access): Answer {
  const [prefix = '', afterKey = '', afterId = ''] = ['prefix', 'key-marker', 'upload-id-marker'].map(
    (name) => query.get(name) ?? '',
  )
  const all = [...store.uploads]
    .filter(([, { key }]) => key.startsWith(prefix))
    .sort(([, a], [, b]) => (a.key < b.key ? -1 : 1))
  const start = all.findIndex(([id, { key }]) => key === afterKey && id === afterId) + 1
  const rest = all.slice(start)
  const page = rest.slice(0, Math.min(Number(query.get('max-uploads') ?? 1000), pageSize))
  const [lastId, last] = page.at(-1) ?? []
  return answer('ListMultipartUploadsResult', [
    ['Bucket', bucket],
    ['Prefix', prefix],
    ['NextKeyMarker', last?.key ?? ''],
    ['NextUploadIdMarker', lastId ?? ''],
    ['IsTruncated', String(rest.length > page.length)],
    ...page.map(
      ([id, { key, at }]) =>
        [
          'Upload',
          [
            ['Key', key],
            ['UploadId', id],
            ['Initiated', new Date(at).toISOString()],
          ],
        ] as const,
    ),
  ])
}
