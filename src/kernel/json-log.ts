import { type Clock, systemClock } from './clock.ts'
import { isoText } from './format.ts'
import type { Log, LogEntry } from './log.ts'

/** Takes whole lines; if it returns a promise, the next lines wait for it. */
export type WriteLines = (lines: string) => unknown

/** A log that is written in bunches; `flush` writes what is held, before a process ends. */
export type BufferedLog = Log & { readonly flush: () => void }

/** Lines wait this long at most: many checks share a write, and a reader of the log sees no delay. */
const holdMs = 50
/** This many held characters are written at once. */
const writeAt = 64 * 1024
/** Beyond this many held characters the writer hangs: lines are dropped and counted. */
const holdAtMost = 4 * 1024 * 1024

/**
 * One line of JSON for each entry: `{"time":"2026-11-23T06:00:00.000Z","level":"info","event":"contact",…}`.
 * A writer that throws, rejects or hangs costs lines, never the caller; the next line written reports how many.
 */
export function jsonLog(write: WriteLines, clock: Clock = systemClock): BufferedLog {
  let held = ''
  let heldLines = 0
  let lost = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let isWriting = false
  /** Under load many lines fall into one millisecond, and its text costs as much as the rest of a line. */
  let last = { now: Number.NaN, text: '' }
  const time = (): string => {
    const now = clock()
    if (now !== last.now) last = { now, text: isoText(now) }
    return last.text
  }

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (isWriting || held === '') return
    const notice = lost === 0 ? '' : line(time(), { level: 'warn', event: 'log', lostLines: lost })
    const lines = (notice + held).replace(unsafe, escaped)
    const count = lost + heldLines
    const failed = (): void => {
      lost += count
    }
    held = ''
    heldLines = 0
    lost = 0
    try {
      const answer = write(lines)
      if (!(answer instanceof Promise)) return
      isWriting = true
      void answer.catch(failed).then(() => {
        isWriting = false
        flush()
      })
    } catch {
      failed()
    }
  }
  const log: Log = (entry, members) => {
    if (held.length > holdAtMost) {
      lost += 1
      return
    }
    held += line(time(), entry, members)
    heldLines += 1
    if (held.length >= writeAt) flush()
    else timer ??= later(flush)
  }
  return Object.assign(log, { flush })
}

/** JSON does not escape these, but terminals take them for commands and old readers for line ends. */
const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** One entry as a line of JSON, with its line feed. */
export const logLine = (now: number, entry: LogEntry, members?: string): string =>
  line(isoText(now), entry, members).replace(unsafe, escaped)

/** Unsafe characters are escaped later: for many lines at once that costs less. */
const line = (time: string, entry: LogEntry, members = JSON.stringify(entry).slice(1, -1)): string =>
  `{"time":"${time}",${members}}\n`

/** A log never keeps a process alive. */
function later(flush: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(flush, holdMs)
  if (typeof timer === 'object') timer.unref()
  return timer
}
