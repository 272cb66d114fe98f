/** Reports checks, and what machines report of their updates, to the sinks of events. */

import type { RequestIds } from '../http/request-id.ts'
import { describeError } from '../kernel/log.ts'
import type { Decision } from '../release/decide.ts'
import type { FleetEvent } from './events.ts'
import type { OmahaAppRequest, OmahaRequest } from './omaha/omaha.ts'
import type { Serving } from './serving.ts'

/** update_engine sends one event a request; a log line for each of many would let a small request fill a disk. */
const maxEventLines = 4

export function reportCheck(
  serving: Serving,
  key: string,
  app: OmahaAppRequest,
  { request, ids }: { readonly request: OmahaRequest; readonly ids: RequestIds },
  decision: Decision,
): void {
  report(serving, {
    level: 'info',
    event: 'check',
    app: short(key),
    channel: short(app.track),
    version: short(app.version),
    board: short(app.board),
    machine: short(app.machineId),
    oem: short(app.oem),
    source: short(request.installSource),
    decision: decision.kind,
    reason: decision.kind === 'update' ? undefined : decision.reason,
    offered: decision.kind === 'update' ? decision.offer.release.version : undefined,
    because: decision.kind === 'update' ? undefined : decision.because,
    problem: app.problem,
    requestId: ids.requestId,
    traceparent: ids.traceparent,
  })
}

/** Every check carries an event that says nothing new; those are not worth a line. */
export function reportEvents(serving: Serving, key: string, app: OmahaAppRequest, ids: RequestIds): void {
  const news = app.events.filter(
    ({ type, result, previousVersion }) => type !== 3 || result !== 2 || previousVersion !== undefined,
  )
  if (news.length === 0) return
  if (news.length > maxEventLines)
    serving.reader.log({ level: 'warn', event: 'event', app: short(key), dropped: news.length - maxEventLines, ...ids })
  for (const { type, result, errorCode, previousVersion } of news.slice(0, maxEventLines))
    report(serving, {
      level: 'info',
      event: 'event',
      app: short(key),
      channel: short(app.track),
      version: short(app.version),
      board: short(app.board),
      machine: short(app.machineId),
      type,
      result,
      error: errorCode && `${errorCode.base} ${errorCode.name}`,
      previous: previousVersion && short(previousVersion),
      ...ids,
    })
}

/** A sink must not throw; one with a defect costs its event, and no check. */
function report({ events, reader }: Serving, event: FleetEvent): void {
  try {
    events(event)
  } catch (error) {
    reader.log({ level: 'error', event: 'events', ...describeError(error) })
  }
}

/** A client's words in a log are cut at this many characters. */
const short = (text: string): string => (text.length > 64 ? `${text.slice(0, 63)}…` : text)
