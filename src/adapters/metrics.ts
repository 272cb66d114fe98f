/** Numbers for Prometheus. Labels are bounded: what a client made up is counted as `other`. */
import { Counter, Gauge, Registry } from 'prom-client'
import type { EventSink, FleetEvent } from '../ports/events.ts'

/** What the numbers are about. */
export interface Measured {
  /** Whether the verified catalog names this channel, or has it as an alias. */
  isKnown(app: string, channel: string): boolean
  /** Seconds since the catalog was last confirmed, and when it expires (seconds since 1970); `undefined`: none was read. */
  catalog(): { readonly ageSeconds: number; readonly expiresAt: number } | undefined
  /** Events that sinks lost. */
  lost(): number
  /** Reboot locks, as they are stored now; `undefined`: there are none here. */
  readonly groups?: (() => Promise<readonly MeasuredGroup[]>) | undefined
}

/** A group of machines that reboot in turns. */
export interface MeasuredGroup {
  readonly group: string
  readonly max: number
  readonly holders: number
  /** Holders that were not heard of for longer than their lease. */
  readonly overdue: number
}

export interface Metrics {
  readonly sink: EventSink
  /** In the text format of Prometheus. */
  render(): Promise<string>
  readonly contentType: string
}

const types: readonly number[] = [1, 2, 3, 4, 5, 9, 12, 13, 14, 54]
const results: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
/** Codes that have a name of their own; `http 404` and the like are one. */
const namedError = /^\d+ (?!code )(http )?/

/** Opens a registry of its own. */
export function openMetrics(measured: Measured): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const checks = new Counter({
    name: 'platte_checks_total',
    help: 'Update checks that were answered.',
    labelNames: ['app', 'channel', 'decision', 'reason'],
    registers,
  })
  const events = new Counter({
    name: 'platte_events_total',
    help: 'Events that machines sent.',
    labelNames: ['app', 'channel', 'type', 'result', 'errorcode'],
    registers,
  })
  const gauge = (name: string, help: string, value: () => number | undefined): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(value() ?? Number.NaN) })
  }
  gauge(
    'platte_catalog_age_seconds',
    'Time since the catalog was last confirmed.',
    () => measured.catalog()?.ageSeconds,
  )
  gauge('platte_catalog_expires_timestamp_seconds', 'When the catalog expires.', () => measured.catalog()?.expiresAt)
  gauge('platte_events_lost', 'Events that could not be kept since the start.', () => measured.lost())
  const lookAtGroups = measured.groups && groupGauges(registers, measured.groups)
  const placeOf = ({ app, channel }: FleetEvent) =>
    measured.isKnown(app, channel) ? { app, channel } : { app: 'other', channel: 'other' }
  return {
    sink: (event) => {
      const place = placeOf(event)
      if (event.event === 'check') {
        checks.inc({ ...place, decision: event.decision, reason: event.reason ?? '' })
        return
      }
      const { type, result, error } = event
      const [typeLabel, resultLabel] = [
        types.includes(type) ? type : 'other',
        results.includes(result) ? result : 'other',
      ]
      events.inc({
        ...place,
        type: typeLabel,
        result: resultLabel,
        errorcode: error === undefined ? '' : errorLabel(error),
      })
    },
    render: async () => {
      await lookAtGroups?.()
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

/** One look at the store for each time that the numbers are asked for. A store that is away leaves them out. */
function groupGauges(registers: Registry[], groups: NonNullable<Measured['groups']>): () => Promise<void> {
  const labelled = (name: string, help: string): Gauge<'group'> =>
    new Gauge({ name, help, labelNames: ['group'], registers })
  const slots = labelled('platte_lock_slots', 'Machines of a group that may reboot at once.')
  const holders = labelled('platte_lock_holders', 'Machines of a group that hold a slot.')
  const overdue = labelled('platte_lock_overdue', 'Holders that were not heard of for longer than their lease.')
  return async () => {
    const found = await groups().catch(() => [])
    for (const gauge of [slots, holders, overdue]) gauge.reset()
    for (const one of found) {
      slots.set({ group: one.group }, one.max)
      holders.set({ group: one.group }, one.holders)
      overdue.set({ group: one.group }, one.overdue)
    }
  }
}

function errorLabel(error: string): string {
  const [, http] = namedError.exec(error) ?? [undefined, undefined]
  if (http !== undefined) return 'http'
  return namedError.test(error) ? error.replace(/ .*/, '') : 'other'
}
