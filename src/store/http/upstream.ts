/**
 * A read-only store behind a web server: another Platte, the public URL of a bucket, a folder that is served. The reader
 * verifies everything, so a server can only withhold, or show an earlier state.
 *
 * It is as consistent as the caches on the way. It cannot list, and sends no credentials.
 */
import { checkKey, urlPathOf } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { sha256Hex } from '../../trust/digest.ts'
import type { Documents, Marked, StoredDocument } from '../documents.ts'
import type { ByteRange, OpenPackage, Packages } from '../packages.ts'
import { checkRange, readAtMost, sliceOf, tooLarge } from '../streams.ts'
import { type FetchResponse, fetchBounded, unavailable } from './fetch.ts'

export interface UpstreamOptions {
  /** Gives up on a server that sends nothing for this long; a document may take three times that. */
  readonly idleMs?: number
}

const defaultIdleMs = 10_000

/**
 * A token is the content's SHA-256, followed by the server's ETag if that is reliable.
 * @param url the prefix of every key; ends in "/".
 */
export function upstreamDocuments(url: string, { idleMs = defaultIdleMs }: UpstreamOptions = {}): Documents {
  return {
    async get(key, maxBytes, known) {
      const request = { url: url + urlPathOf(checkKey(key)), key, idleMs, totalMs: 3 * idleMs }
      return getDocument(request, maxBytes, known)
    },
    create: async (key) => onlyRead(url, key),
    swap: async (key) => onlyRead(url, key),
  }
}

/** @param url the prefix of every key; ends in "/". */
export function upstreamPackages(url: string, { idleMs = defaultIdleMs }: UpstreamOptions = {}): Packages {
  const askedFor = (key: string): Asked => ({ url: url + urlPathOf(checkKey(key)), key, idleMs })
  return {
    open: async (key, range) => openPackage(askedFor(key), range),
    async stat(key) {
      const answer = await found(key, await fetchBounded({ ...askedFor(key), method: 'HEAD' }))
      await answer?.drop()
      return answer && { size: await sizeOf(key, answer) }
    },
    async put(key, body) {
      await body.cancel()
      return onlyRead(url, key)
    },
    remove: async (key) => onlyRead(url, key),
  }
}

function onlyRead(url: string, key: string): never {
  checkKey(key)
  throw new PlatteError('refused', `${key}: ${new URL(url).origin} is read-only`, {
    hint: 'set PLATTE_STORE to the folder or the bucket behind it',
  })
}

interface Asked {
  readonly url: string
  readonly key: string
  readonly idleMs: number
  readonly totalMs?: number
}

async function getDocument<Known extends Marked>(
  request: Asked,
  maxBytes: number,
  known: Known | undefined,
): Promise<StoredDocument | Known | undefined> {
  const { key } = request
  const [digest, tag] = known?.token.split(' ') ?? []
  const headers: Record<string, string> = tag === undefined ? {} : { 'if-none-match': tag }
  const asking = await fetchBounded({ ...request, method: 'GET', headers })
  if (asking.status === 304 && tag !== undefined) {
    await asking.drop()
    return known
  }
  const answer = await found(key, asking)
  if (answer === undefined) return undefined
  if ((answer.length ?? 0) > maxBytes) return refused(answer, tooLarge(key, maxBytes))
  const bytes = await readAtMost(answer.body(answer.length), maxBytes, key)
  const sha256 = await sha256Hex(bytes)
  return sha256 === digest ? known : { bytes, token: [sha256, ...tagOf(answer.headers)].join(' ') }
}

/** @returns `undefined` if the server says that it does not exist. @throws PlatteError for any other answer. */
async function found(key: string, answer: FetchResponse, status = 200): Promise<FetchResponse | undefined> {
  if (answer.status === status) return answer
  await answer.drop()
  if (answer.status === 404 || answer.status === 410) return undefined
  if (answer.status === 401 || answer.status === 403)
    throw new PlatteError('forbidden', `${key}: ${answer.origin} answers ${answer.status}`, {
      hint: 'allow public reads there; an S3 bucket needs public s3:GetObject and s3:ListBucket, or it answers 403 for missing keys',
    })
  throw unavailable(key, `${answer.origin} answers ${answer.status}`)
}

/** A strong tag, and none of a file that changed just now: many servers make tags of size and second. @see RFC 9110 §8.8.1 */
function tagOf(headers: Headers): readonly string[] {
  const tag = headers.get('etag') ?? ''
  if (!/^"[\x21\x23-\x7e]*"$/.test(tag)) return []
  const modified = headers.get('last-modified')
  const isSettled = modified === null || Date.parse(headers.get('date') ?? '') - Date.parse(modified) >= 2000
  return isSettled ? [tag] : []
}

async function openPackage(request: Asked, range: ByteRange | undefined): Promise<OpenPackage | undefined> {
  const { key } = request
  const headers: Record<string, string> = range === undefined ? {} : { range: `bytes=${range.start}-${range.end}` }
  const asking = await fetchBounded({ ...request, method: 'GET', headers })
  if (range !== undefined && [206, 416].includes(asking.status)) return openPart(key, asking, range)
  const answer = await found(key, asking)
  if (answer === undefined) return undefined
  const size = await sizeOf(key, answer)
  if (range === undefined) return { size, body: answer.body(size) }
  // This server ignores ranges.
  return { size, body: sliceOf(answer.body(size), await checked(key, answer, { range, size })) }
}

/** @param answer 206 or 416. */
async function openPart(key: string, answer: FetchResponse, range: ByteRange): Promise<OpenPackage> {
  const sent = answer.headers.get('content-range') ?? ''
  const size = Number(/^bytes (?:\d+-\d+|\*)\/(\d{1,15})$/.exec(sent)?.[1])
  if (Number.isNaN(size))
    return refused(answer, unavailable(key, `${answer.origin} sends a range without a Content-Range`))
  const { start, end } = await checked(key, answer, { range, size })
  if (sent !== `bytes ${start}-${end}/${size}`)
    return refused(answer, unavailable(key, `${answer.origin} sends another range than ${start}-${end}`))
  return { size, body: answer.body(end - start + 1) }
}

async function checked(
  key: string,
  answer: FetchResponse,
  { range, size }: { readonly range: ByteRange; readonly size: number },
): Promise<ByteRange> {
  try {
    return checkRange(key, range, size)
  } catch (error) {
    return refused(answer, error)
  }
}

async function sizeOf(key: string, answer: FetchResponse): Promise<number> {
  if (answer.length !== undefined) return answer.length
  return refused(answer, unavailable(key, `${answer.origin} sends no Content-Length`))
}

async function refused(answer: FetchResponse, error: unknown): Promise<never> {
  await answer.drop()
  throw error
}

/** The token of bytes that were copied before: the tag of a Platte is the SHA-256. */
export const tokenOfCopy = (sha256: string): string => `${sha256} "${sha256}"`
