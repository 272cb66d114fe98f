/** Numbers for Prometheus. Labels are bounded: what a client made up is counted as `other`. */
import { Counter, Gauge, Registry } from 'prom-client'
import type { EventSink, FleetEvent, ProgressEvent } from '../checks/events.ts'

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

const checkLabels = ['app', 'channel', 'decision', 'reason']
const eventLabels = ['app', 'channel', 'type', 'result', 'errorcode']

const types: readonly number[] = [1, 2, 3, 4, 5, 9, 12, 13, 14, 54]
const results: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
/** Series of events that are told apart: ten thousand fit into a scrape. Beyond, they are counted under `other`. */
const maxSeries = 10_000
/** Codes that have a name of their own; `http 404` and the like are one. */
const namedError = /^\d+ (?!code )(http )?/

/** Opens a registry of its own. */
export function openMetrics(measured: Measured): Metrics {
  const registry = new Registry()
  const { checks, events } = countersOf(registry)
  addGauges(registry, measured)
  const lookAtGroups = measured.groups && groupGauges([registry], measured.groups)
  const hasRoom = roomFor(maxSeries)
  const placeOf = ({ app, channel }: FleetEvent) => (measured.isKnown(app, channel) ? { app, channel } : elsewhere)
  return {
    sink: (event) => {
      const ref = placeOf(event)
      if (event.event === 'check') {
        checks.inc({ ...ref, decision: event.decision, reason: event.reason ?? '' })
        return
      }
      const type = labelOf(types, event.type)
      const result = labelOf(results, event.result)
      const errorcode = errorLabel(event)
      const isTold = hasRoom([ref.app, ref.channel, type, result, errorcode])
      events.inc({ ...(isTold ? ref : elsewhere), type, result, errorcode })
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

function countersOf(registry: Registry) {
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    new Counter({ name, help, labelNames, registers: [registry] })
  return {
    checks: counter('platte_checks_total', 'Update checks that were answered.', checkLabels),
    events: counter('platte_events_total', 'Events that machines sent.', eventLabels),
  }
}

function addGauges(registry: Registry, { catalog, lost }: Measured): void {
  const gauge = (name: string, help: string, value: () => number | undefined): void => {
    const collect = () => made.set(value() ?? Number.NaN)
    const made: Gauge = new Gauge({ name, help, registers: [registry], collect })
  }
  const [age, expiry] = ['platte_catalog_age_seconds', 'platte_catalog_expires_timestamp_seconds']
  gauge(age, 'Time since the catalog was last confirmed.', () => catalog()?.ageSeconds)
  gauge(expiry, 'When the catalog expires.', () => catalog()?.expiresAt)
  gauge('platte_events_lost', 'Events that could not be kept since the start.', lost)
}

/** Says whether one is among the first so many that were asked for. */
function roomFor(most: number): (labels: readonly string[]) => boolean {
  const seen = new Set<string>()
  return (labels) => {
    const series = labels.join('\n')
    if (seen.size < most) seen.add(series)
    return seen.has(series)
  }
}

const elsewhere = { app: 'other', channel: 'other' }

const labelOf = (known: readonly number[], value: number): string => (known.includes(value) ? String(value) : 'other')

function errorLabel({ error }: ProgressEvent): string {
  if (error === undefined) return ''
  const [, http] = namedError.exec(error) ?? [undefined, undefined]
  if (http !== undefined) return 'http'
  return namedError.test(error) ? error.replace(/ .*/, '') : 'other'
}
