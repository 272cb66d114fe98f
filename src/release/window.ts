/** The times of the week at which a release may be offered, in the operator's own time zone. */
import type { Instant } from '../kernel/clock.ts'
import { type Window, weekdays } from './channel.ts'

type Opening = Readonly<{ from: Instant; to: Instant }>

/** The openings around an instant, in order, without overlaps: from two days before until a week after. Caches days. */
export type Schedule = (now: Instant) => readonly Opening[]

const dayMs = 24 * 60 * 60 * 1000
const daysBehind = 2
const daysAhead = 8
const daysRemembered = 16
/** Machines start spread over this time, or over half of a shorter window. */
const maxSpreadMs = 60 * 60 * 1000

export function windowProblem({ from, to, timeZone }: Window): string | undefined {
  if (from === to) return `a window from ${from} to ${to} has no length`
  return formatterOf(timeZone) === undefined ? `there is no time zone ${JSON.stringify(timeZone)}` : undefined
}

/** Reads windows. An invalid one never opens. */
export function readWindows(windows: readonly Window[]): Schedule {
  const known = new Map<number, readonly Opening[]>()
  const zones = windows.flatMap((window) => {
    const formatter = windowProblem(window) === undefined ? formatterOf(window.timeZone) : undefined
    return formatter ? [{ window, formatter }] : []
  })
  return (now) => {
    const today = Math.floor(now / dayMs)
    const found = known.get(today)
    if (found) return found
    const days = Array.from({ length: daysBehind + daysAhead + 1 }, (_, i) => today - daysBehind + i)
    const openings = zones.flatMap(({ window, formatter }) => days.flatMap((day) => openingOn(window, formatter, day)))
    if (known.size >= daysRemembered) known.clear()
    const merged = merge(openings)
    known.set(today, merged)
    return merged
  }
}

/** Whether a window is open for a machine of this bucket. */
export const isOpen = (schedule: Schedule, bucket: number, now: Instant): boolean =>
  schedule(now).some((opening) => opensAt(opening, bucket) <= now && now < opening.to)

/** When a window next opens or closes for a machine of this bucket; `undefined`: not within two weeks. */
export function nextEdge(schedule: Schedule, bucket: number, now: Instant): Instant | undefined {
  // Two weeks, since a change to summer time may swallow the only window of the first. The end of the list is no edge.
  const openings = [...schedule(now), ...schedule(now + 7 * dayMs)]
  const edges = openings.flatMap((opening) => [Math.ceil(opensAt(opening, bucket)), opening.to])
  return edges.find((edge) => edge > now && isOpen(schedule, bucket, edge) !== isOpen(schedule, bucket, edge - 1))
}

const opensAt = ({ from, to }: Opening, bucket: number): Instant =>
  from + bucket * Math.min(maxSpreadMs, (to - from) / 2)

function merge(openings: readonly Opening[]): readonly Opening[] {
  const merged: Opening[] = []
  for (const opening of [...openings].sort((a, b) => a.from - b.from)) {
    const before = merged.at(-1)
    if (before === undefined || opening.from > before.to) merged.push(opening)
    else merged[merged.length - 1] = { from: before.from, to: Math.max(before.to, opening.to) }
  }
  return merged
}

/** @param day days since 1970-01-01, as the window's own calendar counts them. */
function openingOn({ days, from, to }: Window, formatter: Intl.DateTimeFormat, day: number): readonly Opening[] {
  const weekday = weekdays[(((day + 3) % 7) + 7) % 7]
  if (weekday === undefined || !days.includes(weekday)) return []
  const lastDay = msOf(to) < msOf(from) ? day + 1 : day
  const opens = instantOf(formatter, day * dayMs + msOf(from))
  const closes = instantOf(formatter, lastDay * dayMs + msOf(to))
  return opens < closes ? [{ from: opens, to: closes }] : []
}

function msOf(clockTime: string): number {
  const [hours = 0, minutes = 0] = clockTime.split(':').map(Number)
  return (hours * 60 + minutes) * 60_000
}

/**
 * The instant at which clocks of a zone show a time. Takes the first of a time that comes twice; moves a skipped one by
 * as much as the clocks were put forward.
 * @param local milliseconds, as if the clocks showed UTC.
 */
function instantOf(formatter: Intl.DateTimeFormat, local: number): Instant {
  const [before, after] = [offsetAt(formatter, local - dayMs), offsetAt(formatter, local + dayMs)]
  const early = local - before
  return offsetAt(formatter, early) === before || offsetAt(formatter, local - after) !== after ? early : local - after
}

export const isTimeZone = (name: string): boolean => formatterOf(name) !== undefined

/** The same for a zone by its name. @throws RangeError where `isTimeZone` is false. */
export function localInstant(timeZone: string, local: number): Instant {
  const formatter = formatterOf(timeZone)
  if (formatter === undefined) throw new RangeError(`there is no time zone ${JSON.stringify(timeZone)}`)
  return instantOf(formatter, local)
}

/** How far the clocks of a zone are ahead of UTC, in milliseconds. */
function offsetAt(formatter: Intl.DateTimeFormat, at: Instant): number {
  const part: Record<string, number> = {}
  for (const { type, value } of formatter.formatToParts(at)) part[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000
}

/** By zone: making one costs as much as the rest of reading a window, and every release may have windows. */
const formatters = new Map<string, Intl.DateTimeFormat>()
/** More zones than a fleet lives in. */
const zonesRemembered = 64

function formatterOf(timeZone: string): Intl.DateTimeFormat | undefined {
  const known = formatters.get(timeZone)
  if (known) return known
  try {
    const made = new Intl.DateTimeFormat('en-US', { timeZone, ...calendar, ...date, ...time })
    if (formatters.size >= zonesRemembered) formatters.clear()
    formatters.set(timeZone, made)
    return made
  } catch {
    return undefined
  }
}

const calendar = { hourCycle: 'h23', calendar: 'gregory', numberingSystem: 'latn' } as const
const date = { year: 'numeric', month: 'numeric', day: 'numeric' } as const
const time = { hour: 'numeric', minute: 'numeric', second: 'numeric' } as const
