/** What a card says of one board: what is being rolled out, what everybody else gets, and what is withheld. Pure. */
import { type Check, decide, type Reason, type Withheld } from '../release/decide.ts'
import { type Progress, progressOf, type RolloutStatus, walk } from '../release/rollout-status.ts'
import { compareVersions } from '../release/version.ts'
import type { Candidate, ChannelView } from '../release/view.ts'

/**
 * What `decide` answers to machines without an OEM that are on no list, at once or when a window opens. Instants are
 * milliseconds since 1970-01-01T00:00:00Z.
 */
export interface Headline {
  /** A share of the machines gets its candidate. `to`: everybody does from then on. */
  readonly rollout: (Progress & { readonly candidate: Candidate }) | undefined
  /** What the others get; without a rollout, what all get. `undefined`: nothing. */
  readonly rest: Candidate | undefined
  /** Both are for machines on this version or a newer one; `undefined`: for all. */
  readonly since: Candidate | undefined
  /** Machines below one of these install it first. Lowest first. */
  readonly floors: readonly Candidate[]
  /** What machines get from `from` on that cannot install the floor above them. Lowest first. */
  readonly barriers: readonly Barrier[]
  /** What is newer and not offered. Newest first. */
  readonly notices: readonly Notice[]
  /** Machines that run `from` go back to `to`, except those that the rollout gives `or`. */
  readonly sentBack: readonly Readonly<{ from: string; to: Candidate; or: Candidate | undefined }>[]
  /** Machines that run one of these get nothing. Newest first. */
  readonly deadEnds: readonly Candidate[]
}

/** `rest`: what they get instead. */
interface Barrier {
  readonly from: Candidate | undefined
  readonly reason: Reason
  readonly because: string | undefined
  readonly floor: Candidate
  readonly rest: Candidate | undefined
}
/** `at`: nobody is offered it before. */
interface WhyNot extends Pick<Withheld, 'because'> {
  readonly state: Reason | 'later'
  readonly at?: number
}
type Notice = WhyNot & { readonly candidate: Candidate }

/** The page of the channel and the JSON have all. */
const most = { floors: 8, notices: 3 } as const

interface Case {
  readonly board: string
  readonly candidates: readonly Candidate[]
  /** What most machines end at: for targets that name a running version. */
  readonly offered: Candidate | undefined
  readonly now: number
}

/** @param view of a catalog that is verified and has not expired. */
export function readHeadline({ board, offered }: RolloutStatus, view: ChannelView, now: number): Headline {
  const { candidates = [], floors = [], deadEnds = [] } = view.boards.get(board) ?? {}
  const one: Case = { board, candidates, offered, now }
  const first = candidates.find((it) => it.seenFrom <= now && !it.refusal && refusedBy(it, one) === undefined)
  const progress = first && progressOf(first, now)
  const begun = progress && progress.share > 0 ? first : undefined
  const starts = [...floors.slice(-most.floors), ...(offered ? [offered] : [])].filter(({ deadEnd }) => !deadEnd)
  const paths = pathsFrom([undefined, ...starts.sort(newer)], view, begun, one)
  const goal = newestOf(paths.map(({ goal }) => goal))
  const isStuck = ({ from, ...path }: Path) =>
    path.goal !== goal && newer(from, goal) < 0 && (!goal || refusedBy(goal, { ...one, offered: from }) === undefined)
  const stuck = paths.slice(0, paths.findLastIndex(isStuck) + 1)
  const past = paths.slice(stuck.length)
  const [nearest] = past
  const rest = newestOf(past.map(({ rest }) => rest))
  const rollout = progress && goal && goal !== rest ? { ...progress, candidate: goal } : undefined
  const later = (at: number) => newestOf([stepsFrom(nearest?.from, view, { ...one, now: at }).steps.at(-1)])
  return {
    rollout: rollout?.to !== undefined && later(rollout.to) !== goal ? { ...rollout, to: undefined } : rollout,
    ...{ rest, since: stuck.length === 0 ? undefined : nearest?.from, floors: nearest?.floors ?? [] },
    barriers: barriersOf(stuck),
    notices: noticesAbove(goal, one).slice(0, most.notices),
    sentBack: sentBackIn(view, begun, one),
    deadEnds: deadEnds.slice(0, most.notices),
  }
}

const newer = (a: Candidate | undefined, b: Candidate | undefined): number => compareVersions(a?.version, b?.version)
const newestOf = (some: readonly (Candidate | undefined)[]): Candidate | undefined =>
  some.flatMap((it) => it ?? []).sort(newer).at(-1)

/** Why targets refuse such a machine. */
const refusedBy = ({ targets }: Candidate, { offered }: Case): string | undefined =>
  targets
    .map((admits) => admits({ running: offered?.version, oem: '', machineId: '', onNoList: true }))
    .find((because) => because !== undefined)

type Path = ReturnType<typeof pathsFrom>[number]

/** A machine that already runs what the others below the floor get is offered nothing. */
const barriersOf = (stuck: readonly Path[]): readonly Barrier[] =>
  stuck
    .flatMap(({ from, end, rest }) => {
      const floor = end?.reason === 'dead-end' ? undefined : end?.candidate
      return end && floor?.floor ? [{ from, floor, reason: end.reason, because: end.because, rest }] : []
    })
    .filter(({ floor, rest }, i, all) => rest || all[i - 1]?.floor !== floor)

/** Where machines end from each start: those that the ramp of `begun` admits at `goal`, others at `rest`. */
function pathsFrom(
  starts: readonly (Candidate | undefined)[],
  view: ChannelView,
  begun: Candidate | undefined,
  one: Case,
) {
  return starts.map((from) => {
    const { steps, end } = stepsFrom(from, begun ? admitting(begun, view, one) : view, one)
    const last = steps.at(-1)
    const goal = one.candidates.find(({ release }) => release === last?.release)
    const rest = stepsFrom(from, view, one).steps.at(-1)
    return { from, goal, end, rest, floors: steps.slice(0, -1).filter(({ floor }) => floor) }
  })
}

const stepsFrom = (from: Candidate | undefined, view: ChannelView, { board, now }: Case) =>
  walk(machineOn(from?.release.version ?? '', board), { ...view, rollbackFrom: [] }, now, { isPatient: true })

const machineOn = (version: string, board: string): Check => ({ version, board, onNoList: true })

/** The view of a machine that is admitted by the ramp of a candidate. */
function admitting(begun: Candidate, view: ChannelView, { board }: Case): ChannelView {
  const of = view.boards.get(board)
  if (of === undefined) return view
  const candidates = of.candidates.map((it) => (it === begun ? { ...it, ramps: [] } : it))
  return { ...view, boards: new Map([[board, { ...of, candidates }]]) }
}

function noticesAbove(goal: Candidate | undefined, one: Case): readonly Notice[] {
  return one.candidates
    .filter((candidate) => newer(candidate, goal) > 0)
    .flatMap((candidate) => {
      const why = whyNot(candidate, one)
      return why ? [{ ...why, candidate }] : []
    })
}

function whyNot(candidate: Candidate, one: Case): WhyNot | undefined {
  const { refusal, seenFrom, ramps } = candidate
  if (refusal) return { state: refusal.reason, because: refusal.because }
  const at = Math.max(seenFrom, ...ramps.map(({ points }) => points[0]?.at ?? 0))
  if (at > one.now) return { state: 'later', at }
  const because = refusedBy(candidate, one)
  if (because !== undefined) return { state: 'target', because }
  return progressOf(candidate, one.now)?.share === 0 ? { state: 'not-in-ramp' } : undefined
}

function sentBackIn(view: ChannelView, begun: Candidate | undefined, one: Case): Headline['sentBack'] {
  return view.rollbackFrom.flatMap(({ text, version }) => {
    const to = offerTo(text, view, one)
    if (to === undefined || compareVersions(to.version, version) >= 0) return []
    const other = begun && offerTo(text, admitting(begun, view, one), one)
    return [{ from: text, to, or: other?.release === to.release ? undefined : other }]
  })
}

/** What a machine is offered, now or when the window opens. */
function offerTo(version: string, view: ChannelView, { board, now }: Case): Candidate | undefined {
  const decision = decide(machineOn(version, board), view, now)
  if (decision.kind === 'update') return decision.offer
  return decision.reason === 'outside-window' ? decision.candidate : undefined
}
