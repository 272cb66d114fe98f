/** Sends feeds and files with a tag, and with the time of their last change where it is known. */
import type { Context } from 'hono'
import { textDigest } from '../../kernel/digest.ts'

/** Seconds in a cache. Each cache on the way delays a change by that much. */
const keptForSeconds = 10

/** What is sent. */
export interface Content {
  readonly type: string
  readonly text: string
  /** When it last changed, in milliseconds; absent where every moment may change it. */
  readonly changedAt?: number
}

/** Answers 304 by the time, where no tag is asked about (RFC 9110, 13.2.2); tags are compared for all pages at once. */
export function send(c: Context, { type, text, changedAt }: Content): Response {
  const headers = {
    'content-type': type,
    'cache-control': `public, max-age=${keptForSeconds}, no-transform`,
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    etag: `"${textDigest(text)}"`,
    ...(changedAt !== undefined && { 'last-modified': new Date(changedAt).toUTCString() }),
  }
  const since = Date.parse(c.req.header('if-modified-since') ?? '')
  const isTagged = c.req.header('if-none-match') !== undefined
  const isKnown = !isTagged && changedAt !== undefined && wholeSeconds(changedAt) <= since
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(text, { headers })
}

/** HTTP's dates have no smaller parts. */
const wholeSeconds = (at: number): number => Math.floor(at / 1000) * 1000
