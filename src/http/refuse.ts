/** What is not answered, in words for people. */
import type { Context } from 'hono'

/** Never stored: a cache in front of this would go on refusing what is there by now. */
export const refuse = (
  c: Context,
  status: 400 | 401 | 403 | 404 | 405 | 409 | 411 | 413 | 415 | 416 | 422 | 424 | 429 | 500 | 503,
  words: string,
  headers: Readonly<Record<string, string>> = {},
): Response => c.text(`error: ${words}\n`, status, { 'cache-control': 'no-store', ...headers })
