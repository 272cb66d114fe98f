/**
 * `GET` and `HEAD` of signed documents and notes, verbatim. Every Platte is a complete upstream; readers verify signatures.
 */
import type { Context } from 'hono'
import { readDocument } from '../catalog/read.ts'
import type { PublicDocument } from '../documents/paths.ts'
import { matches } from '../http/credentials.ts'
import { refuse } from '../http/problem.ts'
import type { Serving } from './serving.ts'

/** Each cache on the way delays a change by this much. */
const catalogForSeconds = 10

const signed = 'application/jose+json'
const immutable = 'public, max-age=31536000, immutable, no-transform'

const kinds: Readonly<Record<PublicDocument['kind'], { readonly type: string; readonly caching: string }>> = {
  root: { type: signed, caching: immutable },
  catalog: { type: signed, caching: `public, max-age=${catalogForSeconds}, no-transform` },
  channel: { type: signed, caching: immutable },
  notes: { type: 'text/markdown; charset=utf-8', caching: immutable },
}

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
