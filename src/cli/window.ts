/** The options of a window, for channels and for reboot locks. */
import type { Command } from 'commander'
import { PlatteError } from '../kernel/errors.ts'
import { type Window, weekdays } from '../release/channel.ts'
import { parseTimeZone } from './options.ts'

export type WindowOptions = Partial<Window>

export const withWindow = (command: Command): Command =>
  command
    .option('--days <days>', 'such as Mon-Thu, or Sat,Sun', parseDays)
    .option('--from <time>', 'such as 22:00')
    .option('--to <time>', 'such as 04:00; on the next day if earlier than --from')
    .option('--time-zone <zone>', 'such as Europe/Berlin', parseTimeZone)

/** @param away the option that removes windows. */
export function windowOf({ days, from, to, timeZone }: WindowOptions, away: '--remove' | '--no-windows'): Window {
  if (from !== undefined && from === to)
    throw new PlatteError('usage', `--from and --to are both ${from}: such a window has no length`)
  if (days && from && to && timeZone) return { days, from, to, timeZone }
  throw new PlatteError('usage', `a window needs --days, --from, --to and --time-zone; ${away} removes it`)
}

function parseDays(value: string): Window['days'] {
  const days = value.split(',').flatMap((part) => {
    const [first = '', last = first] = part.split('-')
    const [from, to] = [first, last].map((day) => weekdays.findIndex((one) => one.toLowerCase() === day.toLowerCase()))
    if (from === undefined || to === undefined || from < 0 || to < 0)
      throw new PlatteError('usage', `${JSON.stringify(part)} is not a list of days: use Mon-Thu, or Sat,Sun`)
    return from <= to ? weekdays.slice(from, to + 1) : [...weekdays.slice(from), ...weekdays.slice(0, to + 1)]
  })
  return weekdays.filter((day) => days.includes(day))
}
