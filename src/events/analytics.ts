/** Events as data points of Workers Analytics Engine. docs/monitoring.md names the columns. */
import type { AnalyticsEngineDataset } from '@cloudflare/workers-types'
import type { Contact, EventSink, FleetEvent } from '../checks/events.ts'
import type { Feature } from '../checks/serving.ts'

/** On Workers with a dataset bound as PLATTE_ANALYTICS. */
export const analyticsFeature: Feature<object> = {
  name: 'analytics',
  open: async (_, { bindings }) => {
    const dataset = bindings.PLATTE_ANALYTICS as AnalyticsEngineDataset | undefined
    return dataset && { name: 'analytics', sink: analyticsEvents(dataset) }
  },
}

/** Writes one data point for each contact; the runtime sends it after the response. */
export const analyticsEvents =
  (dataset: AnalyticsEngineDataset): EventSink =>
  (event) => {
    const { app = '', channel = '' } = event
    // An index has at most 96 bytes, a character up to three.
    const indexes = [`${app}/${channel}`.slice(0, 32)]
    const blobs = blobColumns.map((column) => String(column(event) ?? ''))
    try {
      dataset.writeDataPoint({ indexes, blobs })
    } catch {
      // The runtime takes a bounded number for each request: the rest is lost.
    }
  }

/** Of several events, the last one. */
const last = ({ reported }: FleetEvent) => (reported as Contact['reported'])?.at(-1)

/** At most 20, and each keeps its place. */
const blobColumns: readonly ((event: FleetEvent) => unknown)[] = [
  ...['event', 'app', 'channel', 'version', 'board', 'machine', 'decision', 'reason', 'offered'].map(member),
  (event) => last(event)?.type,
  (event) => last(event)?.result,
  (event) => last(event)?.error,
  (event) => last(event)?.previous,
  ...['source', 'oem', 'machinealias', 'oemVersion', 'ping', 'syncer', 'refused'].map(member),
]

function member(name: string): (event: FleetEvent) => unknown {
  return (event) => event[name]
}
