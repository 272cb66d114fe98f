/**
 * What a bucket holds and how its state changes: whole objects, conditions, uploads in parts. Every change is one step,
 * so whoever asks after it was answered sees it.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
import { createHash, randomUUID } from 'node:crypto'
import { S3Refusal } from './xml.ts'

const smallestPart = 5 * 1024 * 1024
const mostParts = 10_000

export interface StoredObject {
  readonly bytes: Uint8Array
  /** With its quotes. */
  readonly etag: string
  readonly at: number
}

/** What must hold when a write takes effect. */
export interface Conditions {
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
}

interface Upload {
  readonly key: string
  readonly at: number
  readonly parts: Map<number, StoredObject>
}

export const noSuchKey = (key: string): S3Refusal =>
  new S3Refusal(404, 'NoSuchKey', 'The specified key does not exist.', { Key: key })

const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest()
const stored = (bytes: Uint8Array, digest = md5(bytes).toString('hex')): StoredObject => ({
  bytes,
  etag: `"${digest}"`,
  at: Date.now(),
})

export class Bucket {
  readonly objects = new Map<string, StoredObject>()
  readonly uploads = new Map<string, Upload>()

  put(key: string, bytes: Uint8Array, conditions: Conditions): StoredObject {
    this.#check(key, conditions)
    const object = stored(bytes)
    this.objects.set(key, object)
    return object
  }

  #check(key: string, { ifMatch, ifNoneMatch }: Conditions): void {
    const there = this.objects.get(key)
    if (ifNoneMatch !== undefined && ifNoneMatch !== '*')
      throw new S3Refusal(
        501,
        'NotImplemented',
        'A header you provided implies functionality that is not implemented',
        {
          Header: 'If-None-Match',
        },
      )
    if (ifMatch !== undefined && there === undefined) throw noSuchKey(key)
    const failed =
      ifNoneMatch !== undefined && there
        ? 'If-None-Match'
        : ifMatch !== undefined && ifMatch !== there?.etag
          ? 'If-Match'
          : ''
    if (failed)
      throw new S3Refusal(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
        Condition: failed,
      })
  }

  /** Keys with the prefix and, with a delimiter, folders of them; in byte order, behind `after`. */
  list(
    prefix: string,
    { delimiter, after, most }: { readonly delimiter: string; readonly after: string; readonly most: number },
  ) {
    const entries = new Set(
      [...this.objects.keys()]
        .filter((key) => key.startsWith(prefix))
        .map((key) => {
          const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
          return end < 0 ? key : key.slice(0, end + delimiter.length)
        }),
    )
    const sorted = [...entries].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const rest = sorted.filter((entry) => entry > after)
    return { page: rest.slice(0, most), isTruncated: rest.length > most }
  }

  createUpload(key: string): string {
    const id = randomUUID()
    this.uploads.set(id, { key, at: Date.now(), parts: new Map() })
    return id
  }

  upload(id: string, key: string): Upload {
    const upload = this.uploads.get(id)
    if (upload?.key === key) return upload
    throw new S3Refusal(
      404,
      'NoSuchUpload',
      'The specified multipart upload does not exist. It may have been aborted or completed.',
    )
  }

  putPart(
    id: string,
    key: string,
    { number, bytes }: { readonly number: number; readonly bytes: Uint8Array },
  ): StoredObject {
    if (!(number >= 1 && number <= mostParts))
      throw new S3Refusal(
        400,
        'InvalidArgument',
        `Part number must be an integer between 1 and ${mostParts}, inclusive`,
      )
    const part = stored(bytes)
    this.upload(id, key).parts.set(number, part)
    return part
  }

  complete(
    id: string,
    key: string,
    {
      named,
      conditions,
    }: { readonly named: readonly { number: number; etag: string }[]; readonly conditions: Conditions },
  ): StoredObject {
    const { parts } = this.upload(id, key)
    if (named.some(({ number }, i) => i > 0 && number <= (named[i - 1]?.number ?? 0)))
      throw new S3Refusal(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.')
    const chosen = named.map(({ number, etag }) => {
      const part = parts.get(number)
      if (part === undefined || part.etag !== etag)
        throw new S3Refusal(400, 'InvalidPart', 'One or more of the specified parts could not be found.', {
          PartNumber: String(number),
        })
      return part
    })
    if (chosen.length === 0) throw new S3Refusal(400, 'MalformedXML', 'The XML you provided was not well-formed')
    for (const { bytes } of chosen.slice(0, -1))
      if (bytes.length < smallestPart)
        throw new S3Refusal(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size')
    this.#check(key, conditions)
    const digest = md5(Buffer.concat(chosen.map(({ bytes }) => md5(bytes)))).toString('hex')
    const object = stored(Buffer.concat(chosen.map(({ bytes }) => bytes)), `${digest}-${chosen.length}`)
    this.objects.set(key, object)
    this.uploads.delete(id)
    return object
  }

  abort(id: string, key: string): void {
    this.upload(id, key)
    this.uploads.delete(id)
  }
}
