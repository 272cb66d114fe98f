/** What a machine would be offered one after the other, if it took each: for servers that copy all of it at once. Pure. */
import { type Check, type Decision, decide } from './decide.ts'
import type { Candidate, ChannelView } from './view.ts'

/** So many floors are told at once. */
const maxFloors = 5

export interface UpgradePath {
  readonly kind: 'way'
  /** Floors first, lowest first. */
  readonly steps: readonly [Candidate, ...Candidate[]]
  /** Whether the last step is where the way ends; else there is more behind a floor. */
  readonly isWhole: boolean
}

/** The way of a machine, or why it is offered nothing. */
export function upgradePathOf(
  check: Check,
  view: ChannelView,
  now: number,
): UpgradePath | Exclude<Decision, { kind: 'update' }> {
  const first = decide(check, view, now)
  if (first.kind === 'no-update') return first
  const steps: [Candidate, ...Candidate[]] = [first.offer]
  for (let last = first.offer; steps.length <= maxFloors; ) {
    const next = decide({ ...check, version: last.release.version }, view, now)
    const isFurther = next.kind === 'update' && !steps.includes(next.offer)
    if (!isFurther) return { kind: 'way', steps, isWhole: next.kind === 'update' || next.reason !== 'floor-held' }
    last = next.offer
    steps.push(last)
  }
  const [head, ...others] = steps.slice(0, maxFloors)
  return { kind: 'way', steps: [head ?? first.offer, ...others], isWhole: false }
}
