/** How feeds and files are sent: with a tag, and where their time is known, with that. */
import type { Context } from 'hono'
import { matches } from '../../http/conditions.ts'
import { textDigest } from '../../kernel/digest.ts'

/** So long a cache keeps one, in seconds: what is in force is late by that much more behind each cache. */
const keptForSeconds = 10

/** What is sent. */
export interface Content {
  readonly type: string
  readonly text: string
  /** Since when it is as it is, in milliseconds; left out where every moment may change it. */
  readonly changedAt?: number
}

/** Answers 304 to whoever has it: by the tag where one is said, else by the time (RFC 9110, 13.2.2). */
export function send(c: Context, { type, text, changedAt }: Content): Response {
  const headers = {
    'content-type': type,
    'cache-control': `public, max-age=${keptForSeconds}, no-transform`,
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    etag: `"${textDigest(text)}"`,
    ...(changedAt !== undefined && { 'last-modified': new Date(changedAt).toUTCString() }),
  }
  const tags = c.req.header('if-none-match')
  const since = Date.parse(c.req.header('if-modified-since') ?? '')
  const isKnown =
    tags === undefined ? changedAt !== undefined && wholeSeconds(changedAt) <= since : matches(tags, headers.etag)
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(text, { headers })
}

/** HTTP's dates have no smaller parts. */
const wholeSeconds = (at: number): number => Math.floor(at / 1000) * 1000
