/** Freezes that were read from a calendar. Pure. */
import type { Instant } from '../kernel/clock.ts'
import { timeText } from '../kernel/format.ts'
import type { LockPolicy } from './document.ts'
import type { Veto } from './semaphore.ts'

/** Those by date, and those of the calendar. */
export const freezesOf = ({ freezes = [], calendar }: LockPolicy) => [...freezes, ...(calendar?.busy ?? [])]

/** After the time for which a calendar was read that goes on, nobody knows what it says. */
export function calendarVeto({ calendar }: LockPolicy, now: Instant): Veto | undefined {
  if (calendar?.until === undefined || now < Date.parse(calendar.until)) return undefined
  const read = `the calendar was read until ${timeText(calendar.until, 'minute')}`
  return { kind: 'freeze', reason: `${read}, and goes on: read it again with \`platte lock policy --calendar\`` }
}
