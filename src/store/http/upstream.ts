/**
 * A read-only store behind a web server: another Platte, the public URL of a bucket, a folder that is served. The reader
 * verifies everything, so a server can only withhold, or show an earlier state.
 *
 * It is as consistent as the caches on the way. It cannot list, and sends no credentials.
 */

import { checkKey, urlPathOf } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { readAtMost, tooLarge } from '../../kernel/streams.ts'
import { sha256Hex } from '../../trust/digest.ts'
import type { Documents, Marked, StoredDocument } from '../documents.ts'
import type { ByteRange, OpenPackage, Packages } from '../packages.ts'
import { checkRange, sliceOf } from '../streams.ts'
import { type FetchRequest, type FetchResponse, fetchBounded, unavailable } from './fetch.ts'
import { newPace } from './pace.ts'
import { resumedBody } from './resume.ts'
import type { Transport } from './transport.ts'

export interface UpstreamOptions {
  /** How the runtime connects. */
  readonly transport: Transport
  /** Gives up on a server that sends nothing for this long; a document may take three times that. */
  readonly idleMs?: number
}

const defaultIdleMs = 10_000

/**
 * A token is the content's SHA-256, followed by the server's ETag if that is reliable.
 * @param url the prefix of every key; ends in "/".
 */
export function upstreamDocuments(url: string, { transport, idleMs = defaultIdleMs }: UpstreamOptions): Documents {
  return {
    async get(key, maxBytes, known) {
      const request = { url: url + urlPathOf(checkKey(key)), key, transport, idleMs, totalMs: 3 * idleMs }
      return getDocument(request, maxBytes, known)
    },
    create: async (key) => onlyRead(url, key),
    swap: async (key) => onlyRead(url, key),
  }
}

/** @param url the prefix of every key; ends in "/". */
export function upstreamPackages(url: string, { transport, idleMs = defaultIdleMs }: UpstreamOptions): Packages {
  const askedFor = (key: string): FetchRequest => ({ url: url + urlPathOf(checkKey(key)), key, transport, idleMs })
  return {
    open: async (key, range) => openResumed(askedFor(key), range),
    stat: async (key) => statAt(askedFor(key)),
    async put(key, body) {
      await body.cancel()
      return onlyRead(url, key)
    },
    remove: async (key) => onlyRead(url, key),
  }
}

/** Reads what a URL names at once. @returns `undefined` where it does not exist. @throws PlatteError('too-large') */
export const readAt = async (request: FetchRequest, maxBytes: number): Promise<Uint8Array | undefined> =>
  (await getDocument<StoredDocument>({ totalMs: 3 * request.idleMs, ...request }, maxBytes, undefined))?.bytes

/** `isSumKnown: false`: nobody can tell afterwards whether pieces are of one file. */
export type ResumedRequest = FetchRequest & { readonly isSumKnown?: boolean | undefined }

/** Opens what a URL names; resumes it where a connection breaks off. @returns `undefined` where it does not exist. */
export async function openResumed(asked: ResumedRequest, range?: ByteRange): Promise<OpenPackage | undefined> {
  const { idleMs } = asked
  const request = { ...asked, pace: newPace(3 * idleMs) }
  const opened = await openPart(request, range).finally(request.pace.end)
  if (opened === undefined) return undefined
  const { body, ...first } = opened
  const { size } = first
  const whole = { range: range ?? { start: 0, end: size - 1 }, pace: request.pace, pauseMs: idleMs / 100 }
  return { size, ...resumedBody(body, { ...whole, reopen: async (rest) => reopenPart(request, rest, first) }) }
}

/** By GET where HEAD is refused, as for a presigned URL. @throws PlatteError('store-unavailable') without a Content-Length. */
export function statAt(request: FetchRequest): Promise<{ readonly size: number } | undefined> {
  const sizeIn = (answer: FetchResponse): ReturnType<typeof statAt> =>
    answer.drop().then(() => (answer.status === 200 ? { size: sizeOf(request.key, answer) } : ask(request, sizeIn)))
  return ask({ ...request, method: 'HEAD' }, sizeIn, [403, 405, 501])
}

function onlyRead(url: string, key: string): never {
  checkKey(key)
  throw new PlatteError('refused', `${key}: ${new URL(url).origin} is read-only`, {
    hint: 'set PLATTE_STORE to the folder or the bucket behind it',
  })
}

/**
 * Hands an answer to `take`, and drops it if that throws. @param also what is fine besides 200.
 * @returns `undefined` if the server says that it does not exist. @throws PlatteError for any other answer.
 */
async function ask<T>(
  request: FetchRequest,
  take: (answer: FetchResponse) => T | Promise<T>,
  also: readonly number[] = [],
): Promise<T | undefined> {
  const answer = await fetchBounded(request)
  const { status, origin } = answer
  try {
    if (status === 200 || also.includes(status)) return await take(answer)
    if (status === 401 || status === 403)
      throw new PlatteError('forbidden', `${request.key}: ${origin} answers ${status}`, {
        hint: 'allow public reads there; an S3 bucket needs public s3:GetObject and s3:ListBucket, or it answers 403 for missing keys',
      })
    if (status !== 404 && status !== 410) throw unavailable(request.key, `${origin} answers ${status}`)
    await answer.drop()
    return undefined
  } catch (error) {
    await answer.drop()
    throw error
  }
}

async function getDocument<Known extends Marked>(
  request: FetchRequest,
  maxBytes: number,
  known: Known | undefined,
): Promise<StoredDocument | Known | undefined> {
  const { key } = request
  const [digest, tag] = known?.token.split(' ') ?? []
  const read = async (answer: FetchResponse): Promise<StoredDocument | Known | undefined> => {
    if (answer.status === 304) {
      await answer.drop()
      return known
    }
    if ((answer.length ?? 0) > maxBytes) throw tooLarge(key, maxBytes)
    const bytes = await readAtMost(answer.body(answer.length), maxBytes, key)
    const sha256 = await sha256Hex(bytes)
    return sha256 === digest ? known : { bytes, token: [sha256, ...tagOf(answer.headers)].join(' ') }
  }
  if (tag === undefined) return await ask(request, read)
  return await ask({ ...request, headers: { 'if-none-match': tag } }, read, [304])
}

function strongTag(headers: Headers): string | undefined {
  const tag = headers.get('etag') ?? ''
  return /^"[\x21\x23-\x7e]*"$/.test(tag) ? tag : undefined
}

/** A strong tag, and none of a file that changed just now: many servers make tags of size and second. @see RFC 9110 §8.8.1 */
function tagOf(headers: Headers): readonly string[] {
  const tag = strongTag(headers)
  if (tag === undefined) return []
  const modified = headers.get('last-modified')
  const isSettled = modified === null || Date.parse(headers.get('date') ?? '') - Date.parse(modified) >= 2000
  return isSettled ? [tag] : []
}

/** @param tag the strong tag of what was opened before. */
async function openPart(request: FetchRequest, range: ByteRange | undefined, tag?: string) {
  const headers = range && { range: `bytes=${range.start}-${range.end}`, ...(tag && { 'if-range': tag }) }
  const take = (answer: FetchResponse) => ({
    ...packageIn(request.key, answer, range),
    tag: strongTag(answer.headers),
    modified: answer.headers.get('last-modified'),
  })
  return ask({ ...request, headers }, take, range && [206, 416])
}

type First = Readonly<{ size: number; tag: string | undefined; modified: string | null }>

async function reopenPart(request: ResumedRequest, rest: ByteRange, { size, tag, modified }: First) {
  if (request.isSumKnown === false && tag === undefined && modified === null)
    throw new PlatteError('mismatch', `${request.key}: broke off, and its server marks no states of a file`, {
      hint: 'run it again, or put a .sha256 beside it: then it is resumed',
    })
  const opened = await openPart(request, rest, tag)
  if (opened?.size === size && opened.modified === modified) return opened.body
  await opened?.body.cancel()
  throw new PlatteError('mismatch', `${request.key}: was replaced at the upstream during the download`)
}

/** @param answer 200; or 206 or 416 to a range. */
function packageIn(key: string, answer: FetchResponse, range: ByteRange | undefined): OpenPackage {
  if (range === undefined) return { size: sizeOf(key, answer), body: answer.body(answer.length) }
  if (answer.status === 200) {
    // This server ignores ranges.
    const size = sizeOf(key, answer)
    const asked = checkRange(key, range, size)
    return { size, body: sliceOf(answer.body(size), asked) }
  }
  const sent = answer.headers.get('content-range') ?? ''
  const size = Number(/^bytes (?:\d+-\d+|\*)\/(\d{1,15})$/.exec(sent)?.[1])
  if (Number.isNaN(size)) throw unavailable(key, `${answer.origin} sends a range without a Content-Range`)
  const { start, end } = checkRange(key, range, size)
  if (sent !== `bytes ${start}-${end}/${size}`)
    throw unavailable(key, `${answer.origin} sends another range than ${start}-${end}`)
  return { size, body: answer.body(end - start + 1) }
}

function sizeOf(key: string, { length, origin }: FetchResponse): number {
  if (length !== undefined) return length
  throw unavailable(key, `${origin} sends no Content-Length`)
}

/** The token of bytes that were copied before: the tag of a Platte is the SHA-256. */
export const tokenOfCopy = (sha256: string): string => `${sha256} "${sha256}"`
