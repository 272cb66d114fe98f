import { PlatteError } from './errors.ts'

/** One thing that happened. Values are short and never secret: no bodies, keys or query strings, no headers but a user agent. */
export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error'
  /** What happened, a fixed word: `contact`, `catalog`, `publish`, `serve`, … */
  readonly event: string
  readonly [field: string]: string | number | boolean | undefined | readonly object[]
}

/**
 * Takes an entry and returns at once; never throws, never delays an answer.
 * @param members its `membersText`, from one that had it for less.
 */
export type Log = (entry: LogEntry, members?: string) => void

/** The same log with some fields in every line. */
export const logWith =
  (log: Log, fields: object): Log =>
  (entry) =>
    log({ ...entry, ...fields })

const maxProblemLength = 300
const maxFrames = 12

/** What a log line holds of an error. */
export interface LoggedError {
  readonly problem: string
  /** `defect` for anything but a PlatteError. */
  readonly code: string
  /** Where it was thrown, one frame a line, without the message. */
  readonly stack?: string
}

/** @param hasStack by default only a defect has one. */
export function describeError(error: unknown, hasStack = !(error instanceof PlatteError)): LoggedError {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof PlatteError ? error.code : 'defect'
  const frames = (stack.match(/^\s+at .+$/gm) ?? []).slice(0, maxFrames)
  return {
    problem: message.slice(0, maxProblemLength),
    code,
    ...(hasStack && { stack: frames.map((frame) => frame.trim()).join('\n') }),
  }
}
