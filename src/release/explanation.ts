/** A decision in a sentence for people. */
import { isoText, timeText } from '../kernel/format.ts'
import { bucketFor, type Check, type Decision } from './decide.ts'
import type { ForecastChange } from './forecast.ts'
import { shareAt } from './ramp.ts'
import { type Reason, reasonSentences } from './reasons.ts'
import { progressOf } from './rollout-status.ts'
import type { Withheld } from './upgrade-path.ts'
import { compareVersions, parseVersion } from './version.ts'
import type { Candidate, ChannelView } from './view.ts'
import { nextEdge } from './window.ts'

/** Reasons with the operator's own words, meant for the public. */
const publicReasons: readonly Reason[] = ['held', 'floor-held', 'withdrawn', 'dead-end']

/** A decision without internal errors. */
export function forEverybody(decision: Decision): Decision {
  if (decision.kind === 'update' || publicReasons.includes(decision.reason) || decision.reason === 'target')
    return decision
  const { because: _, ...rest } = decision
  return rest
}

/** What the client gets, e.g. `up-to-date` or `held: https://example.org/why`. */
export const reasonText = ({ reason, because }: Withheld): string =>
  because !== undefined && publicReasons.includes(reason) ? `${reason}: ${because}` : reason

export interface Course {
  readonly running?: string
  /** All that the machine is offered, one after the other. */
  readonly steps?: readonly Candidate[]
  /** When the ramp of the release was stopped, RFC 3339. */
  readonly stoppedAt?: string | undefined
}

/** Whether the machine is sent back to a lower version. */
export const isRollback = (decision: Decision, { running }: Course): boolean =>
  decision.kind === 'update' &&
  running !== undefined &&
  compareVersions(decision.offer.version, parseVersion(running)) < 0

/** One sentence without a full stop, e.g. `no update: 4593.2.0 is held (https://example.org/why)`. */
export function explainDecision(decision: Decision, course: Course = {}): string {
  if (decision.kind === 'update') {
    const [first, ...others] = course.steps ?? [decision.offer]
    const to = first?.release.version
    if (isRollback(decision, course))
      return `update to ${to}: machines on ${course.running} are being sent back to ${to}`
    return `update to ${[to, ...others.map(({ release }) => release.version)].join(', then to ')}`
  }
  const { reason, candidate, because } = decision
  const { stoppedAt } = course
  const sentence = reasonSentences[reason].replace('{version}', () => candidate?.release.version ?? 'the release')
  const stop = reason === 'not-in-ramp' && stoppedAt ? `: its ramp was stopped at ${timeText(stoppedAt)}` : ''
  const isOnTheWay = candidate?.floor && ['target', 'not-in-ramp', 'outside-window'].includes(reason)
  const way = isOnTheWay ? '; it is a floor, which no machine passes by' : ''
  return `no update: ${sentence}${stop}${way}${because === undefined ? '' : ` (${because})`}`
}

/** The numbers behind a decision about a release. */
export interface Numbers {
  /** The machine's bucket, 0 to 1: a higher share admits it. Absent without a ramp. */
  readonly draw?: number
  /** 0 to 1. */
  readonly share?: number
  /** RFC 3339. */
  readonly stoppedAt?: string
  /** When the window next opens or closes for this machine, RFC 3339. */
  readonly windowEdge?: string
}

/** @returns `undefined` without a release, or for one without ramp and window. */
export function numbersOf(decision: Decision, check: Check, view: ChannelView, now: number): Numbers | undefined {
  const candidate = decision.kind === 'update' ? decision.offer : decision.candidate
  if (candidate === undefined) return undefined
  const bucket = bucketFor(candidate, view, check)
  const share = Math.min(...candidate.ramps.map((ramp) => shareAt(ramp, now)))
  const stoppedAt = progressOf(candidate, now)?.stoppedAt
  const edge = candidate.schedule && nextEdge(candidate.schedule, bucket.window, now)
  if (candidate.ramps.length === 0 && edge === undefined) return undefined
  return {
    ...(candidate.ramps.length > 0 && { draw: bucket.ramp, share }),
    ...(stoppedAt !== undefined && { stoppedAt: isoText(stoppedAt) }),
    ...(edge !== undefined && { windowEdge: isoText(edge) }),
  }
}

/** e.g. `this machine is offered 4593.2.0 from 2026-11-24 13:12:05 UTC`. */
export function explainChange({ at, decision }: ForecastChange): string {
  const from = `from ${timeText(Math.ceil(at / 1000) * 1000)}`
  if (decision.kind === 'update') return `this machine is offered ${decision.offer.release.version} ${from}`
  return `this machine is offered nothing ${from}: ${explainDecision(decision)}`
}
