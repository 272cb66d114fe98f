/**
 * Uploads into an S3 bucket: clients send the parts to the bucket itself, by URLs that are signed here.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
import * as aws from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { stagedKey, stagingFolder } from '../../documents/paths.ts'
import * as port from '../uploads.ts'
import type { S3 } from './client.ts'
import { failureOf, S3Failure } from './failure.ts'

const mostParts = 10_000
const urlForSeconds = 3600

export function s3Uploads(s3: S3, { packages, partBytes = port.usualPartBytes }: port.BucketUploads): port.Uploads {
  const isWhole = async (token: port.UploadToken): Promise<boolean> => (await packages.stat(keyOf(token))) !== undefined
  return {
    partBytes,
    maxBytes: partBytes * mostParts,
    begin: () => begin(s3),
    async partUrl(token, { number, size }) {
      const command = new aws.UploadPartCommand({ ...named(s3, token), PartNumber: number, ContentLength: size })
      return await getSignedUrl(s3.plain, command, { expiresIn: urlForSeconds })
    },
    async parts(token) {
      const parts = await listParts(s3, token)
      if (parts === undefined) return (await isWhole(token)) ? 'whole' : undefined
      return parts.map(({ PartNumber = 0, Size = 0 }) => ({ number: PartNumber, size: Size }))
    },
    async complete(token) {
      const failure = await completeUpload(s3, token)
      if (failure === undefined || (await isWhole(token))) return
      throw isOtherPart(failure) ? port.uploadGone() : s3.explain(failure, keyOf(token), 'parts')
    },
    open: async (token) => packages.open(keyOf(token)),
    async discard(token) {
      const command = new aws.AbortMultipartUploadCommand(named(s3, token))
      await s3.find(keyOf(token), 'parts', (options) => s3.plain.send(command, options))
      await packages.remove(keyOf(token))
    },
    unfinished: (before) => unfinished(s3, before),
  }
}

const keyOf = (token: port.UploadToken): string => stagedKey(port.readToken(token).mark)

const named = ({ bucket, prefix }: S3, token: port.UploadToken) =>
  ({ Bucket: bucket, Key: prefix + keyOf(token), UploadId: port.readToken(token).id }) as const

async function begin(s3: S3): Promise<port.UploadToken> {
  const mark = crypto.randomUUID()
  const key = stagedKey(mark)
  const command = new aws.CreateMultipartUploadCommand({ Bucket: s3.bucket, Key: s3.prefix + key })
  const { UploadId } = await s3.ask(key, 'parts', (options) => s3.plain.send(command, options))
  if (UploadId === undefined) throw s3.explain(new S3Failure('the store sends no UploadId'), key, 'parts')
  return port.tokenOf(mark, UploadId)
}

/** @returns `undefined` if there is no such upload: it was completed or removed. */
async function listParts(s3: S3, token: port.UploadToken): Promise<readonly aws.Part[] | undefined> {
  const parts: aws.Part[] = []
  let PartNumberMarker: string | undefined
  do {
    const command = new aws.ListPartsCommand({ ...named(s3, token), PartNumberMarker })
    const page = await s3.find(keyOf(token), 'parts', (options) => s3.plain.send(command, options))
    if (page === undefined) return undefined
    parts.push(...(page.Parts ?? []))
    PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined
  } while (PartNumberMarker !== undefined)
  return parts
}

/** @returns the failure, or `undefined` if the upload is complete. */
async function completeUpload(s3: S3, token: port.UploadToken): Promise<S3Failure | undefined> {
  const parts = await listParts(s3, token)
  if (parts === undefined) return new S3Failure('there is no such upload', { code: 'NoSuchUpload' })
  const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
  const command = new aws.CompleteMultipartUploadCommand({ ...named(s3, token), MultipartUpload: { Parts } })
  // Without the time-out of a document: S3 may take minutes to join many parts.
  return await s3.plain.send(command).then(() => undefined, failureOf)
}

/** All are found before the first is given: its reader discards them. */
async function* unfinished(s3: S3, before: number): AsyncIterable<port.UploadToken> {
  const found: port.UploadToken[] = []
  const Prefix = s3.prefix + stagingFolder
  let next: { readonly KeyMarker: string | undefined; readonly UploadIdMarker: string | undefined } | undefined
  do {
    const command = new aws.ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix, ...next })
    const page = await s3.ask(stagingFolder, 'parts', (options) => s3.plain.send(command, options))
    for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? []) {
      const mark = Key.slice(Prefix.length).split('/')[0] ?? ''
      if (Initiated !== undefined && Initiated.getTime() < before) found.push(port.tokenOf(mark, UploadId))
    }
    next = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
  } while (next !== undefined)
  yield* found
}

/** Parts were replaced, or the upload ended. */
const isOtherPart = ({ code = '' }: S3Failure): boolean => ['InvalidPart', 'NoSuchUpload'].includes(code)
