/**
 * Uploads into an S3 bucket: clients send the parts to the bucket itself, by URLs that are signed here.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type Part,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { stagedKey, stagingFolder } from '../../documents/paths.ts'
import type { Packages } from '../packages.ts'
import { readToken, tokenOf, type Uploads, type UploadToken, uploadGone, usualPartBytes } from '../uploads.ts'
import type { S3 } from './client.ts'
import { failureOf, S3Failure } from './failure.ts'

export interface S3UploadsOptions {
  /** Of the same bucket: for reading and removing completed uploads. */
  readonly packages: Packages
  /** At least 5 MiB, S3's minimum for all parts but the last. */
  readonly partBytes?: number
}

const mostParts = 10_000
const urlForSeconds = 3600

export function s3Uploads(s3: S3, { packages, partBytes = usualPartBytes }: S3UploadsOptions): Uploads {
  const isWhole = async (token: UploadToken): Promise<boolean> => (await packages.stat(keyOf(token))) !== undefined
  return {
    partBytes,
    maxBytes: partBytes * mostParts,
    begin: () => begin(s3),
    async partUrl(token, { number, size }) {
      const command = new UploadPartCommand({ ...named(s3, token), PartNumber: number, ContentLength: size })
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
      throw isOtherPart(failure) ? uploadGone() : s3.explain(failure, keyOf(token), 'parts')
    },
    open: async (token) => packages.open(keyOf(token)),
    async discard(token) {
      const command = new AbortMultipartUploadCommand(named(s3, token))
      await s3.find(keyOf(token), 'parts', (options) => s3.plain.send(command, options))
      await packages.remove(keyOf(token))
    },
    unfinished: (before) => unfinished(s3, before),
  }
}

const keyOf = (token: UploadToken): string => stagedKey(readToken(token).mark)

const named = ({ bucket, prefix }: S3, token: UploadToken) =>
  ({ Bucket: bucket, Key: prefix + keyOf(token), UploadId: readToken(token).id }) as const

async function begin(s3: S3): Promise<UploadToken> {
  const mark = crypto.randomUUID()
  const key = stagedKey(mark)
  const command = new CreateMultipartUploadCommand({ Bucket: s3.bucket, Key: s3.prefix + key })
  const { UploadId } = await s3.ask(key, 'parts', (options) => s3.plain.send(command, options))
  if (UploadId === undefined) throw s3.explain(new S3Failure('the store sends no UploadId'), key, 'parts')
  return tokenOf({ mark, id: UploadId })
}

/** @returns `undefined` if there is no such upload: it was completed or removed. */
async function listParts(s3: S3, token: UploadToken): Promise<readonly Part[] | undefined> {
  const parts: Part[] = []
  let PartNumberMarker: string | undefined
  do {
    const command = new ListPartsCommand({ ...named(s3, token), PartNumberMarker })
    const page = await s3.find(keyOf(token), 'parts', (options) => s3.plain.send(command, options))
    if (page === undefined) return undefined
    parts.push(...(page.Parts ?? []))
    PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined
  } while (PartNumberMarker !== undefined)
  return parts
}

/** @returns how the store failed, if it did. */
async function completeUpload(s3: S3, token: UploadToken): Promise<S3Failure | undefined> {
  const parts = await listParts(s3, token)
  if (parts === undefined) return new S3Failure('there is no such upload', { code: 'NoSuchUpload' })
  const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
  const command = new CompleteMultipartUploadCommand({ ...named(s3, token), MultipartUpload: { Parts } })
  // Without the time-out of a document: S3 may take minutes to join many parts.
  return await s3.plain.send(command).then(() => undefined, failureOf)
}

/** All are found before the first is given: its reader discards them. */
async function* unfinished(s3: S3, before: number): AsyncIterable<UploadToken> {
  const found: UploadToken[] = []
  const Prefix = s3.prefix + stagingFolder
  let next: { readonly KeyMarker: string | undefined; readonly UploadIdMarker: string | undefined } | undefined
  do {
    const command = new ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix, ...next })
    const page = await s3.ask(stagingFolder, 'parts', (options) => s3.plain.send(command, options))
    for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? []) {
      const mark = Key.slice(Prefix.length).split('/')[0] ?? ''
      if (Initiated !== undefined && Initiated.getTime() < before) found.push(tokenOf({ mark, id: UploadId }))
    }
    next = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
  } while (next !== undefined)
  yield* found
}

/** Parts were replaced, or the upload ended. */
const isOtherPart = ({ code = '' }: S3Failure): boolean => ['InvalidPart', 'NoSuchUpload'].includes(code)
