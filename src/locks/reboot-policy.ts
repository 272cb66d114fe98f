/** Whether a group's machines may reboot now. Pure. */
import { durationMs } from '../documents/fields.ts'
import { timeText } from '../kernel/format.ts'
import { nextEdge, readWindows } from '../release/window.ts'
import type { Lock } from './document.ts'

type Instant = number

/** What a veto depends on besides the group. */
export interface Circumstances {
  readonly now: Instant
  /** The hold in a channel of the group, in words. */
  readonly held?: string | undefined
}

/** Why no machine gets a slot now, in words. */
export function vetoOf(
  { policy, rolledBackAt }: Pick<Lock, 'policy' | 'rolledBackAt'>,
  { now, held }: Circumstances,
): string | undefined {
  const { windows = [], vetoOnHold, vetoAfterRollback } = policy
  if (vetoOnHold && held !== undefined) return held
  if (rolledBackAt !== undefined && vetoAfterRollback !== undefined) {
    const opens = Date.parse(rolledBackAt) + durationMs(vetoAfterRollback)
    if (now < opens) return `a machine fell back into its old version; closed until ${minuteText(opens)}`
  }
  if (windows.length === 0) return undefined
  const schedule = readWindows(windows)
  if (schedule(now).some(({ from, to }) => from <= now && now < to)) return undefined
  const opens = nextEdge(schedule, 0, now)
  return `window closed${opens === undefined ? '' : ` until ${minuteText(opens)}`}`
}

/** Rounded up: a minute that has begun is not over. */
const minuteText = (at: Instant): string => timeText(Math.ceil(at / 60_000) * 60_000, 'minute')
