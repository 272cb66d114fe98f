/** Data goes to stdout, messages to stderr. */
import { styleText } from 'node:util'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { visible } from '../kernel/format.ts'
import type { Log } from '../kernel/log.ts'

/** A closed stderr ends nothing. */
process.stderr.on('error', () => {})

const mode = { isJson: false, isQuiet: false, hasData: false }

/** @param words of the command line; read before commander does, so that its own errors know the mode, too. */
export function readMode(words: readonly string[]): void {
  const end = words.indexOf('--')
  const own = end < 0 ? words : words.slice(0, end)
  mode.hasData = false
  mode.isJson = own.includes('--json')
  mode.isQuiet = own.includes('--quiet') || own.includes('-q')
}

/** Text from elsewhere could move the cursor, or write a line that looks like ours. */
const print = (line: string): void => void process.stdout.write(`${visible(line)}\n`)

const colours = { error: 'red', warning: 'yellow', note: 'cyan', hint: 'cyan' } as const

/** The kind of a message in colour, where stderr shows colours. */
function write(line: string): void {
  const coloured = visible(line).replace(/^(error|warning|note|hint):/, (kind) =>
    styleText(colours[kind.slice(0, -1) as keyof typeof colours], kind, { stream: process.stderr }),
  )
  process.stderr.write(`${coloured}\n`)
}

/** Writes a message of one line or several. With `--quiet` only errors and warnings are written. */
export function notice(line: string): void {
  if (!mode.isQuiet || /^(error|warning): /.test(line)) write(line)
}

/** Writes a failure and what to do about it. With `--json`, stdout has it too, unless it has data of this run. */
export function noticeError(error: unknown): void {
  const { code, message, hint } = describe(error)
  write(`error: ${message}`)
  if (hint) write(`hint: ${hint}`)
  if (mode.isJson && !mode.hasData) show(true, { error: { code, message, hint } }, [])
}

/** What repeats itself begins another run. */
export const beginRun = (): void => {
  mode.hasData = false
}

type Described = Readonly<{ code: ErrorCode | 'defect'; message: string; hint?: string | undefined }>

function describe(error: unknown): Described {
  if (error instanceof PlatteError) return error
  return { code: 'defect', message: `a defect: ${error instanceof Error ? error.stack : error}` }
}

/** A reader that goes away (`| head`) is not a failure, and changes no exit code. A full disk is one. */
function endWithReader(): void {
  if (process.stdout.listenerCount('error') > 0) return
  process.stdout.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    write(`error: the output cannot be written: ${error.message}`)
    process.exit(1)
  })
}

/** Writes data as JSON, or as lines for people; `--quiet` leaves the lines out. */
export function show(json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  endWithReader()
  mode.hasData = true
  if (json) print(JSON.stringify(value))
  else if (!mode.isQuiet) for (const line of lines) print(line)
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

/** Whether a progress bar would be seen. */
export const showsProgress = (): boolean => process.stderr.isTTY && !mode.isQuiet

/**
 * Columns aligned with two blanks between them; the first row is the heading. On a terminal, empty columns go and the
 * longest cells are cut until a row fits: first where all rows have the same, those of the first column last.
 */
export const table = (rows: readonly (readonly string[])[]): string[] =>
  alignedIn(rows, (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY)

const minCell = 8

/** @param width in characters. */
export function alignedIn(rows: readonly (readonly string[])[], width: number): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const total = (): number => widths.reduce((sum, one) => sum + one + 2, -2)
  const [, ...body] = rows
  const columns = [...widths.keys()]
  const isEmpty = (column: number): boolean => body.length > 0 && body.every((row) => !row[column])
  if (total() > width && columns.some(isEmpty)) {
    return alignedIn(
      rows.map((row) => row.filter((_, column) => !isEmpty(column))),
      width,
    )
  }
  const isSame = (column: number): boolean => body.length > 1 && body.every((row) => row[column] === body[0]?.[column])
  for (const some of [columns.filter(isSame), columns.slice(1), columns])
    for (let longest = Number.POSITIVE_INFINITY; total() > width && longest > minCell; ) {
      longest = Math.max(minCell, ...some.map((column) => widths[column] ?? 0))
      const widest = some.find((column) => widths[column] === longest)
      if (longest > minCell && widest !== undefined) widths[widest] = longest - 1
    }
  return rows.map((row) =>
    row
      .map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

const cut = (cell: string, width: number): string => (cell.length <= width ? cell : `${cell.slice(0, width - 1)}…`)
