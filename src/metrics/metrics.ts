/** Metrics for Prometheus. Labels are bounded: names that a client made up count as `other`. */
import { Counter, Gauge, Registry } from 'prom-client'
import type { Contact, EventSink } from '../checks/events.ts'
import type { Reported } from '../checks/omaha/omaha.ts'
import type { Gauge as GaugeNow } from '../checks/serving.ts'
import { errorLabel } from './error-label.ts'
import type { Family } from './sums.ts'

interface Measured {
  /** Whether the verified catalog names this channel, or has it as an alias. */
  isKnown(app: string, channel: string): boolean
  /** Seconds since the catalog was confirmed, and when it was signed and expires in seconds since 1970; `undefined` before it was read. */
  catalog(): { readonly ageSeconds: number; readonly issuedAt: number; readonly expiresAt: number } | undefined
  /** What features measure, read for each scrape. */
  readonly gauges?: () => Promise<readonly GaugeNow[]>
  /** What the projection of the fleet says, for each scrape. */
  readonly fleet?: (() => Promise<readonly Family[]>) | undefined
}

const types: readonly number[] = [1, 2, 3, 4, 5, 9, 12, 13, 14, 54, 800]
const results: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
/** Series that fit into a scrape; more count as `other`. */
const maxSeries = 10_000
const elsewhere = { app: 'other', channel: 'other' }

/** `render` writes the text format of Prometheus. */
export function openMetrics(measured: Measured) {
  const registry = new Registry()
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    new Counter({ name, help, labelNames, registers: [registry] })
  const refused = counter('platte_refused_total', 'Requests that were not answered as update checks.', ['code'])
  const count = contactCounter(measured, (name, help, ...labels) => counter(name, help, ['app', 'channel', ...labels]))
  addGauges(registry, measured)
  const readGauges = gaugeReader(registry, measured)
  const sink: EventSink = (event) => {
    if (event.refused !== undefined) refused.inc({ code: event.refused })
    else if (event.leftOut === undefined) count(event)
  }
  const render = async (): Promise<string> => {
    await readGauges()
    return registry.metrics()
  }
  return { sink, render, contentType: registry.contentType }
}

type MakeCounter = (name: string, help: string, ...labels: readonly string[]) => Counter

/** Syncers are counted apart: each asks for a fleet. */
function contactCounter({ isKnown }: Measured, counter: MakeCounter): (contact: Contact) => void {
  const contacts = counter('platte_contacts_total', 'Requests of machines, one for each app.')
  const daily = counter('platte_daily_clients_total', 'Browsers, each counted once a day.', 'as')
  const checks = counter('platte_checks_total', 'Update checks that were answered.', 'decision', 'reason')
  const syncerChecks = counter('platte_syncer_checks_total', 'Update checks of syncers.', 'decision', 'reason')
  const events = counter('platte_events_total', 'Events that machines sent.', 'type', 'result', 'errorcode')
  const seen = new Set<string>()
  const countEvent = (ref: typeof elsewhere, event: Reported): void => {
    const type = labelOf(types, event.type)
    const result = labelOf(results, event.result)
    const errorcode = event.error === undefined ? '' : errorLabel(event.error)
    const series = [ref.app, ref.channel, type, result, errorcode].join('\n')
    if (seen.size < maxSeries) seen.add(series)
    events.inc({ ...(seen.has(series) ? ref : elsewhere), type, result, errorcode })
  }
  return ({ app, channel, syncer, decision, reason = '', reported = [], ...contact }) => {
    const ref = isKnown(app, channel) ? { app, channel } : elsewhere
    if (!syncer) contacts.inc(ref)
    if (decision) (syncer ? syncerChecks : checks).inc({ ...ref, decision, reason })
    for (const as of contact.daily?.split(',') ?? []) daily.inc({ ...ref, as })
    for (const event of reported) countEvent(ref, event)
  }
}

/** Omits what features cannot read, as while the store is unavailable. */
function gaugeReader(
  registry: Registry,
  { gauges = async () => [], fleet = async () => [] }: Measured,
): () => Promise<void> {
  const known = new Map<string, Gauge>()
  return async () => {
    const [found, families] = await Promise.all([gauges(), fleet()])
    for (const gauge of known.values()) gauge.reset()
    for (const { name, help, labels, series } of [...found.map(familyOf), ...families]) {
      const gauge = known.get(name) ?? new Gauge({ name, help, labelNames: labels, registers: [registry] })
      known.set(name, gauge)
      // Two may be `other` in all labels.
      for (const [values, number] of series) gauge.inc(Object.fromEntries(labels.map((l, i) => [l, values[i]])), number)
    }
  }
}

const familyOf = ({ name, help, label, values }: GaugeNow): Family => ({
  ...{ name, help, labels: [label ?? []].flat() },
  series: [...values].map(([value, number]) => [typeof label === 'object' ? value.split('\n') : [value], number]),
})

function addGauges(registry: Registry, { catalog }: Measured): void {
  const gauge = (name: string, help: string, value: () => number | undefined): void => {
    const collect = () => made.set(value() ?? Number.NaN)
    const made: Gauge = new Gauge({ name, help, registers: [registry], collect })
  }
  gauge('platte_catalog_age_seconds', 'Time since the catalog was last confirmed.', () => catalog()?.ageSeconds)
  gauge('platte_catalog_issued_timestamp_seconds', 'When the catalog was signed.', () => catalog()?.issuedAt)
  gauge('platte_catalog_expires_timestamp_seconds', 'When the catalog expires.', () => catalog()?.expiresAt)
}

const labelOf = (known: readonly number[], value: number): string => (known.includes(value) ? String(value) : 'other')
