/** `GET` and `HEAD` of what is published: packages, signed documents and notes. */
import type { Context } from 'hono'
import { currentCatalog, findChannel, reload } from '../catalog/cache.ts'
import type { Loaded, Problem, ServedBoard } from '../catalog/channels.ts'
import { findPackages } from '../catalog/details.ts'
import { readDocument } from '../catalog/read.ts'
import { decodeMissing, encodeMissing, maxMissingBytes } from '../documents/missing.ts'
import { keyOfUrlPath, missingKey, type PublicDocument, urlPathOf } from '../documents/paths.ts'
import { matches } from '../http/credentials.ts'
import { refuse } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { describeError } from '../kernel/log.ts'
import type { Package } from '../release/channel.ts'
import type { ByteRange } from '../store/packages.ts'
import { verifiedStream } from '../store/streams.ts'
import { answering, type Serving } from './serving.ts'
import { type Answering, readAtMost } from './update-check.ts'

/** Saves a request for each package; a changed setting is live within this time. */
const redirectForSeconds = 300

const immutable = 'public, max-age=31536000, immutable, no-transform'

/**
 * `/packages/…`: streamed, one range, immutable. Never a 206 from other bytes: keys hold the digest. With `packagesUrl`, a
 * redirect. Only what a verified manifest names is served, by the key that it gives.
 */
export function answerPackage(serving: Serving): (c: Context) => Promise<Response> {
  return async (c) => {
    const key = keyOfUrlPath(c.req.path.slice(1))
    const found = await findPackage(answering(serving, c), key)
    if (found === undefined) return refuse(c, 'not-found', 'no channel here names that package')
    if ('reason' in found) return refuse(c, 'catalog-unavailable', found.reason)
    if (serving.packagesUrl !== undefined) return redirect(c, `${serving.packagesUrl}/${urlPathOf(key)}`)
    const { size, sha256 } = found
    const headers = {
      'content-type': 'application/octet-stream',
      'cache-control': immutable,
      'accept-ranges': 'bytes',
      etag: `"${sha256}"`,
    }
    if (matches(c.req.header('if-none-match'), headers.etag)) return new Response(null, { status: 304, headers })
    const isHead = c.req.method === 'HEAD'
    const range = isHead ? undefined : rangeOf(c, headers.etag, size)
    if (range === 'unsatisfiable')
      return refuse(c, 'range-not-satisfiable', `the package has ${size} bytes`, {
        headers: { 'content-range': `bytes */${size}` },
      })
    const stored = isHead ? await statPackage(serving, key) : await openPackage(serving, key, found, range)
    if (stored?.size !== size) {
      await stored?.body?.cancel()
      return missing(serving, c, key, stored?.size, size)
    }
    const body = stored.body ?? null
    if (range === undefined) return new Response(body, { headers: { ...headers, 'content-length': String(size) } })
    const { start, end } = range
    const ranged = { 'content-length': String(end - start + 1), 'content-range': `bytes ${start}-${end}/${size}` }
    return new Response(body, { status: 206, headers: { ...headers, ...ranged } })
  }
}

const redirect = (c: Context, location: string): Response =>
  c.text(`${location}\n`, 307, { location, 'cache-control': `public, max-age=${redirectForSeconds}, no-transform` })

type Found = Readonly<{ size: number; body?: ReadableStream<Uint8Array<ArrayBuffer>> }>

const statPackage = async ({ packages, upstream }: Serving, key: string): Promise<Found | undefined> =>
  (await packages?.stat(key)) ?? (await upstream?.packages.stat(key))

/**
 * A range comes from a verified copy. Without one, the whole package is read from the upstream and verified, and the last
 * bytes of the answer wait for that: a client whose download broke off can go on, and never has all of wrong bytes.
 */
async function openPackage(serving: Serving, key: string, one: Package, range: ByteRange | undefined) {
  const { packages, upstream, reader } = serving
  const copy = await packages?.open(key, range)
  if (copy !== undefined) return copy as Found
  const whole = await upstream?.packages.open(key)
  if (upstream === undefined || whole?.size !== one.size) return whole as Found | undefined
  const onWrong = (error: unknown): void =>
    reader.log({ level: 'error', event: 'package', key, ...describeError(error) })
  const measure = { hasher: upstream.newHasher(), name: key, expected: one }
  const body = verifiedStream(whole.body, measure, range ?? { start: 0, end: one.size - 1 }, onWrong)
  return { size: whole.size, body } as Found
}

function missing({ reader }: Serving, c: Context, key: string, has: number | undefined, size: number) {
  const problem = has === undefined ? 'is not in the store' : `does not have its ${size} bytes in the store`
  const code = has === undefined ? 'missing' : 'mismatch'
  requestLog(reader.log, c.req.raw)({ level: 'error', event: 'package', key, problem, code })
  // Not what was found instead: that may be anything in the network of this process.
  return refuse(c, 'not-found', 'this package is not in the store')
}

/**
 * The range that a GET asks for, RFC 9110 §14.
 * @returns `undefined` for the whole: no header, another unit, several ranges, a malformed one, or of another package.
 */
function rangeOf(c: Context, etag: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(c.req.header('range') ?? '')
  if (match === null || ![undefined, etag].includes(c.req.header('if-range'))) return undefined
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return undefined
  if (from === '') return Number(to) === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(to)), end: size - 1 }
  const start = Number(from)
  if (to !== '' && Number(to) < start) return undefined
  return start >= size ? 'unsatisfiable' : { start, end: to === '' ? size - 1 : Math.min(Number(to), size - 1) }
}

/** An older catalog is read again before a package counts as missing: a mirror may know a newer one. */
const anewMs = 2_000

/**
 * Finds a package by its key, also one that was published just now.
 * An expired catalog stops offers, not downloads: the packages stay what was signed.
 * @returns `undefined` where no verified manifest names it. Never throws.
 */
export async function findPackage(answering: Answering, key: string): Promise<Package | Problem | undefined> {
  const found = await lookUp(answering, key)
  const { cache, reader } = answering
  const lookedAt = Math.max(cache.checkedAt, cache.failure?.at ?? 0)
  if (found !== undefined || reader.clock() - lookedAt < anewMs) return found
  await reload(cache, reader)
  return lookUp(answering, key)
}

/**
 * Searches the channels of the key's app, those in the cache first. Reads a few others for each request: with more
 * of them, the first requests get 'store-unavailable'.
 */
async function lookUp(answering: Answering, key: string): Promise<Package | Problem | undefined> {
  const { cache, reader, background } = answering
  const current = await currentCatalog(cache, reader, background)
  if (cache.state === undefined) return 'reason' in current ? current : undefined
  const app = key.split('/')[1] ?? ''
  const names = [...(cache.apps.get(app)?.channels.keys() ?? [])]
  const loadedOf = (channel: string) => cache.channels.get(`${app}/${channel}`)
  const folder = key.slice(0, key.lastIndexOf('/') + 1)
  const boardIn = (loaded: Loaded | Problem | undefined) =>
    loaded && 'folders' in loaded ? (loaded.folders().get(folder) ?? []) : []
  const packageOf = async ([served]: readonly ServedBoard[]): Promise<Package | Problem | undefined> => {
    const packages = served && (await findPackages(answering, { app, board: served.board }, served))
    return packages && 'packages' in packages ? packages.packages.find(({ name }) => folder + name === key) : packages
  }
  const known = await packageOf(names.flatMap((channel) => boardIn(loadedOf(channel))))
  if (known) return known
  const unread = names.filter((channel) => loadedOf(channel) === undefined)
  const failed = names.filter((channel) => 'reason' in (loadedOf(channel) ?? {}))
  const read = [...unread, ...failed].slice(0, readAtMost)
  const all = await Promise.all(read.map((channel) => findChannel(cache, reader, { app, channel })))
  const found = await packageOf(all.flatMap(boardIn))
  if (found || unread.length <= readAtMost) return found
  return { reason: 'store-unavailable', message: 'not every channel was read yet' }
}

/** Each cache on the way delays a change by this much. */
const catalogForSeconds = 10

const signed = 'application/jose+json'

const kinds: Readonly<Record<PublicDocument['kind'], { readonly type: string; readonly caching: string }>> = {
  root: { type: signed, caching: immutable },
  catalog: { type: signed, caching: `public, max-age=${catalogForSeconds}, no-transform` },
  channel: { type: signed, caching: immutable },
  notes: { type: 'text/markdown; charset=utf-8', caching: immutable },
  details: { type: 'application/json', caching: immutable },
}

/**
 * What a mirror's store lacks, for servers that read it over HTTP: they withhold the same. Without the problems, which name
 * other machines.
 */
export function answerMissing({ reader }: Serving): (c: Context) => Promise<Response> {
  return async (c) => {
    const stored = await reader.documents.get(missingKey, maxMissingBytes)
    if (stored === undefined) return refuse(c, 'not-found', 'nothing is missing here')
    const listed = decodeMissing(stored.bytes).map(({ packages, channel }) => ({ packages, channel }))
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-cache' }
    return c.body(encodeMissing(listed) as Uint8Array<ArrayBuffer>, 200, headers)
  }
}

/** Signed documents and notes, verbatim. Every Platte is a complete upstream; readers verify signatures. */
export function answerDocument({ reader }: Serving): (c: Context) => Promise<Response> {
  return async (c) => {
    const found = await readDocument(reader.documents, c.req.path.slice(1))
    if (found === undefined) return refuse(c, 'not-found', 'there is no such document here')
    const { type, caching } = kinds[found.kind]
    const headers = {
      'content-type': type,
      'cache-control': caching,
      // Notes are untrusted text: no browser may render them as a page.
      'x-content-type-options': 'nosniff',
      etag: `"${found.sha256}"`,
    }
    if (matches(c.req.header('if-none-match'), headers.etag)) return new Response(null, { status: 304, headers })
    const body = found.bytes as Uint8Array<ArrayBuffer>
    return new Response(body, { headers: { ...headers, 'content-length': String(body.length) } })
  }
}
