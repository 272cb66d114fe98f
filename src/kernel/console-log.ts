import { systemClock } from './clock.ts'
import { logLine } from './json-log.ts'
import type { Log } from './log.ts'

/** One line of JSON for each entry, for Workers: they have no stdout, and a timer of one request may not write for another. */
export const consoleLog: Log = (entry, members) => {
  console.log(logLine(systemClock(), entry, members).trimEnd())
}
