/** Whether a group's machines may reboot now: what an operator set, for clients that know nothing of it. Pure. */
import { timeText } from '../kernel/format.ts'
import type { Window } from '../release/channel.ts'
import { nextEdge, readWindows } from '../release/window.ts'

type Instant = number

/** What an operator set for a group; what is absent is not so. */
export interface RebootPolicy {
  /** Slots are given only while one of these is open. */
  readonly windows?: readonly Window[]
  /** No slot while something is held in a channel of the group. */
  readonly vetoOnHold?: true
  /** No slot for so long after a machine of the group fell back into its old version (error 44); milliseconds. */
  readonly vetoAfterRollbackMs?: number
}

/** What a veto depends on besides the policy. */
export interface Circumstances {
  readonly now: Instant
  /** The hold in a channel of the group, in words. */
  readonly held?: string | undefined
  /** When a machine of the group last fell back. */
  readonly rolledBackAt?: Instant | undefined
}

/** Why no machine gets a slot now, in words. Nothing of this keeps a slot from being given back. */
export function vetoOf(
  { windows = [], vetoOnHold, vetoAfterRollbackMs = 0 }: RebootPolicy,
  { now, held, rolledBackAt }: Circumstances,
): string | undefined {
  if (vetoOnHold && held !== undefined) return held
  if (rolledBackAt !== undefined && now < rolledBackAt + vetoAfterRollbackMs)
    return `a machine fell back into its old version; closed until ${minuteText(rolledBackAt + vetoAfterRollbackMs)}`
  if (windows.length === 0) return undefined
  const schedule = readWindows(windows)
  if (schedule(now).some(({ from, to }) => from <= now && now < to)) return undefined
  const opens = nextEdge(schedule, 0, now)
  return `window closed${opens === undefined ? '' : ` until ${minuteText(opens)}`}`
}

/** A minute that has begun is not over. */
const minuteText = (at: Instant): string => timeText(Math.ceil(at / 60_000) * 60_000, 'minute')
