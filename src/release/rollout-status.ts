/** What each board of a channel is offered, to whom, until when, and why not. All lists use this; it asks `decide`. Pure. */
import { percent } from '../kernel/format.ts'
import type { Channel, Release } from './channel.ts'
import { type Check, type Decision, decide, type Reason, type Withheld } from './decide.ts'
import { readRamp, shareAt } from './ramp.ts'
import { compareVersions, newestFirst } from './version.ts'
import type { Candidate, ChannelView } from './view.ts'
import { isOpen, nextEdge } from './window.ts'

/**
 * A channel at one instant: boards in the order of their names; releases newest first, with those of its source. Instants are
 * milliseconds since 1970-01-01T00:00:00Z.
 */
export type ChannelState = Readonly<{ boards: readonly RolloutStatus[]; releases: readonly ListedRelease[] }>

/** One board of a channel, as machines without an id or an OEM see it: they are the last ones that a ramp reaches. */
export interface RolloutStatus {
  readonly board: string
  readonly newest: Candidate
  /** Where such a machine ends, perhaps after a closed window. */
  readonly offered: Candidate | undefined
  /** Floors on the way to `offered`, lowest first. */
  readonly via: readonly Candidate[]
  /** Why it does not reach `newest`; `undefined`: it does. */
  readonly withheld: Withheld | undefined
  /** Of `offered`. */
  readonly window: WindowStatus | undefined
  /** Machines that run one of `from` are offered `to`. */
  readonly rollbacks: ReturnType<typeof rollbacksOf>
  /** Newest first. */
  readonly releases: readonly ReleaseStatus[]
}

/** One release on one board. */
export interface ReleaseStatus {
  readonly board: string
  readonly candidate: Candidate
  /** `floor`: on the way to the offered release. `later`: a follower does not offer it yet. Else why it is withheld. */
  readonly state: 'offered' | 'floor' | 'later' | 'superseded' | Reason
  /** The operator's words, or the condition of a target. */
  readonly because: string | undefined
  /** The floor below it that keeps machines back, for its `state`. */
  readonly floor: Candidate | undefined
  readonly progress: Progress | undefined
  /** Of a release that is offered, or a floor on the way. */
  readonly window: WindowStatus | undefined
}

/** Whether a window is open, and until or from when. */
export type WindowStatus = NonNullable<ReturnType<typeof windowOf>>
export type Progress = NonNullable<ReturnType<typeof progressOf>>

/** A release of a channel, over all of its boards, since when this channel offers it: of a follower, not its source. */
export type ListedRelease = Readonly<{ release: Release; offeredFrom: number; boards: readonly ReleaseStatus[] }>

/** @param blocked why nothing is offered, such as an expired catalog. */
export function readChannelState(view: ChannelView, now: number, blocked?: Reason): ChannelState {
  const boards = [...view.boards.keys()].sort().flatMap((board) => statusOf(view, board, now, blocked))
  const statuses = boards.flatMap(({ releases }) => releases)
  const byVersion = Map.groupBy(statuses, ({ candidate }) => candidate.release.version)
  const releases = [...byVersion.values()].flatMap(listRelease)
  return { boards, releases: releases.sort((a, b) => newestFirst(a.release, b.release)) }
}

/** A follower may have a version for one board, and its source for others: together they are one release. */
function listRelease(boards: readonly ReleaseStatus[]): readonly ListedRelease[] {
  const candidates = boards.map(({ candidate }) => candidate)
  const [first, ...others] = candidates
  if (first === undefined) return []
  const packages = () => Object.fromEntries(boards.map(({ board, candidate }) => [board, candidate.packages]))
  const isOne = others.every(({ release }) => release === first.release)
  const release = isOne ? first.release : { ...first.release, boards: packages() }
  return [{ release, offeredFrom: Math.min(...candidates.map(offeredFrom)), boards }]
}

/** When a channel begins to offer a release. */
export const offeredFrom = ({ release, seenFrom }: Candidate): number =>
  Math.max(Date.parse(release.publishedAt), seenFrom)

function statusOf(view: ChannelView, board: string, now: number, blocked?: Reason): readonly RolloutStatus[] {
  const candidates = view.boards.get(board)?.candidates ?? []
  const [newest] = candidates
  if (newest === undefined) return []
  const path: Walk = blocked
    ? { steps: [], end: { kind: 'no-update', reason: blocked } }
    : pathOfMost({ ...view, rollbackFrom: [] }, board, now)
  const offered = path.steps.at(-1)
  const withheld = offered === newest ? undefined : path.end
  const rollbacks = blocked ? [] : rollbacksOf(view, board, now)
  const releases = releaseStatuses(board, candidates, path, now)
  const via = path.steps.slice(0, -1).filter(({ floor }) => floor)
  return [{ board, newest, offered, via, withheld, window: offered && windowOf(offered, now), rollbacks, releases }]
}

/** The path of a machine that runs nothing yet. */
function pathOfMost(view: ChannelView, board: string, now: number): Walk {
  const from = (version: string) => walk({ version, board, onNoList: true }, view, now, { isPatient: true })
  const first = from('')
  const second = view.boards.get(board)?.candidates[1]
  // A target may require a running version: most machines run the release before.
  const other = first.end?.reason === 'target' && second ? from(second.release.version) : first
  return compareVersions(other.steps.at(-1)?.version, first.steps.at(-1)?.version) > 0 ? other : first
}

function rollbacksOf(view: ChannelView, board: string, now: number) {
  const sent = view.rollbackFrom.flatMap(({ text, version }) => {
    const to = candidateOf(decide({ version: text, board, onNoList: true }, view, now))
    return to && compareVersions(to.version, version) < 0 ? [{ text, to }] : []
  })
  return [...Map.groupBy(sent, ({ to }) => to)].map(([to, list]) => ({ from: list.map(({ text }) => text), to }))
}

function releaseStatuses(board: string, candidates: readonly Candidate[], { steps, end }: Walk, now: number) {
  const offered = steps.at(-1)
  const machine = { running: offered?.version, oem: '', machineId: '', onNoList: true }
  let [isNewest, isGoal] = [true, true]
  const stateOf = (
    one: Candidate,
  ): Pick<ReleaseStatus, 'state'> & Partial<Pick<ReleaseStatus, 'because' | 'floor'>> => {
    if (one === offered) return { state: 'offered' }
    if (one.floor && steps.includes(one)) return { state: 'floor', because: one.floor.reason }
    if (one.refusal) return { state: one.refusal.reason, because: one.refusal.because }
    if (offered && compareVersions(one.version, offered.version) < 0) return { state: 'superseded' }
    if (end && (isBlocked(end.reason) || end.candidate === one)) return { state: end.reason, because: end.because }
    if (one.seenFrom > now) return { state: 'later' }
    const refused = one.targets.map((admission) => admission(machine)).find((because) => because !== undefined)
    if (refused !== undefined) return { state: 'target', because: refused }
    const [wasNewest, wasGoal] = [isNewest, isGoal]
    isNewest = false
    if (progressOf(one, now)) return { state: wasNewest ? 'not-in-ramp' : 'superseded' }
    isGoal = false
    return wasGoal && end ? { state: end.reason, because: end.because, floor: end.candidate } : { state: 'superseded' }
  }
  return candidates.map((candidate): ReleaseStatus => {
    // Reading windows is expensive, and nobody needs those of old releases.
    const window = steps.includes(candidate) ? windowOf(candidate, now) : undefined
    const progress = progressOf(candidate, now)
    return { board, candidate, because: undefined, floor: undefined, progress, ...stateOf(candidate), window }
  })
}

const isBlocked = (reason: Reason): boolean =>
  ['catalog-expired', 'store-unavailable', 'clock', 'unverifiable', 'not-mirrored'].includes(reason)

const windowOf = ({ schedule }: Candidate, now: number) =>
  schedule && { isOpen: isOpen(schedule, 0, now), edge: nextEdge(schedule, 0, now) }

/**
 * The share of machines that are admitted now, 0 to 1, and when everybody is reached (`to: undefined`: never, the ramp stays
 * at a share or was stopped). @returns `undefined` without a ramp, or where the ramp has reached everybody.
 */
export function progressOf({ ramps }: Candidate, now: number) {
  const share = Math.min(1, ...ramps.map((ramp) => shareAt(ramp, now)))
  const points = ramps.flatMap((ramp) => ramp.points)
  const [first, ...others] = points.map(({ at }) => at)
  if (share >= 1 || first === undefined) return undefined
  const stops = ramps.flatMap(({ asOf }) => (asOf === undefined || asOf > now ? [] : [asOf]))
  const stoppedAt = stops.length === 0 ? undefined : Math.min(...stops)
  const ends = stoppedAt === undefined && ramps.every(({ points }) => points.at(-1)?.share === 1)
  return { from: Math.min(first, ...others), to: ends ? Math.max(first, ...others) : undefined, share, stoppedAt }
}

/** The last instant until now at which the state may have changed. @param signedAt when the documents were signed. */
export function changedAt({ boards }: ChannelView, signedAt: number, now: number): number {
  const candidates = [...boards.values()].flatMap(({ candidates }) => candidates)
  const points = candidates.flatMap(({ ramps }) => ramps.flatMap(({ points }) => points))
  const instants = [...candidates.map(({ seenFrom }) => seenFrom), ...points.map(({ at }) => at)]
  return Math.max(signedAt, ...instants.filter((at) => at <= now))
}

/** Floors whose own conditions keep machines back, a sentence each. @param asOf when the channel's ramps were stopped. */
export const closedFloors = ({ releases }: Channel, now: number, asOf?: number): readonly string[] =>
  releases.flatMap(({ version, floor, target, ramp, withdrawn }) => {
    if (!floor || withdrawn) return []
    const share = ramp ? shareAt(readRamp(ramp, asOf), now) : 1
    return [
      ...(target ? [`floor ${version} has a target: machines that it refuses stay below the floor`] : []),
      ...(share < 1 ? [`floor ${version} is offered to ${percent(share)} of machines: the others stay below it`] : []),
    ]
  })

/** `end`: why there is no further step; `undefined`: the offers form a circle. */
type Walk = Readonly<{ steps: readonly Candidate[]; end: Withheld | undefined }>

/** Follows each offer until the last. @param isPatient whether it waits for a closed window, or stops there. */
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
function candidateOf(decision: Decision): Candidate | undefined {
  if (decision.kind === 'update') return decision.offer
  return decision.reason === 'outside-window' ? decision.candidate : undefined
}
