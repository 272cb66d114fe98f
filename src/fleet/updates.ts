/** How far a machine is with an update, by lines in any order: what is kept of them is the first or the last of a kind. */
import type { Reported } from '../checks/omaha/omaha.ts'

interface Sighting {
  readonly at: number
  readonly version: string
}

/** A machine: when it was there last, in which version, and what it reported of an update. */
export interface Seen {
  at: number
  version: string
  /** The first report of progress. */
  begun?: Sighting
  /** When it last reported progress. */
  progressAt?: number
  /** The last failure. */
  failed?: Sighting
  /** When it last reported a reboot, and named the version before. */
  rebootedAt?: number
  /** When it last reported a reboot without that. */
  saidRebootAt?: number
}

/** Omaha's types of events that a machine sends while it updates; 800 and 2 are of Nebraska's updater. */
const progressTypes: readonly number[] = [13, 14, 800, 2, 3]

export const isReboot = ({ type, result }: Reported): boolean => type === 3 && result === 2

export function followUpdate(seen: Seen, { at, version }: Sighting, event: Reported): void {
  if (event.result === 0 && at >= (seen.failed?.at ?? at)) seen.failed = { at, version }
  if (isReboot(event)) {
    const member = event.previous ? 'rebootedAt' : 'saidRebootAt'
    seen[member] = Math.max(at, seen[member] ?? at)
  }
  if (event.result !== 1 || !progressTypes.includes(event.type)) return
  seen.progressAt = Math.max(at, seen.progressAt ?? at)
  if (at <= (seen.begun?.at ?? at)) seen.begun = { at, version }
}

/**
 * Whether an update ended without a report that names the version before: go-omaha and Nebraska's updater send none.
 * Counts once for a machine.
 */
export function hasEndedUnsaid({ at, version, begun, progressAt = 0, failed, rebootedAt = 0, saidRebootAt = 0 }: Seen) {
  if (begun === undefined || rebootedAt >= begun.at) return false
  if (failed && failed.version === begun.version && failed.at > progressAt) return false
  return saidRebootAt >= begun.at || (at > begun.at && version !== begun.version)
}
