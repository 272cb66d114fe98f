/** Refusals over Hono, as problem documents (RFC 9457). */
import type { Context } from 'hono'
import { failureText, kindOf, type ProblemCode } from './failure.ts'
import { idHeader, idsOf } from './request-id.ts'

export const problemType = 'application/problem+json'

/** A problem document, as clients read it. */
export interface Problem {
  readonly code: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly hint?: string
}

interface Refusal {
  readonly hint?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** No caching: a cached refusal would outlive its cause. */
const headersOf = (c: Context, more: Refusal['headers']): Record<string, string> => ({
  'cache-control': 'no-store',
  [idHeader]: idsOf(c.req.raw).requestId,
  ...more,
})

/** @param detail one sentence for people. */
export function refuse(c: Context, code: ProblemCode, detail: string, { hint, headers }: Refusal = {}): Response {
  const { status, title, as = code } = kindOf(code)
  const problem: Problem = { code: as, title, status, detail, ...(hint && { hint }) }
  return c.body(JSON.stringify(problem), status, { 'content-type': problemType, ...headersOf(c, headers) })
}

/** Another method than those of `allow`. */
export const refuseMethod = (c: Context, allow: string, answer: typeof refuse = refuse): Response =>
  answer(c, 'method-not-allowed', `use ${allow} here`, { headers: { allow } })

/** For update checks, whose clients know no problem documents. */
export const refuseInText: typeof refuse = (c, code, detail, { hint, headers } = {}) =>
  c.text(failureText({ code, detail, hint }), kindOf(code).status, headersOf(c, headers))
