/**
 * Time that passed for sure, in milliseconds: what leases and soaks are measured by. A clock that jumps adds none, since only
 * looks at a group that follow each other soon add up: machines that wait for a slot ask every 5 minutes. Pure.
 */
import { durationMs } from '../documents/fields.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import type { Lock } from './document.ts'

/** Two looks that are further apart, or in the wrong order, add nothing. */
const maxStepMs = 12 * 60 * 1000
/** Servers' clocks that differ by less count as one, and the one ahead counts; of others the last ones, each for itself. */
const [maxApartMs, maxClocks] = [60 * 60 * 1000, 8]
/** At most this often a look is written that changes nothing else. */
const writtenEveryMs = 5 * 60 * 1000

type Ticking = Pick<Lock, 'ticks' | 'policy' | 'holders' | 'soaking'>
type Ticks = NonNullable<Lock['ticks']>

/** Now, in ticks. */
export const tickOf = (lock: Pick<Lock, 'ticks'>, now: Instant): number => (lock.ticks ? ticksAt(lock, now).ms : 0)

/** What each clock saw is compared with its own last look: steps from one clock to another and back would add up. */
export function ticksAt({ ticks }: Pick<Lock, 'ticks'>, now: Instant): Ticks {
  if (ticks === undefined) return { at: isoText(now), ms: 0 }
  const mine = clockOf(ticks, now)
  const stepMs = mine ? now - Date.parse(mine.at) : 0
  if (stepMs < 0) return ticks
  const ms = Math.max(ticks.ms, mine && stepMs <= maxStepMs ? mine.ms + Math.floor(stepMs) : 0)
  const others = clocksIn(ticks).filter(({ at }) => at !== mine?.at)
  return { at: isoText(now), ms, ...(others.length > 0 && { others: others.slice(0, maxClocks - 1) }) }
}

/** For what begins now. A clock that did not look now, or is ahead, will count time from before this: at most a step. */
export function startTick(lock: Pick<Lock, 'ticks'>, now: Instant): number {
  const { ticks } = lock
  const mine = ticks && clockOf(ticks, now)
  const others = ticks ? clocksIn(ticks).filter(({ at }) => at !== mine?.at || Date.parse(at) > now) : []
  return Math.max(tickOf(lock, now), ...others.map(({ ms }) => ms + maxStepMs))
}

const clocksIn = ({ at, ms, others = [] }: Ticks) => [{ at, ms }, ...others]
function clockOf(ticks: Ticks, now: Instant) {
  const apart = (one: { readonly at: string }): number => Math.abs(Date.parse(one.at) - now)
  return clocksIn(ticks)
    .sort((a, b) => apart(a) - apart(b))
    .find((one) => apart(one) <= maxApartMs)
}

/** Whether something waits for time to pass, and a look should be written. */
export function isTickDue(lock: Ticking, now: Instant): boolean {
  const { policy, holders, ticks } = lock
  const isLeased = policy.lease !== undefined && policy.expirePerDay !== undefined && (holders?.length ?? 0) > 0
  if (!isLeased && soakingOf(lock, tickOf(lock, now)).length === 0) return false
  const last = ticks && clockOf(ticks, now)?.at
  return last === undefined || now - Date.parse(last) > writtenEveryMs
}

/** Machines whose slot stays taken after they came back; none that holds one again. */
export function soakingOf({ policy, holders, soaking = [] }: Omit<Ticking, 'ticks'>, tick: number) {
  const soakMs = policy.soak === undefined ? 0 : durationMs(policy.soak)
  const left = soaking.filter((one) => one.tick + soakMs > tick)
  return left.filter(({ id }) => holders?.every((holder) => holder.id !== id) ?? true)
}

/** How long until a slot is free, where all that are free soak; 0 where one does not. @param asking is not kept waiting by itself. */
export function soakLeft(lock: Lock, now: Instant, asking?: string): number {
  const tick = tickOf(lock, now)
  const soakMs = lock.policy.soak === undefined ? 0 : durationMs(lock.policy.soak)
  const left = soakingOf(lock, tick)
    .filter(({ id }) => id !== asking)
    .map((one) => one.tick + soakMs - tick)
    .sort((a, b) => a - b)
  const tooMany = (lock.holders?.length ?? 0) + left.length - lock.max
  return tooMany < 0 ? 0 : (left[tooMany] ?? 0)
}
