/** What a machine is offered, one release after the other, if it installs each. Pure. */
import { type Check, type Decision, decide } from './decide.ts'
import type { Candidate, ChannelView } from './view.ts'

/** Floors of one answer to a server that copies the whole path. */
const maxFloors = 5

export type Withheld = Extract<Decision, { kind: 'no-update' }>

export interface UpgradePath {
  readonly kind: 'path'
  /** Floors first, lowest first. */
  readonly steps: readonly [Candidate, ...Candidate[]]
  /** Whether the path ends with the last step; else there is more behind a floor. */
  readonly isWhole: boolean
}

/** The path of a machine, or why it is offered nothing. */
export function upgradePathOf(check: Check, view: ChannelView, now: number): UpgradePath | Withheld {
  const { steps, end } = walk(check, view, now, { maxSteps: maxFloors + 1 })
  const [first, ...others] = steps.slice(0, maxFloors)
  if (first === undefined) return end ?? { kind: 'no-update', reason: 'up-to-date' }
  return { kind: 'path', steps: [first, ...others], isWhole: steps.length <= maxFloors && end?.reason !== 'floor-held' }
}

export interface Walk {
  readonly steps: readonly Candidate[]
  /** Why there is no further step; `undefined`: the offers form a circle, or the walk was cut. */
  readonly end: Withheld | undefined
}

/** Takes each offer until there is none. @param isPatient whether it waits for a closed window, or stops there. */
export function walk(
  check: Check,
  view: ChannelView,
  now: number,
  { maxSteps = Number.POSITIVE_INFINITY, isPatient = false },
): Walk {
  const steps: Candidate[] = []
  while (steps.length < maxSteps) {
    const decision = decide({ ...check, version: steps.at(-1)?.release.version ?? check.version }, view, now)
    const next = decision.kind === 'update' || isPatient ? candidateOf(decision) : undefined
    if (next === undefined) return { steps, end: decision.kind === 'update' ? undefined : decision }
    if (steps.includes(next)) break
    steps.push(next)
  }
  return { steps, end: undefined }
}

/** What a machine is offered, now or when the window opens. */
export function candidateOf(decision: Decision): Candidate | undefined {
  if (decision.kind === 'update') return decision.offer
  return decision.reason === 'outside-window' ? decision.candidate : undefined
}
