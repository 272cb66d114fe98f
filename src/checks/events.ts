/** Events: checks, and what machines report of their updates. Reports them to the sinks. */
import type { RequestIds } from '../http/request-id.ts'
import { describeError, type Log, type LogEntry } from '../kernel/log.ts'
import type { Decision } from '../release/decide.ts'
import type { OmahaAppRequest, OmahaRequest } from './omaha/omaha.ts'

/** Texts are the client's own, cut short; empty where it sent none. */
interface MachineEvent extends LogEntry {
  readonly level: 'info'
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly machine: string
}

/** A check and its answer. */
export interface CheckEvent extends MachineEvent {
  readonly event: 'check'
  readonly oem: string
  /** Who started the check on the machine: `scheduler`, `ondemandupdate`, … */
  readonly source: string
  readonly decision: 'update' | 'no-update'
  /** Of `release/decide.ts`, for `no-update`. */
  readonly reason?: string | undefined
  /** The version, for `update`. */
  readonly offered?: string | undefined
}

/** A machine's report about an update. */
export interface ProgressEvent extends MachineEvent {
  readonly event: 'event'
  /** Omaha's: 13 download started, 14 download finished, 3 update complete. */
  readonly type: number
  /** Omaha's: 0 error, 1 success, 2 success after a reboot, 9 deferred. */
  readonly result: number
  /** Number and name, such as `44 rollback`. */
  readonly error?: string | undefined
  /** The version before the reboot. */
  readonly previous?: string | undefined
}

/** A report of the fleet. Clients are not authenticated: any of it may be made up. */
export type FleetEvent = CheckEvent | ProgressEvent

/**
 * Takes an event and returns at once. Never throws, never waits, and holds a bounded amount; counts what it loses. Never
 * changes the answer to a check.
 */
export type EventSink = (event: FleetEvent) => void

/** One sink that calls several. */
export function fanOut([first, ...others]: readonly [EventSink, ...EventSink[]]): EventSink {
  if (others.length === 0) return first
  return (event) => {
    first(event)
    for (const sink of others) sink(event)
  }
}

/** What is reported beside an app and its answer. */
interface Reported {
  readonly serving: { readonly events: EventSink; readonly reader: { readonly log: Log } }
  readonly request: OmahaRequest
  readonly ids: RequestIds
}

/** update_engine sends one event a request; a log line for each of many would let a small request fill a disk. */
const maxEventLines = 4

export function reportCheck(reported: Reported, key: string, app: OmahaAppRequest, decision: Decision): void {
  const { serving, request, ids } = reported
  const isUpdate = decision.kind === 'update'
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
    reason: isUpdate ? undefined : decision.reason,
    offered: isUpdate ? decision.offer.release.version : undefined,
    because: isUpdate ? undefined : decision.because,
    problem: app.problem,
    requestId: ids.requestId,
    traceparent: ids.traceparent,
  })
}

/** Every check carries an event that says nothing new; those are not worth a line. */
export function reportEvents({ serving, ids }: Omit<Reported, 'request'>, key: string, app: OmahaAppRequest): void {
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
function report({ events, reader }: Reported['serving'], event: FleetEvent): void {
  try {
    events(event)
  } catch (error) {
    reader.log({ level: 'error', event: 'events', ...describeError(error) })
  }
}

/** A client's words in a log are cut at this many characters. */
const short = (text: string): string => (text.length > 64 ? `${text.slice(0, 63)}…` : text)
