/** What a machine is offered, one release after the other, if it installs each. Pure. */
import { type Check, type Decision, decide } from './decide.ts'
import type { Candidate, ChannelView } from './view.ts'

export type Withheld = Extract<Decision, { kind: 'no-update' }>

export interface Walk {
  readonly steps: readonly Candidate[]
  /** Why there is no further step; `undefined`: the offers form a circle. */
  readonly end: Withheld | undefined
}

/** Takes each offer until there is none. @param isPatient whether it waits for a closed window, or stops there. */
export function walk(check: Check, view: ChannelView, now: number, { isPatient = false } = {}): Walk {
  const steps: Candidate[] = []
  for (;;) {
    const decision = decide({ ...check, version: steps.at(-1)?.release.version ?? check.version }, view, now)
    const next = decision.kind === 'update' || isPatient ? candidateOf(decision) : undefined
    if (next === undefined) return { steps, end: decision.kind === 'update' ? undefined : decision }
    if (steps.includes(next)) return { steps, end: undefined }
    steps.push(next)
  }
}

/** What a machine is offered, now or when the window opens. */
export function candidateOf(decision: Decision): Candidate | undefined {
  if (decision.kind === 'update') return decision.offer
  return decision.reason === 'outside-window' ? decision.candidate : undefined
}
