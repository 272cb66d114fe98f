/** Edits of one release of a channel. Pure; refused where they would strand machines. */
import { percent } from '../kernel/format.ts'
import { findRelease, refusal, sameJson } from './add-release.ts'
import type { Channel, Hold, RampStep, Reasoned, Release } from './channel.ts'
import { readRamp, shareAt } from './ramp.ts'
import { isSameVersion, newestFirst } from './version.ts'

export type ReleaseMark = 'withdrawn' | 'floor' | 'deadEnd'
type Marking = Readonly<{ mark: ReleaseMark; because: Reasoned | undefined }>

/** @throws PlatteError('refused') naming the newest releases. */
export function requireRelease(channel: Channel, version: string): Release {
  const found = findRelease(channel, version)
  if (found) return found
  const newest = channel.releases.slice(0, 5).map((release) => release.version)
  throw refusal(
    `there is no release ${JSON.stringify(version)} in this channel`,
    newest.length === 0 ? 'it has none of its own yet' : `its newest are ${newest.join(', ')}`,
  )
}

/** @throws PlatteError('refused') where the channel does not have the release. */
export function editRelease<C extends Channel>(channel: C, version: string, edit: (release: Release) => Release): C {
  const known = requireRelease(channel, version)
  return { ...channel, releases: channel.releases.map((release) => (release === known ? edit(release) : release)) }
}

/** Sets a field, or removes it (`undefined`). */
export function withField<T extends object, K extends keyof T>(value: T, field: K, content: T[K] | undefined): T {
  const { [field]: _, ...others } = value
  return (content === undefined ? others : { ...others, [field]: content }) as T
}

/**
 * Marks a release, or removes the mark (`because: undefined`).
 * @throws PlatteError('refused') for a floor that is withdrawn or a dead end: machines must pass through it.
 */
export const markRelease = <C extends Channel>(channel: C, version: string, { mark, because }: Marking): C =>
  editRelease(channel, version, (release) => {
    const marked = withField(release, mark, because)
    if (marked.floor && (marked.withdrawn || marked.deadEnd))
      throw refusal(
        `${release.version} would be a floor and ${marked.withdrawn ? 'withdrawn' : 'a dead end'}: machines below it would never get further`,
        release.floor
          ? `make another release the floor first, then run \`platte floor ${release.version} --undo\``
          : `run \`platte ${release.withdrawn ? 'withdraw' : 'dead-end'} ${release.version} --undo\` first`,
      )
    const isOfferedAgain = release.withdrawn && !marked.withdrawn
    if (isOfferedAgain && channel.rollbackFrom?.some((one) => isSameVersion(one, release.version)))
      throw refusal(
        `machines that run ${release.version} are sent back: they would get it again and again`,
        `platte rollback ${release.version} --undo takes both back`,
      )
    return marked
  })

export interface RampChange {
  readonly ramp: readonly RampStep[] | undefined
  readonly now: number
  /** When the clock of the channel's ramps was stopped. */
  readonly asOf?: number | undefined
  /** Whether the operator named a start. Without one, a ramp of the same form that has begun stays. */
  readonly hasStart: boolean
  /** Whether the share may fall. */
  readonly mayLower: boolean
}

/** Sets the ramp of a release. Idempotent. @throws PlatteError('refused') where the share would fall and must not. */
export const rampRelease = <C extends Channel>(channel: C, version: string, change: RampChange): C =>
  editRelease(channel, version, (release) => {
    const { ramp, now, asOf, hasStart, mayLower } = change
    const before = release.withdrawn ? 0 : shareOf(release.ramp, now, asOf)
    const after = shareOf(ramp, now, asOf)
    const isRepeated = !hasStart && ramp !== undefined && hasBegunAs(release.ramp ?? [], ramp, now)
    if (isRepeated && (!mayLower || before === after)) return release
    if (!mayLower && after < before)
      throw refusal(
        `${release.version} is offered to ${percent(before)} now, and would be to ${percent(after)}`,
        asOf === undefined
          ? '--lower withdraws the offer from machines that have not installed it yet'
          : 'the ramps of this channel are paused: `--resume` them first, or use --lower',
      )
    return withField(release, 'ramp', ramp)
  })

const shareOf = (ramp: readonly RampStep[] | undefined, now: number, asOf: number | undefined): number =>
  ramp ? shareAt(readRamp(ramp, asOf), now) : 1

/** @throws PlatteError('refused') where other ramps are running, or, to stop it, this one is not. */
export function requireOnlyRamp(
  channel: Channel,
  version: string,
  { now, asOf, isStopped }: Pick<RampChange, 'now' | 'asOf'> & Readonly<{ isStopped: boolean }>,
): void {
  const one = requireRelease(channel, version)
  const isRamping = ({ ramp, withdrawn }: Release): boolean => !withdrawn && shareOf(ramp, now, asOf) < 1
  const others = channel.releases.filter((other) => other !== one && isRamping(other))
  if (others.length > 0)
    throw refusal(
      `the ramps of a channel are paused and resumed together: ${others.map((other) => other.version).join(', ')}, too`,
      'leave the version out; to stop one release, use `platte hold`',
    )
  if (isStopped && !isRamping(one))
    throw refusal(
      `${one.version} has no ramp to pause: it is ${one.withdrawn ? 'withdrawn' : 'offered to 100 %'}`,
      '`platte hold` withholds a release',
    )
}

function hasBegunAs(known: readonly RampStep[], ramp: readonly RampStep[], now: number): boolean {
  const startOf = (steps: readonly RampStep[]): number => Date.parse(steps[0]?.at ?? '')
  const formOf = (steps: readonly RampStep[]) => steps.map(({ at, share }) => [Date.parse(at) - startOf(steps), share])
  return startOf(known) <= now && sameJson(formOf(known), formOf(ramp))
}

type RampOver = Readonly<{ start: number; overMs: number; steps?: number | undefined; from?: number }>

/** The points of a ramp that rises over a time from a share: a line, or equal steps, the first at its start. */
export function rampOver({ start, overMs, steps, from = 0 }: RampOver): readonly RampStep[] {
  const point = (ms: number, share: number): RampStep => ({ at: new Date(Math.round(ms)).toISOString(), share })
  if (steps === undefined) return [point(start, from), point(start + overMs, 1)]
  const share = (i: number): number => (i >= steps ? 1 : from + ((1 - from) * i) / steps)
  const instant = (i: number): number => start + (overMs * i) / Math.max(1, steps - 1)
  const jumps = Array.from({ length: steps }, (_, i) => [i, i + 1].map((n) => point(instant(i), share(n))))
  return jumps.flat().slice(1)
}

interface Rollback extends Pick<RampChange, 'now' | 'asOf'> {
  readonly because: Reasoned
  /** The version that all machines must end at. */
  readonly to?: string
  readonly isHeld: (release: Release, board: string) => boolean
}

/**
 * Withdraws a bad release, and sends machines that run it back to the newest that is left.
 * @throws PlatteError('refused') where a board has no other release, or machines would not end at `to`.
 */
export function rollBack<C extends Channel>(channel: C, bad: string, rollback: Rollback): C {
  const known = requireRelease(channel, bad)
  if (known.deadEnd)
    throw refusal(
      `${known.version} is a dead end: machines that run it are offered nothing`,
      'take that mark away first: platte dead-end --undo',
    )
  const withdrawn = markRelease(channel, bad, { mark: 'withdrawn', because: rollback.because })
  for (const board of Object.keys(known.boards)) checkRollback(withdrawn, { version: bad, board }, rollback)
  const { rollbackFrom = [] } = channel
  const isThere = rollbackFrom.some((one) => isSameVersion(one, bad))
  return { ...withdrawn, rollbackFrom: isThere ? rollbackFrom : [...rollbackFrom, known.version] }
}

type Bad = Readonly<{ version: string; board: string }>

function checkRollback(channel: Channel, { version: bad, board }: Bad, { to, now, asOf, isHeld }: Rollback): void {
  const wanted = to === undefined ? undefined : findRelease(channel, to)
  if (wanted?.withdrawn)
    throw refusal(`${to} was withdrawn: ${wanted.withdrawn.reason}`, `name another release with --to`)
  if (wanted && isHeld(wanted, board))
    throw refusal(`${to} is held for ${board}`, `lift the hold first: platte unhold ${to}`)
  const isLeft = (one: Release) => Object.hasOwn(one.boards, board) && !one.withdrawn && !isHeld(one, board)
  const [left] = channel.releases.filter(isLeft).sort(newestFirst)
  if (left === undefined)
    throw refusal(`${board} has no other release to go to`, 'publish a higher version instead, or promote one here')
  if (to === undefined) return
  if (left !== wanted)
    throw refusal(`${board} would go to ${left.version}, not to ${to}`, `withdraw or hold ${left.version} first`)
  const isBetween = (one: Release) => newestFirst(one, left) < 0 && newestFirst(one, { version: bad }) > 0
  const barrier = channel.releases.find((one) => one.floor && isBetween(one) && isHeld(one, board))
  if (barrier)
    throw refusal(
      `${barrier.version} is a floor that is held for ${board}: no machine goes below it`,
      `lift that hold, or take its mark away: platte floor ${barrier.version} --undo`,
    )
  if (left.deadEnd)
    throw refusal(
      `${left.version} is a dead end: machines that go there are offered nothing more`,
      `without --to, they go there, too: publish or promote another release first (--below-newest)`,
    )
  // Windows of it send nobody elsewhere: machines wait for them.
  if (left.target)
    throw refusal(
      `${left.version} is not for every machine of this channel`,
      'without --to, each machine gets the release that it is eligible for',
    )
  const share = shareOf(left.ramp, now, asOf)
  if (share < 1)
    throw refusal(
      `${left.version} is offered to ${percent(share)} only; the others go further back`,
      `platte ramp ${left.version} --finish offers it to every machine`,
    )
}

/** A version, of one board or (no `board`) of all. */
export type HeldVersion = Readonly<{ version: string; board?: string | undefined }>

export const isSameHold = (hold: HeldVersion, other: HeldVersion): boolean =>
  hold.board === other.board && isSameVersion(hold.version, other.version)

/** Whether a hold is of a version, and of any of these boards. */
export const isHoldOf =
  (version: string, boards: readonly string[]) =>
  (hold: Hold): boolean =>
    isSameVersion(hold.version, version) && (hold.board === undefined || boards.includes(hold.board))

/** Ends a rollback: the release is offered again, and nothing lower to machines that run it. */
export function undoRollBack<C extends Channel>(channel: C, bad: string): C {
  const others = (channel.rollbackFrom ?? []).filter((one) => !isSameVersion(one, bad))
  const upwards = withField(channel, 'rollbackFrom', others.length > 0 ? others : undefined)
  return markRelease(upwards, bad, { mark: 'withdrawn', because: undefined })
}
