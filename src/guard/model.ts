/**
 * Whether a rollout fails too often, however often that is judged. Pure.
 * @see docs/adr/0069-the-guard-is-sequential.md for why these bounds hold.
 */
import type { Guard } from '../release/channel.ts'

/** The chance that a rollout is ever held although only half as many machines fail as a limit allows. */
const falseHold = 1e-5
/** The same for one in which as many fail as a limit allows. */
const doubt = 0.01
/** A guard has at most two limits, and each takes half of both chances. */
const limits = 2

/** Machines that were offered one release. */
export interface Counted {
  readonly offered: number
  /** Of those, the ones that failed or fell back, and did not get over it. */
  readonly failed: number
  readonly fellBack: number
}

/** Shares that may be the real one, from just above `share` to just below 1: the steps between are of one ratio. */
const alternatives = (share: number): readonly number[] => Array.from({ length: 15 }, (_, i) => share ** ((i + 1) / 16))

/**
 * How much `failed` of `machines` speak for a share above `share`: the natural logarithm of an e-value, a mean of
 * likelihood ratios. Rises with `failed`, falls with `machines`.
 */
export function evidence(machines: number, failed: number, share: number): number {
  const logs = alternatives(share).map(
    (other) => failed * Math.log(other / share) + (machines - failed) * (Math.log1p(-other) - Math.log1p(-share)),
  )
  const most = Math.max(...logs)
  return most + Math.log(logs.reduce((sum, one) => sum + Math.exp(one - most), 0) / logs.length)
}

/** Whether the share is above the limit beyond doubt. */
export const exceeds = (limit: number, machines: number, failed: number): boolean =>
  evidence(machines, failed, limit / 2) >= Math.log(limits / falseHold) &&
  evidence(machines, failed, limit) >= Math.log(limits / doubt)

/** The most machines of which this many failures are too many; 0 where no number of machines is small enough. */
export function mostMachines(limit: number, failed: number): number {
  if (failed === 0 || !exceeds(limit, failed, failed)) return 0
  let [held, free] = [failed, Math.ceil(failed / limit) + 1]
  while (free - held > 1) {
    const middle = Math.floor((held + free) / 2)
    if (exceeds(limit, middle, failed)) held = middle
    else free = middle
  }
  return held
}

/** The most offered machines with which `limitPassed` would hold a release. Counting can stop above it. */
export const mostToHold = ({ failures, fellBack }: Guard, counted: Omit<Counted, 'offered'>): number =>
  Math.max(
    failures === undefined ? 0 : mostMachines(failures, counted.failed),
    fellBack === undefined ? 0 : mostMachines(fellBack, counted.fellBack),
  )

/** The limit that a rollout passed. */
export function limitPassed(guard: Guard, { offered, failed, fellBack }: Counted): 'failures' | 'fellBack' | undefined {
  if (offered < guard.atLeast) return undefined
  if (guard.failures !== undefined && exceeds(guard.failures, offered, failed)) return 'failures'
  if (guard.fellBack !== undefined && exceeds(guard.fellBack, offered, fellBack)) return 'fellBack'
  return undefined
}
