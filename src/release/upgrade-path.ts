/** What a machine is offered, one release after the other, if it installs each. Pure. */
import { type Check, type Decision, decide } from './decide.ts'
import type { Candidate, ChannelView } from './view.ts'

/** Floors of one answer to a server that copies the whole path. */
const maxFloors = 5

/** Why a machine gets nothing. */
export type Withheld = Extract<Decision, { kind: 'no-update' }>

export interface UpgradePath {
  readonly kind: 'way'
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
  return { kind: 'way', steps: [first, ...others], isWhole: steps.length <= maxFloors && end?.reason !== 'floor-held' }
}

/** A walk from one offer to the next. */
export interface Walk {
  readonly steps: readonly Candidate[]
  /** Why there is no further step; `undefined` where the offers would go round in a circle, or the walk was cut. */
  readonly end: Withheld | undefined
}

interface WalkOptions {
  readonly maxSteps?: number
  /** Whether the machine waits for a closed window to open, or stops there. */
  readonly isPatient?: boolean
}

/** Takes what is offered until there is nothing more. */
export function walk(
  check: Check,
  view: ChannelView,
  now: number,
  { maxSteps = Number.POSITIVE_INFINITY, isPatient = false }: WalkOptions = {},
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
