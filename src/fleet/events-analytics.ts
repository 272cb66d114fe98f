/** Events as data points of Workers Analytics Engine. docs/monitoring.md names the columns. */
import type { AnalyticsEngineDataset } from '@cloudflare/workers-types'
import type { EventSink, FleetEvent } from '../checks/events.ts'
import type { Feature } from '../checks/serving.ts'

/** On Workers with a dataset bound as PLATTE_ANALYTICS. */
export const analyticsFeature: Feature<object> = {
  name: 'analytics',
  open: async (_, { bindings }) => {
    const dataset = bindings.PLATTE_ANALYTICS as AnalyticsEngineDataset | undefined
    return dataset && { name: 'analytics', sink: analyticsEvents(dataset) }
  },
}

/** Writes one data point for each event; the runtime sends it after the response. */
export const analyticsEvents =
  (dataset: AnalyticsEngineDataset): EventSink =>
  (event) => {
    // An index has at most 96 bytes, a character up to three.
    const indexes = [`${event.app}/${event.channel}`.slice(0, 32)]
    try {
      dataset.writeDataPoint({ indexes, blobs: blobsOf(event) })
    } catch {
      // The runtime takes a bounded number for each request: the rest is lost.
    }
  }

function blobsOf(event: FleetEvent): string[] {
  const { app, channel, version, board, machine } = event
  const shared = [event.event, app, channel, version, board, machine]
  if (event.event === 'check') {
    const { decision, reason = '', offered = '', source, oem } = event
    return [...shared, decision, reason, offered, '', '', '', '', source, oem]
  }
  const { type, result, error = '', previous = '' } = event
  return [...shared, '', '', '', String(type), String(result), error, previous, '', '']
}
