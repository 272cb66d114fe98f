/**
 * Documents in an S3 bucket that honours conditional writes. A token is the quoted ETag: equal bytes are the same state.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
 */

import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { checkKey } from '../../documents/paths.ts'
import { equalBytes } from '../../kernel/bytes.ts'
import { readAtMost, tooLarge } from '../../kernel/streams.ts'
import type { Documents, Marked, StoredDocument } from '../documents.ts'
import { dropBody, listFolders, listKeys, type S3, streamBody } from './client.ts'
import { S3Failure } from './failure.ts'

/** The cap for reading back a write: more than any document has. */
const readBackBytes = 16 * 1024 * 1024
/** Tries of a write after 409 (another write was under way), and after an ambiguous failure. */
const triesAtConflict = 4
const triesAtFailure = 2
const pauseMs = 100

type Condition = { readonly IfNoneMatch: '*' } | { readonly IfMatch: string }

/** `equal`: it did not land, and equal bytes are there. `other`: other bytes are there, or none that could be replaced. */
type Outcome = 'landed' | 'equal' | 'other'

export function s3Documents(s3: S3): Documents {
  const get = async <Known extends Marked = never>(key: string, maxBytes: number, known?: Known) => {
    try {
      return await getObject(s3, key, { maxBytes, unless: known?.token })
    } catch (error) {
      if (error instanceof S3Failure && error.isAbsent) return undefined
      if (known !== undefined && error instanceof S3Failure && error.status === 304) return known
      throw s3.explain(error, key, 'read')
    }
  }
  const write = (key: string, bytes: Uint8Array, condition: Condition): Promise<Outcome> =>
    writeIf(s3, { key, bytes, condition, readBack: () => get<never>(key, Math.max(readBackBytes, bytes.length)) })
  return {
    get: async (key, maxBytes, known) => get(checkKey(key), maxBytes, known),
    async create(key, bytes) {
      return outcomeOfCreate[await write(checkKey(key), bytes, { IfNoneMatch: '*' })]
    },
    async swap(key, bytes, token) {
      // Equal bytes of another writer are a lost race too: both may have incremented the same number.
      return (await write(checkKey(key), bytes, { IfMatch: token })) === 'landed' ? 'ok' : 'conflict'
    },
    list: (prefix) => listKeys(s3, prefix),
    folders: (folder) => listFolders(s3, folder),
  }
}

const outcomeOfCreate = { landed: 'created', equal: 'same', other: 'taken' } as const

/** @param unless the token of a known state: then the answer is a failure with status 304. @throws S3Failure */
function getObject(
  { client, bucket, prefix, patienceMs, twice }: S3,
  key: string,
  { maxBytes, unless }: { readonly maxBytes: number; readonly unless: string | undefined },
): Promise<StoredDocument> {
  const command = new GetObjectCommand({ Bucket: bucket, Key: prefix + key, IfNoneMatch: unless })
  return twice(async (options) => {
    const { Body, ContentLength, ETag } = await client.send(command, options)
    if (ContentLength !== undefined && ContentLength > maxBytes) {
      dropBody(Body)
      throw tooLarge(key, maxBytes)
    }
    const body = streamBody(Body, ContentLength, { patienceMs, explain: (failure) => failure })
    const bytes = await readAtMost(body, maxBytes, key)
    if (ETag !== undefined) return { bytes, token: ETag }
    throw new S3Failure('the store returns no ETag, so documents cannot be replaced', { status: 200 })
  })
}

interface Write {
  readonly key: string
  readonly bytes: Uint8Array
  readonly condition: Condition
  readonly readBack: () => Promise<StoredDocument | undefined>
}

/**
 * Writes, and reads back after an ambiguous answer. A retry is safe even if the first write lands later: the condition
 * holds for one of them only.
 */
async function writeIf(s3: S3, write: Write): Promise<Outcome> {
  const { key, bytes, condition } = write
  const isSwap = 'IfMatch' in condition
  /** The first ambiguous failure. */
  let doubt: unknown
  for (let tries = 1; ; tries++) {
    const failure = await tryToPut(s3, write)
    if (failure === undefined) return 'landed'
    const isNo = failure.status === 412 || failure.isAbsent
    if (isNo && isSwap && doubt === undefined) return 'other'
    const error = s3.explain(failure, key, 'write')
    if (!isNo && failure.status !== 409) {
      if (!failure.isPassing && failure.kind !== 'timeout') throw error
      doubt = error
    }
    const there = await write.readBack().catch((other: unknown) => {
      throw doubt ?? other
    })
    if (there && equalBytes(there.bytes, bytes)) return doubt === undefined ? 'equal' : 'landed'
    if (isSwap ? there?.token !== condition.IfMatch : there !== undefined) {
      // A swap that landed may have been replaced by now. What was created would still be there.
      if (doubt !== undefined && isSwap) throw doubt
      return 'other'
    }
    if (failure.kind === 'timeout' || tries >= (doubt === undefined ? triesAtConflict : triesAtFailure)) throw error
    await s3.pause(pauseMs * tries)
  }
}

async function tryToPut(s3: S3, { key, bytes, condition }: Write): Promise<S3Failure | undefined> {
  const command = new PutObjectCommand({ Bucket: s3.bucket, Key: s3.prefix + key, Body: bytes, ...condition })
  try {
    await s3.once((options) => s3.client.send(command, options))
    return undefined
  } catch (error) {
    if (error instanceof S3Failure) return error
    throw error
  }
}
