/**
 * `GET` and `HEAD /packages/…`: streamed, one range, immutable. Never a 206 from other bytes: keys hold the digest.
 * With `packagesUrl`, a redirect.
 */
import type { Context } from 'hono'
import { keyOfUrlPath, urlPathOf } from '../documents/paths.ts'
import { matches } from '../http/conditions.ts'
import { refuse } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import type { Package } from '../release/channel.ts'
import type { ByteRange } from '../store/packages.ts'
import { findPackage } from './packages.ts'
import { answering, type Serving } from './serving.ts'

/** Saves a request for each package; a changed setting is live within this time. */
const redirectForSeconds = 300

export function answerPackage(serving: Serving): (c: Context) => Promise<Response> {
  return async (c) => {
    const key = keyOfUrlPath(c.req.path.slice(1))
    const found = await findPackage(answering(serving, c), key)
    if (found === undefined) return refuse(c, 'not-found', 'no channel here names that package')
    if ('reason' in found) return refuse(c, 'catalog-unavailable', found.reason)
    if (serving.packagesUrl !== undefined) return redirect(c, `${serving.packagesUrl}/${urlPathOf(key)}`)
    const headers = headersOf(found)
    if (matches(c.req.header('if-none-match'), headers.etag)) return new Response(null, { status: 304, headers })
    return c.req.method === 'HEAD' ? describe(serving, c, key, found) : stream(serving, c, key, found)
  }
}

const redirect = (c: Context, location: string): Response =>
  c.text(`${location}\n`, 307, { location, 'cache-control': `public, max-age=${redirectForSeconds}, no-transform` })

async function describe(serving: Serving, c: Context, key: string, one: Package): Promise<Response> {
  const stat = await serving.packages.stat(key)
  if (stat?.size !== one.size) return missing(serving, c, key, stat?.size, one)
  return new Response(null, { headers: { ...headersOf(one), 'content-length': String(one.size) } })
}

async function stream(serving: Serving, c: Context, key: string, one: Package): Promise<Response> {
  const headers = headersOf(one)
  const ifRange = c.req.header('if-range')
  const range =
    ifRange === undefined || ifRange === headers.etag ? parseRange(c.req.header('range'), one.size) : undefined
  if (range === 'unsatisfiable')
    return refuse(c, 'range-not-satisfiable', `the package has ${one.size} bytes`, {
      headers: { 'content-range': `bytes */${one.size}` },
    })
  const open = await serving.packages.open(key, range)
  if (open?.size !== one.size) {
    await open?.body.cancel()
    return missing(serving, c, key, open?.size, one)
  }
  if (range === undefined)
    return new Response(open.body, { headers: { ...headers, 'content-length': String(one.size) } })
  return new Response(open.body, {
    status: 206,
    headers: {
      ...headers,
      'content-length': String(range.end - range.start + 1),
      'content-range': `bytes ${range.start}-${range.end}/${one.size}`,
    },
  })
}

const headersOf = ({ sha256 }: Package) => ({
  'content-type': 'application/octet-stream',
  'cache-control': 'public, max-age=31536000, immutable, no-transform',
  'accept-ranges': 'bytes',
  etag: `"${sha256}"`,
})

function missing({ reader }: Serving, c: Context, key: string, size: number | undefined, one: Package): Response {
  const problem = size === undefined ? 'is not in the store' : `has ${size} bytes in the store, not ${one.size}`
  const code = size === undefined ? 'missing' : 'mismatch'
  requestLog(reader.log, c.req.raw)({ level: 'error', event: 'package', key, problem, code })
  return refuse(c, 'not-found', `this package ${problem}`)
}

/**
 * Reads a Range header, RFC 9110 §14.
 * @returns `undefined` where the whole is to be sent: no header, another unit, several ranges, or a malformed one.
 */
function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? '')
  if (match === null) return undefined
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return undefined
  if (from === '') return Number(to) === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(to)), end: size - 1 }
  const start = Number(from)
  const end = to === '' ? size - 1 : Math.min(Number(to), size - 1)
  if (to !== '' && Number(to) < start) return undefined
  return start >= size ? 'unsatisfiable' : { start, end }
}
