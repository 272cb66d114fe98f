/** What each kind of failure is over HTTP, for every shell; over Hono, as problem documents (RFC 9457). */
import type { Context } from 'hono'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { describeError, type Log } from '../kernel/log.ts'
import { idHeader, idsOf } from './request-id.ts'

/** `as` is the code that clients see instead: internal errors stay hidden. */
interface Kind {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 411 | 413 | 415 | 416 | 422 | 424 | 429 | 500 | 503
  readonly title: string
  readonly as?: string | undefined
}

const badRequest: Kind = { status: 400, title: 'Bad Request' }
const unavailable: Kind = { status: 503, title: 'Service Unavailable' }
const internal: Kind = { status: 500, title: 'Internal Server Error', as: 'internal' }

/** Every ErrorCode, and what only HTTP refuses. Titles are HTTP's own: RFC 9457 wants that without a `type`. */
export const kinds = {
  'bad-request': badRequest,
  usage: badRequest,
  unauthorized: { status: 401, title: 'Unauthorized' },
  refused: { status: 403, title: 'Forbidden' },
  'not-found': { status: 404, title: 'Not Found' },
  'method-not-allowed': { status: 405, title: 'Method Not Allowed' },
  conflict: { status: 409, title: 'Conflict' },
  'length-required': { status: 411, title: 'Length Required' },
  'too-large': { status: 413, title: 'Content Too Large' },
  'unsupported-encoding': { status: 415, title: 'Unsupported Media Type' },
  'range-not-satisfiable': { status: 416, title: 'Range Not Satisfiable' },
  'upload-mismatch': { status: 422, title: 'Unprocessable Content' },
  credentials: { status: 424, title: 'Failed Dependency' },
  'rate-limited': { status: 429, title: 'Too Many Requests' },
  'catalog-unavailable': unavailable,
  'answer-unavailable': unavailable,
  'issuer-unavailable': unavailable,
  'store-unavailable': unavailable,
  forbidden: { ...unavailable, as: 'store-unavailable' },
  'bad-document': internal,
  'bad-signature': internal,
  expired: internal,
  'from-the-future': internal,
  rollback: internal,
  fork: internal,
  mismatch: internal,
  missing: internal,
  configuration: { ...internal, as: undefined },
} satisfies Record<ErrorCode, Kind> & Record<string, Kind>

export type ProblemCode = keyof typeof kinds

export const kindOf = (code: ProblemCode): Kind => kinds[code]

/** Safe to send. */
interface Failure {
  readonly code: ProblemCode
  /** One sentence for people. */
  readonly detail: string
  /** What to do next. */
  readonly hint?: string | undefined
}

/**
 * Logs an exception, a defect with its stack, and finds words for the client. Never exposes internal errors.
 * @param log writes the ids of the request into each line.
 * @param path as it may be logged, without secrets.
 */
export function failureOf(error: unknown, log: Log, path: string): Failure {
  const code = error instanceof PlatteError ? error.code : 'bad-document'
  const { status } = kinds[code]
  const isInternal = status >= 500
  const level = isInternal ? 'error' : 'info'
  log({ level, event: 'refused', path: path.slice(0, 100), status, ...describeError(error, status === 500) })
  if (isInternal || !(error instanceof PlatteError)) return { code, detail: internalDetail }
  return { code, detail: error.message, hint: error.hint }
}

export const internalDetail = 'something went wrong here; the log says what'

/** As one line of text, for clients that know no problem documents. */
export const failureText = ({ detail, hint }: Omit<Failure, 'code'>): string =>
  `error: ${detail}\n${hint ? `hint: ${hint}\n` : ''}`

export const problemType = 'application/problem+json'

/** A problem document, as clients read it. */
export interface Problem {
  readonly code: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly hint?: string
}

interface Refusal extends Pick<Failure, 'hint'> {
  readonly headers?: Readonly<Record<string, string>>
}

/** No caching: a cached refusal would outlive its cause. */
const headersOf = (c: Context, more: Refusal['headers']): Record<string, string> => ({
  ...{ 'cache-control': 'no-store', [idHeader]: idsOf(c.req.raw).requestId },
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
  c.text(failureText({ detail, hint }), kindOf(code).status, headersOf(c, headers))
