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

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (isWriting || held === '') return
    const notice = lost === 0 ? '' : logLine(clock(), { level: 'warn', event: 'log', lostLines: lost })
    const lines = notice + held
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
    held += logLine(clock(), entry, members)
    heldLines += 1
    if (held.length >= writeAt) flush()
    else timer ??= later(flush)
  }
  return Object.assign(log, { flush })
}

/** JSON does not escape these, but terminals take them for commands and old readers for line ends. */
const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** An object as JSON without its braces, safe to print. */
export const membersText = (entry: object): string => JSON.stringify(entry).slice(1, -1).replace(unsafe, escaped)

/** One entry as a line of JSON, with its line feed. */
export const logLine = (now: number, entry: LogEntry, members = membersText(entry)): string =>
  `{"time":"${timeText(now)}",${members}}\n`

/** Many lines fall into one second, and making the text of an instant costs as much as the rest of a line. */
let second = { at: Number.NaN, text: '' }

function timeText(now: number): string {
  const at = Math.floor(now / 1000) * 1000
  if (at !== second.at) second = { at, text: isoText(at).slice(0, -4) }
  return `${second.text}${String(now - at + 1000).slice(1)}Z`
}

/** A log never keeps a process alive. */
function later(flush: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(flush, holdMs)
  if (typeof timer === 'object') timer.unref()
  return timer
}
