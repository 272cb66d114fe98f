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
/**
 * Servers' clocks differ by minutes: the one ahead counts. A clock that was further ahead is set right, since a step back to
 * it adds nothing.
 */
const maxAheadMs = 60 * 60 * 1000
/** At most this often a look is written that changes nothing else. */
const writtenEveryMs = 5 * 60 * 1000

type Ticking = Pick<Lock, 'ticks' | 'policy' | 'holders' | 'soaking'>

/** Now, in ticks. */
export function tickOf({ ticks }: Pick<Lock, 'ticks'>, now: Instant): number {
  if (ticks === undefined) return 0
  const step = now - Date.parse(ticks.at)
  return ticks.ms + (step >= 0 && step <= maxStepMs ? Math.floor(step) : 0)
}

/** For what begins now. While the clock is behind, the one ahead will count time from before this: at most a step. */
export const startTick = (lock: Pick<Lock, 'ticks'>, now: Instant): number =>
  tickOf(lock, now) + (lock.ticks && isBehind(lock.ticks, now) ? maxStepMs : 0)

export const ticksAt = (lock: Pick<Lock, 'ticks'>, now: Instant): Lock['ticks'] =>
  lock.ticks && isBehind(lock.ticks, now) ? lock.ticks : { at: isoText(now), ms: tickOf(lock, now) }

function isBehind({ at }: NonNullable<Lock['ticks']>, now: Instant): boolean {
  const ahead = Date.parse(at) - now
  return ahead > 0 && ahead <= maxAheadMs
}

/** Whether something waits for time to pass, and a look should be written. */
export function isTickDue(lock: Ticking, now: Instant): boolean {
  const { policy, holders, ticks } = lock
  const isLeased = policy.lease !== undefined && policy.expirePerDay !== undefined && (holders?.length ?? 0) > 0
  if (!isLeased && soakingOf(lock, tickOf(lock, now)).length === 0) return false
  if (ticks === undefined) return true
  return !isBehind(ticks, now) && Math.abs(now - Date.parse(ticks.at)) > writtenEveryMs
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
