/** A decision in a sentence for people, and when it changes if nobody edits the channel. Pure and bounded. */
import { isoText, percent, timeText } from '../kernel/format.ts'
import type { Check, Decision, Reason, Withheld } from './decide.ts'
import { boardFor, bucketFor, decide, reasonSentences } from './decide.ts'
import { rampEdges, shareAt } from './ramp.ts'
import { progressOf } from './rollout-status.ts'
import { compareVersions, newestFirst, parseVersion } from './version.ts'
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

/** All that the machine is offered, one after the other; and when the ramp of the release was stopped, RFC 3339. */
export type Course = Readonly<{ running?: string; steps?: readonly Candidate[]; stoppedAt?: string | undefined }>

/** Whether the machine is sent back to a lower version. */
export const isRollback = (decision: Decision, { running }: Course): boolean =>
  decision.kind === 'update' && running !== undefined && newestFirst(decision.offer.release, { version: running }) > 0

/** One sentence without a full stop, e.g. `no update: 4593.2.0 is held (https://example.org/why)`. */
export function explainDecision(decision: Decision, course: Course = {}): string {
  if (decision.kind === 'update') {
    const [to, ...others] = (course.steps ?? [decision.offer]).map(({ release }) => release.version)
    if (isRollback(decision, course))
      return `update to ${to}: machines on ${course.running} are being sent back to ${to}`
    return `update to ${[to, ...others].join(', then to ')}${floorsText(course.steps)}`
  }
  const { reason, candidate, because } = decision
  const { stoppedAt } = course
  const sentence = reasonSentences[reason].replace('{version}', () => candidate?.release.version ?? 'the release')
  const stop = reason === 'not-in-ramp' && stoppedAt ? `: its ramp was stopped at ${timeText(stoppedAt)}` : ''
  const isOnTheWay = candidate?.floor && ['target', 'not-in-ramp', 'outside-window'].includes(reason)
  const way = isOnTheWay ? '; it is a floor: older machines must install it first' : ''
  return `no update: ${sentence}${stop}${way}${because === undefined ? '' : ` (${because})`}`
}

/** Why a machine gets other releases first. */
function floorsText(steps: readonly Candidate[] = []): string {
  const floors = steps
    .slice(0, -1)
    .flatMap(({ release: { version }, floor }) => (floor ? [`${version} (${floor.reason})`] : []))
  const names = `floor${floors.length > 1 ? 's' : ''} ${floors.join(' and ')}`
  return floors.length === 0 ? '' : `; older machines must install the ${names} first`
}

/**
 * The numbers behind a decision about a release: the machine's bucket (`bucket`, absent without a ramp: a higher share admits
 * it), and when the window next opens or closes for it. Instants are RFC 3339, shares 0 to 1.
 */
export type Numbers = Readonly<{ bucket?: number; share?: number; stoppedAt?: string; windowEdge?: string }>

const subjectOf = (decision: Decision): Candidate | undefined =>
  decision.kind === 'update' ? decision.offer : decision.candidate

/** @returns `undefined` without a release, or for one without ramp and window. */
export function numbersOf(decision: Decision, check: Check, view: ChannelView, now: number): Numbers | undefined {
  const candidate = subjectOf(decision)
  if (candidate === undefined) return undefined
  const bucket = bucketFor(candidate, view, check)
  const share = Math.min(...candidate.ramps.map((ramp) => shareAt(ramp, now)))
  const stoppedAt = progressOf(candidate, now)?.stoppedAt
  const edge = candidate.schedule && nextEdge(candidate.schedule, bucket.window, now)
  if (candidate.ramps.length === 0 && edge === undefined) return undefined
  return {
    ...(candidate.ramps.length > 0 && { bucket: bucket.ramp, share }),
    ...(stoppedAt !== undefined && { stoppedAt: isoText(stoppedAt) }),
    ...(edge !== undefined && { windowEdge: isoText(edge) }),
  }
}

/** When a ramp reaches the machine, and where it is; `undefined` without a ramp, or where it has reached everybody. */
export function explainRamp({ bucket, share, stoppedAt }: Numbers): string | undefined {
  if (bucket === undefined || share === undefined || share >= 1) return undefined
  const where = `${stoppedAt === undefined ? 'it is at' : 'it is stopped at'} ${percent(share)}`
  if (bucket >= 1) return `this machine is reached last, when the ramp is at 100 %; ${where}`
  return bucket < share
    ? `the ramp reached this machine at ${percent(bucket)}; ${where}`
    : `this machine is reached when the ramp passes ${percent(bucket)}; ${where}`
}

/** `at`: milliseconds since 1970-01-01T00:00:00Z, a whole number. */
export type ForecastChange = Readonly<{ at: number; decision: Decision }>

/** e.g. `this machine is offered 4593.2.0 from 2026-11-24 13:12:05 UTC`. */
export function explainChange({ at, decision }: ForecastChange): string {
  const from = `from ${timeText(Math.ceil(at / 1000) * 1000)}`
  if (decision.kind === 'update') return `this machine is offered ${decision.offer.release.version} ${from}`
  return `this machine is offered nothing ${from}: ${explainDecision(decision)}`
}

/** A channel with many long ramps has more instants. */
const maxInstants = 100

/**
 * The next instant at which `decide` offers the same machine something else, or nothing.
 * @returns `undefined` where nothing that is signed now changes the answer.
 */
export function nextChange(check: Check, view: ChannelView, now: number): ForecastChange | undefined {
  const offerOf = (decision: Decision) => (decision.kind === 'update' ? decision.offer : undefined)
  const current = offerOf(decide(check, view, now))
  const instants = [now, ...rampInstants(check, view, now)]
  for (const [i, from] of instants.entries()) {
    const then = decide(check, view, from)
    if (offerOf(then) !== current) return { at: from, decision: then }
    for (const edge of windowEdges(then, check, view, from)) {
      if (edge >= (instants[i + 1] ?? Number.POSITIVE_INFINITY)) break
      const after = decide(check, view, edge)
      if (offerOf(after) !== current) return { at: edge, decision: after }
    }
  }
  return undefined
}

/** Later instants at which a ramp may change the answer, or a follower begins to offer a release. */
function rampInstants(check: Check, view: ChannelView, now: number): readonly number[] {
  const candidates = boardFor(view, check)?.candidates ?? []
  const instants = candidates.flatMap((candidate) => [
    candidate.seenFrom,
    ...candidate.ramps.flatMap((ramp) => rampEdges(ramp, bucketFor(candidate, view, check).ramp, now)),
  ])
  const later = instants.filter((at) => at > now).sort((a, b) => a - b)
  return [...new Set(later)].slice(0, maxInstants)
}

/** When the window of the offered release or of the next floor closes, or that of the withheld one opens. In order. */
function windowEdges(decision: Decision, check: Check, view: ChannelView, from: number): readonly number[] {
  if (check.isManual || (decision.kind === 'no-update' && decision.reason !== 'outside-window')) return []
  const running = parseVersion(check.version)
  const floor = boardFor(view, check)?.floors.find(({ version }) => compareVersions(version, running) > 0)
  const edges = [subjectOf(decision), floor].flatMap((one) =>
    one?.schedule ? (nextEdge(one.schedule, bucketFor(one, view, check).window, from) ?? []) : [],
  )
  return edges.sort((a, b) => a - b)
}
