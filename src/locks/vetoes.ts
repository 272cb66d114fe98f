/** Why a group gives no slot, of all that its document says. Pure. */
import { durationMs } from '../documents/fields.ts'
import type { Instant } from '../kernel/clock.ts'
import { calendarVeto, freezesOf } from './calendar.ts'
import type { Lock } from './document.ts'
import { type Veto, vetoOf } from './semaphore.ts'
import { soakingOf, soakLeft, tickOf } from './ticks.ts'
import { zoneVeto } from './zones.ts'

/** What a veto depends on besides the group. */
interface Asked {
  readonly now: Instant
  readonly held?: string | undefined
  /** What the gates of the group say. */
  readonly gate?: Veto | undefined
  /** The machine that asks, where it is known. */
  readonly asking?: string
  readonly zone?: string
}

/** Why the group's policy gives no slot now. */
export function vetoHere(lock: Lock, { now, held, gate, asking, zone }: Asked): Veto | undefined {
  const { policy, rolledBackAt } = lock
  const { windows, vetoOnHold, vetoAfterRollback: pause } = policy
  const pausedUntil = rolledBackAt && pause ? Date.parse(rolledBackAt) + durationMs(pause) : undefined
  const soakMs = soakLeft(lock, now, asking)
  const freezes = freezesOf(policy)
  const closed = vetoOf({ now, windows, freezes, held: vetoOnHold && held, pausedUntil, soakMs })
  const zoned = asking === undefined ? undefined : zoneHere(lock, now, asking, zone)
  return closed ?? calendarVeto(policy, now) ?? zoned ?? gate
}

function zoneHere(lock: Lock, now: Instant, asking: string, zone: string | undefined): Veto | undefined {
  const { zones } = lock.policy
  const taken = [...(lock.holders ?? []), ...soakingOf(lock, tickOf(lock, now))].filter(({ id }) => id !== asking)
  const reason = zones && zoneVeto(zones, taken, zone)
  return reason === undefined ? undefined : { kind: 'zone', reason }
}
