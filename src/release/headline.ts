/** What a card says of one board: what is being rolled out, what everybody else gets, and what is withheld. Pure. */
import type { Check } from './decide.ts'
import type { Barrier, Headline, Notice, WhyNot } from './headline-facts.ts'
import { isExact, wayBackFrom } from './headline-proof.ts'
import { progressOf, type RolloutStatus, walk } from './rollout-status.ts'
import { compareVersions } from './version.ts'
import type { Candidate, ChannelView } from './view.ts'

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
  const { first, progress, begun } = newestFor(one)
  const starts = [...floors.slice(-most.floors), ...candidates.slice(1, 2), ...(offered ? [offered] : [])]
  const paths = pathsFrom([undefined, ...starts.sort(newer)], view, first, begun, one)
  const goal = newestOf(paths.map(({ goal }) => goal))
  const isStuck = ({ from, goal: end, barrier }: Path) =>
    barrier ||
    (end !== goal && newer(from, goal) < 0 && (!goal || refusedBy(goal, { ...one, offered: from }) === undefined))
  const stuck = paths.slice(0, paths.findLastIndex(isStuck) + 1)
  const past = paths.slice(stuck.length)
  const [nearest] = past
  const rest = newestOf(past.map(({ rest }) => rest))
  const rollout = progress && goal && goal !== rest ? { ...progress, candidate: goal } : undefined
  const later = (at: number) => newestOf([stepsFrom(nearest?.from, view, { ...one, now: at }).steps.at(-1)])
  const headline: Headline = {
    rollout: rollout?.to !== undefined && later(rollout.to) !== goal ? { ...rollout, to: undefined } : rollout,
    ...{ rest, since: stuck.length === 0 ? undefined : nearest?.from, floors: nearest?.floors ?? [] },
    barriers: barriersOf(stuck),
    notices: noticesOf(goal, stuck.length > 0 ? undefined : rest, one),
    sentBack: sentBackIn(view, one),
    deadEnds: deadEnds.slice(0, most.notices),
    hasExceptions: false,
  }
  return isExact(headline, view, board, now) ? headline : { ...headline, hasExceptions: true }
}

/** The newest release for such machines, and whether its ramp admits some of them and not all. */
function newestFor(one: Case) {
  const isFor = (it: Candidate) => it.seenFrom <= one.now && !it.refusal && refusedBy(it, one) === undefined
  const first = one.candidates.find(isFor)
  const progress = first && progressOf(first, one.now)
  return { first, progress, begun: progress && progress.share > 0 ? first : undefined }
}

const newer = (a: Candidate | undefined, b: Candidate | undefined): number => compareVersions(a?.version, b?.version)
const newestOf = (some: readonly (Candidate | undefined)[]): Candidate | undefined =>
  some
    .flatMap((it) => it ?? [])
    .sort(newer)
    .at(-1)

/** Why targets refuse such a machine. */
const refusedBy = ({ targets }: Candidate, { offered }: Case): string | undefined =>
  targets
    .map((admits) => admits({ running: offered?.version, oem: '', machineId: '', onNoList: true }))
    .find((because) => because !== undefined)

type Path = ReturnType<typeof pathsFrom>[number]

/** A machine that already runs what the others below the floor get is offered nothing. */
const barriersOf = (stuck: readonly Path[]): readonly Barrier[] =>
  stuck
    .flatMap(({ from, barrier, rest }) => (barrier ? [{ from, ...barrier, rest }] : []))
    .filter(({ floor, rest }, i, all) => rest || all[i - 1]?.floor !== floor)

/** Where machines end from each start: those that the ramp of `begun` admits at `goal`, others at `rest`. */
function pathsFrom(
  starts: readonly (Candidate | undefined)[],
  view: ChannelView,
  first: Candidate | undefined,
  begun: Candidate | undefined,
  one: Case,
) {
  // What a target offers only to machines on the release that is rolled out is beyond this.
  const upTo = (steps: readonly Candidate[]) => steps.filter((it) => !begun || newer(it, begun) <= 0)
  return starts.map((from) => {
    const { steps: all, end } = stepsFrom(from, begun ? admitting(begun, view, one) : view, one)
    const steps = upTo(all)
    const goal = one.candidates.find(({ release }) => release === steps.at(-1)?.release)
    const rest = upTo(stepsFrom(from, view, one).steps).at(-1)
    const floor = end?.candidate
    // Only a floor below the release that machines would get keeps them back.
    const isBarrier = floor?.floor && newer(floor, first) < 0 && end?.reason !== 'dead-end'
    const barrier = end && isBarrier ? { floor, reason: end.reason, because: end.because } : undefined
    return { from, goal, barrier, rest, floors: steps.slice(0, -1).filter(({ floor }) => floor) }
  })
}

/** From a dead end: what machines are offered that run something just above it. */
function stepsFrom(from: Candidate | undefined, view: ChannelView, { board, now }: Case) {
  const version = from?.release.version ?? ''
  const running = from?.deadEnd ? version.replace(/[-+].*|$/, '.0.0.1') : version
  return walk(machineOn(running, board), { ...view, rollbackFrom: [] }, now, { isPatient: true })
}

const machineOn = (version: string, board: string): Check => ({ version, board, onNoList: true })

/** The view of a machine that is admitted by the ramp of a candidate. */
function admitting(begun: Candidate, view: ChannelView, { board }: Case): ChannelView {
  const of = view.boards.get(board)
  if (of === undefined) return view
  const candidates = of.candidates.map((it) => (it === begun ? { ...it, ramps: [] } : it))
  return { ...view, boards: new Map([[board, { ...of, candidates }]]) }
}

/** What is newer than `goal`, and what is for some machines and newer than `rest`. */
function noticesOf(goal: Candidate | undefined, rest: Candidate | undefined, one: Case): readonly Notice[] {
  const all = one.candidates.flatMap((candidate) => {
    const why = newer(candidate, rest) > 0 && candidate !== goal ? whyNot(candidate, one) : undefined
    return why && (newer(candidate, goal) > 0 || why.state === 'target') ? [{ ...why, candidate }] : []
  })
  const others = all.filter(({ state }) => state !== 'target').slice(0, most.notices)
  // Once for all releases of one target.
  const keyOf = ({ because, candidate: { release } }: Notice) => `${because} ${JSON.stringify(release.target)}`
  const isFirst = (it: Notice) => all.find((other) => keyOf(other) === keyOf(it)) === it
  return all.filter((it) => (it.state === 'target' ? isFirst(it) : others.includes(it)))
}

function whyNot(candidate: Candidate, one: Case): WhyNot | undefined {
  const { refusal, seenFrom, ramps } = candidate
  if (refusal) return { state: refusal.reason, because: refusal.because }
  const at = Math.max(seenFrom, ...ramps.map(({ points }) => points[0]?.at ?? 0))
  const because = refusedBy(candidate, one)
  const later = at > one.now ? { state: 'later' as const, at } : undefined
  if (because !== undefined) return { ...later, state: 'target', because }
  if (later) return later
  return progressOf(candidate, one.now)?.share === 0 ? { state: 'not-in-ramp' } : undefined
}

const sentBackIn = (view: ChannelView, { board, now }: Case): Headline['sentBack'] =>
  [...new Set(view.rollbackFrom.map(({ text }) => text))].flatMap((from) => {
    const way = wayBackFrom(from, view, board, now)
    return way ? [{ from, ...way }] : []
  })
