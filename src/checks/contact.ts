/** What is reported of machines, as lines of the log and for other sinks. */
import type { LogEntry } from '../kernel/log.ts'
import type { Reported } from './omaha/omaha.ts'

interface Line extends LogEntry {
  readonly event: 'contact'
  readonly requestId?: string | undefined
  readonly traceparent?: string | undefined
}

/** One app of one request. Texts are the client's own, cut short. docs/monitoring.md describes each member. */
export interface Contact extends Line {
  /** Empty where the client sent none, as the next ones. */
  readonly app: string
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly machine: string
  readonly oem: string
  /** Who started the request on the machine: `scheduler`, `ondemandupdate`, … */
  readonly source: string
  readonly machinealias?: string | undefined
  readonly oemVersion?: string | undefined
  readonly syncer?: true | undefined
  readonly ping?: true | undefined
  readonly check?: true | undefined
  /** What a browser is counted as for the first time on a day. */
  readonly daily?: 'seen' | 'active' | 'seen,active' | undefined
  /** The answer to a check. */
  readonly decision?: 'update' | 'no-update' | undefined
  /** Of `release/decide.ts`, for `no-update`. */
  readonly reason?: string | undefined
  readonly because?: string | undefined
  /** The version, for `update`. */
  readonly offered?: string | undefined
  readonly reported?: readonly Reported[] | undefined
  /** How many events `reported` leaves out. */
  readonly dropped?: number | undefined
  readonly problem?: string | undefined
  readonly refused?: undefined
  readonly leftOut?: undefined
}

/** A request that was not answered as an update check. */
interface Refusal extends Line {
  /** A code of `http/problem.ts`, `defect` or `no-app`. */
  readonly refused: string
  readonly leftOut?: undefined
}

/** How many apps of a request got no line. */
interface LeftOut extends Line {
  readonly leftOut: number
  readonly refused?: undefined
}

/** A report of the fleet. Clients are not authenticated: any of it may be made up. */
export type FleetEvent = Contact | Refusal | LeftOut
