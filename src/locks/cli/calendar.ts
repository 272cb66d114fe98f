/** The options of `platte lock policy` for calendars, and what it shows of one. */
import type { Command } from 'commander'
import { parser } from '../../cli/options.ts'
import type { Instant } from '../../kernel/clock.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { isoText, timeText } from '../../kernel/format.ts'
import { readInput } from '../../lock-files/input.ts'
import { isTimeZone } from '../../release/window.ts'
import { type LockPolicy, maxBusy } from '../document.ts'

/** `false` is the option's `--no-…`. */
export interface CalendarOptions {
  readonly calendar?: string | false
  readonly calendarTimeZone?: string
}

type Calendar = LockPolicy['calendar']

const dayMs = 24 * 60 * 60 * 1000
/** Longer than a year: a calendar that is read each January covers every day until it is read again. */
const horizonDays = 400
/** Events after the horizon may be near: from then on `status` warns. */
const warnedMs = 30 * dayMs

const parseZone = parser('Use the name of a time zone, such as Europe/Berlin.', (text) =>
  isTimeZone(text) ? text : undefined,
)

export const withCalendar = (command: Command): Command =>
  command
    .option('--calendar <file>', 'no slots during the events of an iCalendar file; - for stdin; replaces what was read')
    .option('--calendar-time-zone <zone>', 'of its days, and of its times without a zone', parseZone)
    .option('--no-calendar', 'forget it')

/** @returns `undefined` where the options say nothing of it. */
export async function readOptions(options: CalendarOptions, now: Instant): Promise<Calendar | false> {
  const { calendar: file, calendarTimeZone: timeZone } = options
  if (typeof file !== 'string') {
    if (timeZone !== undefined) throw new PlatteError('usage', '--calendar-time-zone needs --calendar')
    return file
  }
  const text = await readInput('--calendar', file)
  const { readCalendar } = await import('../../lock-files/ical.ts')
  const name = file === '-' ? 'stdin' : file
  const { busy, until } = readCalendar(name, text, { now, horizon: now + horizonDays * dayMs, maxBusy, timeZone })
  return { read: isoText(now), busy: [...busy], ...(until !== undefined && { until }) }
}

/** For people. */
export function calendarLines({ calendar }: LockPolicy): readonly string[] {
  if (calendar === undefined) return []
  const { busy, read, until } = calendar
  const [first] = busy
  const next = first ? `, the first from ${timeText(first.from)} to ${timeText(first.to)}` : ''
  const why = first?.reason === undefined ? '' : `: ${first.reason}`
  const end = until === undefined ? '' : `, and goes on after ${timeText(until)}: no slots from then on`
  const count = `${busy.length} ${busy.length === 1 ? 'time' : 'times'} without slots`
  return [`Calendar: ${count}${next}${why}`, `Calendar read on ${timeText(read)}${end}`]
}

/** What is wrong with a calendar soon. */
export function calendarWarning({ calendar }: LockPolicy, now: Instant): string | undefined {
  if (calendar?.until === undefined || Date.parse(calendar.until) - now > warnedMs) return undefined
  return `the calendar goes on after ${timeText(calendar.until)}, and no slots are given from then on: read it again with \`platte lock policy --calendar\``
}
