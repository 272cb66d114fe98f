import type { LogEntry } from '../kernel/log.ts'

/** A check and its answer. Texts are the client's own, cut short; empty where it sent none. */
export interface CheckEvent extends LogEntry {
  readonly level: 'info'
  readonly event: 'check'
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly machine: string
  readonly oem: string
  /** Who started the check on the machine: `scheduler`, `ondemandupdate`, … */
  readonly source: string
  readonly decision: 'update' | 'no-update'
  /** Of `core/decide.ts`, for `no-update`. */
  readonly reason?: string | undefined
  /** The version, for `update`. */
  readonly offered?: string | undefined
}

/** A machine's report about an update. */
export interface ProgressEvent extends LogEntry {
  readonly level: 'info'
  readonly event: 'event'
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly machine: string
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
