/** What a server keeps of contacts: files in the store, and the projection. */
import { type EventSink, fanOut } from '../checks/events.ts'
import type { Extension, FeatureContext, Gauge } from '../checks/serving.ts'
import { storeEvents } from '../events/store.ts'
import { disguiseEvents, disguiseOnce } from './ids.ts'
import { defaultKeepMs } from './settings.ts'

interface Wanted {
  readonly events: boolean
  readonly fleetFile?: string | undefined
  readonly fleetKeepMs?: number | undefined
  /** Where ids of machines become hashes. */
  readonly idsKey?: string | undefined
}

/** Loads SQLite only where it is on. */
export async function openTelemetry(
  wanted: Wanted,
  { reader, random }: Pick<FeatureContext, 'reader' | 'random'>,
): Promise<Extension> {
  const stored = wanted.events ? storeEvents({ ...reader, random }) : undefined
  const projector = await openProjector(wanted, reader)
  const sinks = [stored, projector].flatMap((one) => one?.sink ?? [])
  return {
    name: 'fleet',
    sink: sinks[0] && fanOut(sinks as [EventSink, ...EventSink[]]),
    rewrite: wanted.idsKey === undefined ? undefined : disguiseEvents(wanted.idsKey),
    gauges: async () => (stored ? [lostGauge(stored.lost())] : []),
    close: async () => {
      await stored?.close()
      await projector?.close()
    },
  }
}

const lostGauge = (lost: number): Gauge => ({
  ...{ name: 'platte_events_lost', help: 'Events that could not be kept since the start.' },
  values: new Map([['', lost]]),
})

async function openProjector(
  { events, fleetFile, fleetKeepMs: keepMs = defaultKeepMs, idsKey }: Wanted,
  reader: FeatureContext['reader'],
) {
  if (fleetFile === undefined) return undefined
  const { startProjector } = await import('./projector.ts')
  const disguise = idsKey === undefined ? undefined : disguiseOnce(idsKey)
  return startProjector({ ...reader, file: fleetFile, follows: events, keepMs, disguise })
}
