/** Where a channel stands: what machines end at, what is newer and why it is kept back, and since when that is so. Pure. */
import type { Release } from './channel.ts'
import { type Check, type Decision, decide } from './decide.ts'
import { shareAt } from './ramp.ts'
import { compareVersions, parseVersion } from './version.ts'
import type { BoardView, Candidate, ChannelView } from './view.ts'
import { nextEdge } from './window.ts'

/** One board of a channel, as machines without an id or an OEM see it: they are the last ones that a ramp reaches. */
export interface RolloutStatus {
  readonly board: string
  readonly newest: Candidate
  /** What such a machine ends at, floor by floor; windows are not looked at. */
  readonly offered: Candidate | undefined
  /** What keeps it from going on to `newest`; absent where nothing does. */
  readonly withheld: Withheld | undefined
  /** When what is offered may be installed, where not always: now or not, and until or from when. */
  readonly window: { readonly isOpen: boolean; readonly edge: number | undefined } | undefined
}

/** Why machines do not get a release. */
export type Withheld = Extract<Decision, { kind: 'no-update' }>

/** A ramp on its way. All instants in milliseconds since 1970-01-01T00:00:00Z. */
export interface Progress {
  readonly from: number
  /** When everybody is reached; `undefined`: not as things stand, since it stays at a share or was stopped. */
  readonly to: number | undefined
  /** The share of machines that are admitted now, 0 to 1. */
  readonly share: number
  /** When its clock was stopped, if it was. */
  readonly stoppedAt: number | undefined
}

/** Every board of a channel, in the order of their names. */
export function rolloutStatuses(view: ChannelView, now: number): readonly RolloutStatus[] {
  const upwards = { ...view, rollbackFrom: [] }
  return [...view.boards].flatMap(([board, of]) => rolloutStatusOf(upwards, board, of, now)).sort(byBoard)
}

const byBoard = (a: RolloutStatus, b: RolloutStatus): number => (a.board < b.board ? -1 : 1)

function rolloutStatusOf(
  view: ChannelView,
  board: string,
  { candidates }: BoardView,
  now: number,
): readonly RolloutStatus[] {
  const [newest, second] = candidates
  if (newest === undefined) return []
  const from = (version: string) => walk({ version, board, onNoList: true }, view, now)
  const first = from('')
  // A target may ask for machines that run something: most of them run what came before.
  const other = first.end?.reason === 'target' && second ? from(second.release.version) : first
  const { offered, end } = compareVersions(other.offered?.version, first.offered?.version) > 0 ? other : first
  return [{ board, newest, offered, withheld: offered === newest ? undefined : end, window: windowOf(offered, now) }]
}

interface Walk {
  readonly offered: Candidate | undefined
  readonly end: Withheld | undefined
}

/** Takes what is offered until there is nothing more. It only goes up, so it ends. */
function walk(check: Check, view: ChannelView, now: number): Walk {
  let offered: Candidate | undefined
  for (;;) {
    const decision = decide({ ...check, version: offered?.release.version ?? check.version }, view, now)
    const next = candidateOf(decision)
    if (next === undefined || next === offered)
      return { offered, end: decision.kind === 'update' ? undefined : decision }
    offered = next
  }
}

function candidateOf(decision: Decision): Candidate | undefined {
  if (decision.kind === 'update') return decision.offer
  return decision.reason === 'outside-window' ? decision.candidate : undefined
}

function windowOf(offered: Candidate | undefined, now: number): RolloutStatus['window'] {
  const schedule = offered?.schedule
  if (schedule === undefined) return undefined
  return { isOpen: schedule(now).some(({ from, to }) => from <= now && now < to), edge: nextEdge(schedule, 0, now) }
}

/** The ramp of a candidate; `undefined` where everybody has been reached, or there is none. */
export function progressOf({ ramps }: Candidate, now: number): Progress | undefined {
  const share = Math.min(1, ...ramps.map((ramp) => shareAt(ramp, now)))
  const points = ramps.flatMap((ramp) => ramp.points)
  const [first, ...others] = points.map(({ at }) => at)
  if (share >= 1 || first === undefined) return undefined
  const stops = ramps.flatMap(({ asOf }) => (asOf === undefined ? [] : [asOf]))
  const stoppedAt = stops.length === 0 ? undefined : Math.min(...stops)
  const ends = stoppedAt === undefined && ramps.every(({ points }) => points.at(-1)?.share === 1)
  return { from: Math.min(first, ...others), to: ends ? Math.max(first, ...others) : undefined, share, stoppedAt }
}

/** Every release that a channel offers to some board, newest first; those of what it follows, too. */
export function releasesOf({ boards }: ChannelView): readonly Release[] {
  const all = [...boards.values()].flatMap(({ candidates }) => candidates.map(({ release }) => release))
  return [...new Set(all)].sort((a, b) => compareVersions(parseVersion(b.version), parseVersion(a.version)))
}

/**
 * The last instant, up to now, at which what machines end at may have become what it is.
 * @param signedAt when what says so was signed.
 */
export function changedAt({ boards }: ChannelView, signedAt: number, now: number): number {
  const instants = [...boards.values()].flatMap(({ candidates }) =>
    candidates.flatMap(({ seenFrom, ramps }) => [
      seenFrom,
      ...ramps.flatMap(({ points }) => points.map(({ at }) => at)),
    ]),
  )
  return Math.max(signedAt, ...instants.filter((at) => at <= now))
}
