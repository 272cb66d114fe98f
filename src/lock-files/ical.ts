/** iCalendar files (RFC 5545) as the times that their events take. */
import { runInNewContext } from 'node:vm'
import ICAL from 'ical.js'
import type { Instant } from '../kernel/clock.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { isoText, visible } from '../kernel/format.ts'
import { isTimeZone, localInstant } from '../release/window.ts'

/** RFC 3339. `to` is not part of it. */
export interface Busy {
  readonly from: string
  readonly to: string
  readonly reason?: string
}

export interface Limits {
  readonly now: Instant
  /** Events that repeat are read up to here. */
  readonly horizon: Instant
  /** Events are merged where they meet. When there are this many intervals, later ones are left out. */
  readonly maxBusy: number
  /** Of days, and of times without a zone. The file's own (`X-WR-TIMEZONE`) without it, or else UTC. */
  readonly timeZone?: string | undefined
  /** Some rules have no day (February 30), and the library looks for it for ever. 10 seconds without. */
  readonly timeoutMs?: number
}

/** `until`: there are events after it, which were not read. */
export interface Calendar {
  readonly busy: readonly Busy[]
  readonly until?: string
}

/** Between now and the horizon: more than each hour of a year. */
const maxRepeats = 10_000
const maxReason = 200

interface Taken {
  readonly from: Instant
  readonly to: Instant
  readonly reason: string | undefined
}

/** For errors, before what is wrong with an event; nothing for the file itself. */
function prefixOf(event: ICAL.Component | undefined): string {
  if (event === undefined) return ''
  const name = event.getFirstPropertyValue('summary') ?? event.getFirstPropertyValue('uid') ?? ''
  return `event ${JSON.stringify(visible(String(name)).slice(0, 80))}: `
}

/**
 * All events count but those that are cancelled: whether one shows its owner as free says nothing of the fleet.
 * @param file for errors.
 * @throws PlatteError('usage') naming the event that is wrong.
 */
export function readCalendar(file: string, text: string, limits: Limits): Calendar {
  let current: ICAL.Component | undefined
  try {
    const found = runInNewContext(
      'read()',
      {
        read: () =>
          readAll(text, limits, (event) => {
            current = event
          }),
      },
      { timeout: limits.timeoutMs ?? 10_000 },
    )
    return bounded(found, limits)
  } catch (cause) {
    const isEndless = (cause as { readonly code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
    const problem = isEndless ? 'takes too long to read: does its rule to repeat have a day?' : messageOf(cause)
    throw new PlatteError('usage', `${file}: ${prefixOf(current)}${problem}`, { cause })
  }
}

interface Found {
  readonly taken: Taken[]
  /** Whether an event repeats after the horizon. */
  goesOn: boolean
}

function readAll(text: string, limits: Limits, onEvent: (event: ICAL.Component | undefined) => void): Found {
  const found: Found = { taken: [], goesOn: false }
  for (const calendar of calendarsIn(text)) {
    onEvent(undefined)
    const own = calendar.getFirstPropertyValue('x-wr-timezone')
    const timeZone = limits.timeZone ?? (typeof own === 'string' && isTimeZone(own) ? own : 'UTC')
    const events = calendar.getAllSubcomponents('vevent')
    for (const event of events) {
      onEvent(event)
      placeZones(calendar, event)
    }
    const changed = Object.groupBy(
      events.filter((one) => one.hasProperty('recurrence-id')),
      uidOf,
    )
    for (const component of events) {
      onEvent(component)
      const isAlone = component.hasProperty('recurrence-id')
      const event = new ICAL.Event(component, { exceptions: isAlone ? [] : (changed[uidOf(component)] ?? []) })
      if (!component.hasProperty('dtstart')) throw new Error('has no DTSTART')
      if (!isAlone) takePeriods(found, event, timeZone)
      if (isAlone || !event.isRecurring()) take(found, event, event.startDate, event.endDate, timeZone)
      else repeat(found, event, { ...limits, timeZone })
    }
  }
  return found
}

const uidOf = (event: ICAL.Component): string => String(event.getFirstPropertyValue('uid'))

/** @throws Error for what is no calendar. */
function calendarsIn(text: string): readonly ICAL.Component[] {
  const parsed: unknown = ICAL.parse(text)
  const roots = (Array.isArray(parsed) && typeof parsed[0] === 'string' ? [parsed] : parsed) as unknown[][]
  const calendars = roots.map((root) => new ICAL.Component(root))
  if (calendars.length === 0 || calendars.some(({ name }) => name !== 'vcalendar'))
    throw new Error('is no calendar: it must begin with BEGIN:VCALENDAR')
  return calendars
}

/** A zone of the IANA's is this system's, whatever the file says of it: what it says often ends with this year. */
class SystemZone extends ICAL.Timezone {
  override utcOffset(at: ICAL.Time): number {
    const local = localOf(at)
    return (local - localInstant(this.tzid, local)) / 1000
  }
}

/** As if the clocks showed UTC. */
const localOf = ({ year, month, day, hour, minute, second }: ICAL.Time): number =>
  Date.UTC(year, month - 1, day, hour, minute, second)

/** @throws Error for a zone that is neither known nor in the file. */
function placeZones(calendar: ICAL.Component, event: ICAL.Component): void {
  for (const property of event.getAllProperties()) {
    const zone = property.getParameter('tzid')
    if (typeof zone !== 'string') continue
    const own = calendar.getAllSubcomponents('vtimezone').find((one) => one.getFirstPropertyValue('tzid') === zone)
    if (isTimeZone(zone)) {
      if (own) calendar.removeSubcomponent(own)
      ICAL.TimezoneService.register(new SystemZone({ tzid: zone }), zone)
    } else if (own === undefined) throw new Error(`there is no time zone ${JSON.stringify(zone.slice(0, 80))}`)
  }
}

function instantOf(time: ICAL.Time, timeZone: string): Instant {
  const isLocal = time.isDate || time.zone === ICAL.Timezone.localTimezone
  return isLocal ? localInstant(timeZone, localOf(time)) : time.toUnixTime() * 1000
}

const isCancelled = ({ component }: ICAL.Event): boolean =>
  String(component.getFirstPropertyValue('status')).toUpperCase() === 'CANCELLED'

/** Later instants have no text. */
const lastInstant = Date.UTC(9999, 11, 31, 23, 59, 59)

function take({ taken }: Found, event: ICAL.Event, start: ICAL.Time, end: ICAL.Time, timeZone: string): void {
  if (isCancelled(event)) return
  const [from = 0, to = 0] = [start, end].map((time) => Math.min(instantOf(time, timeZone), lastInstant))
  if (Number.isNaN(from) || Number.isNaN(to)) throw new Error('its times cannot be read')
  if (to < from) throw new Error('ends before it begins')
  const reason = visible(
    String(event.summary ?? '')
      .replace(/\s+/g, ' ')
      .trim(),
  ).slice(0, maxReason)
  taken.push({ from, to, reason: reason.isWellFormed() && reason !== '' ? reason : undefined })
}

/** Repetitions with a length of their own (`RDATE;VALUE=PERIOD`): the library takes them for instants. */
function takePeriods(found: Found, event: ICAL.Event, timeZone: string): void {
  for (const property of event.component.getAllProperties('rdate')) {
    const periods = property.getValues().filter((one) => one instanceof ICAL.Period)
    for (const period of periods) take(found, event, period.start, period.getEnd(), timeZone)
    if (periods.length > 0) event.component.removeProperty(property)
  }
}

function repeat(
  found: Found,
  event: ICAL.Event,
  { now, horizon, timeZone }: Limits & { readonly timeZone: string },
): void {
  const isEmpty = isCancelled(event) || instantOf(event.startDate, timeZone) === instantOf(event.endDate, timeZone)
  // Changed occurrences are taken by themselves.
  if (isEmpty && event.rangeExceptions.length === 0) return
  const excluded = new Set(
    event.component.getAllProperties('exdate').flatMap((one) => one.getValues().map((day) => instantOf(day, timeZone))),
  )
  const add = (time: ICAL.Time): void => {
    const { item, startDate, endDate } = event.getOccurrenceDetails(time)
    // The library forgets some where others are listed that are no occurrences. Changed ones are taken by themselves.
    const isOwn = item === event || item.modifiesFuture()
    if (isOwn && !excluded.has(instantOf(time, timeZone)) && instantOf(endDate, timeZone) > now)
      take(found, item, startDate, endDate, timeZone)
  }
  // The library leaves it out where only days are listed.
  add(event.startDate)
  const times = event.iterator()
  let count = 0
  for (let time = times.next(); time; time = times.next()) {
    const at = instantOf(time, timeZone)
    if (at > horizon) {
      found.goesOn = true
      return
    }
    if (at > now) count += 1
    if (count > maxRepeats) throw new Error(`repeats more than ${maxRepeats} times until ${isoText(horizon)}`)
    add(time)
  }
}

/** In order, merged where they meet. */
function bounded({ taken, goesOn }: Found, { now, horizon, maxBusy }: Limits): Calendar {
  const merged: Taken[] = []
  for (const one of taken.filter(({ from, to }) => to > now && from < to).sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last === undefined || one.from > last.to) merged.push(one)
    else merged[merged.length - 1] = { ...last, to: Math.max(last.to, one.to), reason: last.reason ?? one.reason }
  }
  const left = merged[maxBusy]
  const ends = [...(goesOn ? [horizon] : []), ...(left ? [left.from] : [])]
  const busy = merged.slice(0, maxBusy).map(({ from, to, reason }) => ({
    ...{ from: isoText(from), to: isoText(to) },
    ...(reason !== undefined && { reason }),
  }))
  return { busy, ...(ends.length > 0 && { until: isoText(Math.min(...ends)) }) }
}
