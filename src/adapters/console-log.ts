import type { Log } from '../ports/log.ts'
import { logLine, systemClock } from './system.ts'

/** One line of JSON for each entry, for Workers: they have no stdout, and a timer of one request may not write for another. */
export const consoleLog: Log = (entry) => {
  console.log(logLine(systemClock(), entry).trimEnd())
}
