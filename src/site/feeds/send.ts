/** Sends feeds and files, or refuses. */
import type { Context } from 'hono'
import { refuse } from '../../http/problem.ts'
import { textDigest } from '../../kernel/digest.ts'
import type { Unreadable } from '../status.ts'

/** In caches. Each cache on the way delays a change by that much. */
const maxAgeSeconds = 10

interface Content {
  readonly type: string
  readonly text: string
  /** Milliseconds; absent where every moment may change it. */
  readonly changedAt?: number
}

/** Answers 304 by time where the request has no tag (RFC 9110, 13.2.2). `answer.ts` compares tags. */
export function send(c: Context, { type, text, changedAt }: Content): Response {
  const headers = {
    'content-type': type,
    'cache-control': `public, max-age=${maxAgeSeconds}, no-transform`,
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    etag: `"${textDigest(text)}"`,
    ...(changedAt !== undefined && { 'last-modified': new Date(changedAt).toUTCString() }),
  }
  const since = Date.parse(c.req.header('if-modified-since') ?? '')
  const isTagged = c.req.header('if-none-match') !== undefined
  // HTTP's dates have whole seconds.
  const isKnown = !isTagged && changedAt !== undefined && Math.floor(changedAt / 1000) * 1000 <= since
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(text, { headers })
}

/** Refuses a channel that does not exist, or cannot be read now. */
export const refuseChannel = (c: Context, { problem: { reason } }: Unreadable): Response =>
  reason === 'unknown-channel' || reason === 'unknown-app'
    ? refuse(c, 'not-found', 'there is no such channel here')
    : refuse(c, 'catalog-unavailable', reason)
