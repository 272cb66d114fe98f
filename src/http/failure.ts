/** What each kind of failure is over HTTP, for every shell. */
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { describeError, type Log } from '../kernel/log.ts'

/** `as` is the code that clients see instead: internal errors stay hidden. */
interface Kind {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 411 | 413 | 415 | 416 | 422 | 424 | 429 | 500 | 503
  readonly title: string
  readonly as?: string | undefined
}

const badRequest: Kind = { status: 400, title: 'Bad Request' }
const conflict: Kind = { status: 409, title: 'Conflict' }
const unavailable: Kind = { status: 503, title: 'Service Unavailable' }
const internal: Kind = { status: 500, title: 'Internal Server Error', as: 'internal' }

/** Every ErrorCode, and what only HTTP refuses. Titles are HTTP's own: RFC 9457 wants that without a `type`. */
const kinds = {
  'bad-request': badRequest,
  usage: badRequest,
  unauthorized: { status: 401, title: 'Unauthorized' },
  refused: { status: 403, title: 'Forbidden' },
  'not-found': { status: 404, title: 'Not Found' },
  'method-not-allowed': { status: 405, title: 'Method Not Allowed' },
  conflict,
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
export interface Failure {
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
export const failureText = ({ detail, hint }: Failure): string => `error: ${detail}\n${hint ? `hint: ${hint}\n` : ''}`
