/** Data goes to stdout, messages to stderr, progress only to a terminal. */
import { SingleBar } from 'cli-progress'
import type { PlatteError } from '../kernel/errors.ts'
import { visible } from '../kernel/format.ts'
import type { Log } from '../kernel/log.ts'

/** A closed stderr ends nothing. */
process.stderr.on('error', () => {})

/** Text from elsewhere could move the cursor, or write a line that looks like ours. */
const print = (line: string): void => void process.stdout.write(`${visible(line)}\n`)

/** Writes a message of one line or several. */
export const notice = (line: string): void => void process.stderr.write(`${visible(line)}\n`)

/** Writes an expected error and what to do about it. */
export function noticeError({ message, hint }: PlatteError): void {
  notice(`error: ${message}`)
  if (hint) notice(`hint: ${hint}`)
}

/** A reader that goes away (`| head`) is not a failure. */
function endWithReader(): void {
  process.stdout.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}

/** Writes data as JSON, or as lines for people. */
export function show(json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  endWithReader()
  if (json) print(JSON.stringify(value))
  else for (const line of lines) print(line)
}

/** Writes our own text, such as help. */
export function showText(text: string): void {
  endWithReader()
  process.stdout.write(text)
}

/** What commands report as they run: warnings and errors, in words. */
export const warn: Log = ({ level, event, ...fields }) => {
  if (level === 'info') return
  const words = Object.values(fields).filter((value) => value !== undefined)
  notice(`${level === 'warn' ? 'warning' : 'error'}: ${event}: ${words.join(', ')}`)
}

/** A progress bar over bytes; silent where stderr is no terminal. */
export function progress(label: string, totalBytes: number): { add: (bytes: number) => void; end: () => void } {
  if (!process.stderr.isTTY || totalBytes === 0) return { add: () => {}, end: () => {} }
  const bar = new SingleBar({
    format: `${label} [{bar}] {percentage} % of ${(totalBytes / 1e6).toFixed(1)} MB, {eta_formatted} left`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  })
  let done = 0
  bar.start(totalBytes, 0)
  return {
    add: (bytes) => {
      done += bytes
      bar.update(Math.min(done, totalBytes))
    },
    end: () => bar.stop(),
  }
}

/** Columns aligned with two blanks between them; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
