/** Events as data points of Workers Analytics Engine. docs/monitoring.md names the columns. */
import type { AnalyticsEngineDataset } from '@cloudflare/workers-types'
import type { EventSink, FleetEvent } from '../checks/events.ts'

/** Writes one data point for each event; it is sent after the response, by the runtime. */
export const analyticsEvents =
  (dataset: AnalyticsEngineDataset): EventSink =>
  (event) => {
    try {
      dataset.writeDataPoint({
        indexes: [`${event.app}/${event.channel}`.slice(0, maxIndexLength)],
        blobs: blobsOf(event),
      })
    } catch {
      // More than the runtime takes of one request: the rest of it is lost.
    }
  }

/** An index has 96 bytes at most, and a character up to three. */
const maxIndexLength = 32

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
