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
  type Part as S3Part,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { stagedKey, stagingFolder } from '../../documents/paths.ts'
import type { Packages } from '../packages.ts'
import { readToken, tokenOf, uploadGone } from '../upload-token.ts'
import { type Uploads, type UploadToken, usualPartBytes } from '../uploads.ts'
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
  const { bucket: Bucket, plain } = s3
  const named = (token: UploadToken) => {
    const { mark, id } = readToken(token)
    return { Bucket, Key: s3.prefix + stagedKey(mark), UploadId: id }
  }
  const keyOf = (token: UploadToken): string => stagedKey(readToken(token).mark)
  const asking = async <T>(key: string, work: (abortSignal: AbortSignal) => Promise<T>): Promise<T> =>
    s3.twice(work).catch((error: unknown) => {
      throw isGone(error) ? error : s3.explain(error, key, 'parts')
    })
  const isWhole = async (token: UploadToken): Promise<boolean> => (await packages.stat(keyOf(token))) !== undefined
  const listParts = (token: UploadToken): Promise<readonly S3Part[] | undefined> =>
    collected(async (PartNumberMarker?: string) => {
      const command = new ListPartsCommand({ ...named(token), PartNumberMarker })
      const page = await asking(keyOf(token), (abortSignal) => plain.send(command, { abortSignal }))
      return { items: page.Parts ?? [], next: page.IsTruncated ? page.NextPartNumberMarker : undefined }
    }).catch((error: unknown) => {
      if (isGone(error)) return undefined
      throw error
    })
  return {
    partBytes,
    maxBytes: partBytes * mostParts,
    async begin() {
      const mark = crypto.randomUUID()
      const key = stagedKey(mark)
      const command = new CreateMultipartUploadCommand({ Bucket, Key: s3.prefix + key })
      const { UploadId } = await asking(key, (abortSignal) => plain.send(command, { abortSignal }))
      if (UploadId === undefined) throw s3.explain(new S3Failure('the store sends no UploadId'), key, 'parts')
      return tokenOf({ mark, id: UploadId })
    },
    async partUrl(token, { number, size }) {
      const command = new UploadPartCommand({ ...named(token), PartNumber: number, ContentLength: size })
      return await getSignedUrl(plain, command, { expiresIn: urlForSeconds })
    },
    async parts(token) {
      const parts = await listParts(token)
      if (parts === undefined) return (await isWhole(token)) ? 'whole' : undefined
      return parts.map(({ PartNumber = 0, Size = 0 }) => ({ number: PartNumber, size: Size }))
    },
    async complete(token) {
      const parts = await listParts(token)
      if (parts === undefined) {
        if (await isWhole(token)) return
        throw uploadGone()
      }
      const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
      const command = new CompleteMultipartUploadCommand({ ...named(token), MultipartUpload: { Parts } })
      // Without the time-out of a document: S3 may take minutes to join many parts.
      await plain.send(command).catch(async (error: unknown) => {
        if (await isWhole(token)) return
        throw isOtherPart(error) ? uploadGone() : s3.explain(failureOf(error), keyOf(token), 'parts')
      })
    },
    open: async (token) => packages.open(keyOf(token)),
    async discard(token) {
      const command = new AbortMultipartUploadCommand(named(token))
      await asking(keyOf(token), (abortSignal) => plain.send(command, { abortSignal })).catch((error: unknown) => {
        if (!isGone(error)) throw error
      })
      await packages.remove(keyOf(token))
    },
    async *unfinished(before) {
      const folder = s3.prefix + stagingFolder
      const found = await collected(
        async (marker?: { readonly key: string | undefined; readonly id: string | undefined }) => {
          const command = new ListMultipartUploadsCommand({
            ...{ Bucket, Prefix: folder, KeyMarker: marker?.key, UploadIdMarker: marker?.id },
          })
          const page = await asking(stagingFolder, (abortSignal) => plain.send(command, { abortSignal }))
          const next = { key: page.NextKeyMarker, id: page.NextUploadIdMarker }
          return { items: page.Uploads ?? [], next: page.IsTruncated ? next : undefined }
        },
      )
      for (const { Key = '', UploadId = '', Initiated } of found) {
        const mark = Key.slice(folder.length).split('/')[0] ?? ''
        if (Initiated !== undefined && Initiated.getTime() < before) yield tokenOf({ mark, id: UploadId })
      }
    },
  }
}

const isGone = (error: unknown): boolean => error instanceof S3Failure && error.isNoUpload

/** Parts were replaced, or the upload ended. */
const isOtherPart = (error: unknown): boolean => ['InvalidPart', 'NoSuchUpload'].includes(failureOf(error).code ?? '')

async function collected<T, M>(
  page: (marker?: M) => Promise<{ readonly items: readonly T[]; readonly next: M | undefined }>,
): Promise<readonly T[]> {
  const all: T[] = []
  for (let marker: M | undefined, more = true; more; more = marker !== undefined) {
    const { items, next } = await page(marker)
    all.push(...items)
    marker = next
  }
  return all
}
