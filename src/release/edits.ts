/** Edits of one release of a channel. Pure. Refused where they would strand machines. */

import { PlatteError } from '../kernel/errors.ts'
import { percent } from '../kernel/format.ts'
import { findRelease, sameJson } from './add-release.ts'
import type { Channel, Hold, RampStep, Reasoned, Release } from './channel.ts'
import { readRamp, shareAt } from './ramp.ts'
import { compareVersions, parseVersion } from './version.ts'

/** Marks of a release, each with a reason. */
export type ReleaseMark = 'withdrawn' | 'floor' | 'deadEnd'

/** @throws PlatteError('refused') naming the newest that there are. */
export function requireRelease(channel: Channel, version: string): Release {
  const found = findRelease(channel, version)
  if (found) return found
  const there = channel.releases.map((release) => release.version).slice(0, 5)
  throw new PlatteError('refused', `there is no release ${JSON.stringify(version)} in this channel`, {
    hint: there.length === 0 ? 'it has no releases of its own yet' : `its newest are ${there.join(', ')}`,
  })
}

/** Replaces one release. @throws PlatteError('refused') where it is not there. */
export function editRelease<C extends Channel>(channel: C, version: string, edit: (release: Release) => Release): C {
  const known = requireRelease(channel, version)
  return { ...channel, releases: channel.releases.map((release) => (release === known ? edit(release) : release)) }
}

/** Sets a field; `undefined` removes it. */
export function withField<T extends object, K extends keyof T>(value: T, field: K, content: T[K] | undefined): T {
  const { [field]: _, ...others } = value
  return (content === undefined ? others : { ...others, [field]: content }) as T
}

/**
 * Marks a release, or removes the mark.
 * @throws PlatteError('refused') for a floor that would be withdrawn or a dead end.
 */
export const markRelease = <C extends Channel>(
  channel: C,
  version: string,
  { mark, because }: { readonly mark: ReleaseMark; readonly because: Reasoned | undefined },
): C =>
  editRelease(channel, version, (release) => {
    const marked = withField(release, mark, because)
    if (marked.floor && (marked.withdrawn || marked.deadEnd))
      throw new PlatteError(
        'refused',
        `${release.version} would be a floor and ${marked.withdrawn ? 'withdrawn' : 'a dead end'}: machines below it would never get further`,
        { hint: 'make another release the floor first, then take this mark away with --undo' },
      )
    const isOffered = mark === 'withdrawn' && because === undefined && release.withdrawn !== undefined
    if (isOffered && channel.rollbackFrom?.some((one) => isSameVersion(one, release.version)))
      throw new PlatteError(
        'refused',
        `machines that run ${release.version} are sent back: it would be offered to them again and again`,
        {
          hint: `platte rollback ${release.version} --undo takes both back`,
        },
      )
    return marked
  })

export interface RampChange {
  readonly ramp: readonly RampStep[] | undefined
  readonly now: number
  /** When the ramps of the channel were stopped. */
  readonly asOf?: number | undefined
  /** Whether the start was given; without it a ramp of the same shape that has begun stays. */
  readonly hasStart: boolean
  /** Whether the share may fall below the current one. */
  readonly mayLower: boolean
}

/**
 * Sets the ramp of a release. Safe to repeat.
 * @throws PlatteError('refused') where the share would fall and must not.
 */
export const rampRelease = <C extends Channel>(
  channel: C,
  version: string,
  { ramp, now, asOf, hasStart, mayLower }: RampChange,
): C =>
  editRelease(channel, version, (release) => {
    const [before, after] = [release.ramp, ramp].map((steps) => (steps ? shareAt(readRamp(steps, asOf), now) : 1))
    const isRepeated = !hasStart && ramp !== undefined && hasBegunAs(release.ramp ?? [], ramp, now)
    if (isRepeated && (!mayLower || before === after)) return release
    if (!mayLower && (after ?? 1) < (before ?? 1))
      throw new PlatteError(
        'refused',
        `${release.version} is offered to ${percent(before ?? 1)} now, and would be to ${percent(after ?? 1)}`,
        {
          hint:
            asOf === undefined
              ? '--lower does it all the same; machines that were offered it keep it'
              : 'the ramps of this channel were stopped: `--resume` them first, or use --lower',
        },
      )
    return withField(release, 'ramp', ramp)
  })

function hasBegunAs(there: readonly RampStep[], ramp: readonly RampStep[], now: number): boolean {
  const startOf = (steps: readonly RampStep[]): number => Date.parse(steps[0]?.at ?? '')
  const formOf = (steps: readonly RampStep[]) =>
    steps.map(({ at, share }) => [Date.parse(at) - startOf(steps), share] as const)
  return startOf(there) <= now && sameJson(formOf(there), formOf(ramp))
}

/** The points of a ramp: a line, or equal steps of which the first is at its start. */
export function rampOver({
  start,
  overMs,
  steps,
  from,
}: {
  readonly start: number
  readonly overMs: number
  readonly steps?: number | undefined
  /** The share at its start, 0 to 1. */
  readonly from: number
}): readonly RampStep[] {
  const point = (ms: number, share: number): RampStep => ({ at: new Date(Math.round(ms)).toISOString(), share })
  if (steps === undefined) return [point(start, from), point(start + overMs, 1)]
  const share = (i: number): number => (i >= steps ? 1 : from + ((1 - from) * i) / steps)
  const jumps = Array.from({ length: steps }, (_, i) => {
    const at = start + (overMs * i) / Math.max(1, steps - 1)
    return [...(i === 0 ? [] : [point(at, share(i))]), point(at, share(i + 1))]
  })
  return jumps.flat()
}

/** The state that a rollback looks at. */
export interface Rollback {
  readonly because: Reasoned
  /** Where all machines must go; by default the newest release that each may have. */
  readonly to?: string
  readonly now: number
  readonly asOf?: number | undefined
  readonly isHeld: (release: Release, board: string) => boolean
}

/**
 * Sends machines that run a bad release back to the newest that is left: withdraws it, and lets them go down.
 * @throws PlatteError('refused') where a board has nothing else to go to, or machines would go elsewhere than to `to`.
 */
export function rollBack<C extends Channel>(channel: C, bad: string, rollback: Rollback): C {
  const known = requireRelease(channel, bad)
  if (known.deadEnd)
    throw new PlatteError('refused', `${known.version} is a dead end: machines that run it get no updates`, {
      hint: 'remove that mark first: platte dead-end --undo',
    })
  const withdrawn = markRelease(channel, bad, { mark: 'withdrawn', because: rollback.because })
  for (const board of Object.keys(known.boards)) refuseElsewhere(withdrawn, board, rollback)
  const { rollbackFrom = [] } = channel
  const isThere = rollbackFrom.some((one) => isSameVersion(one, bad))
  return { ...withdrawn, rollbackFrom: isThere ? rollbackFrom : [...rollbackFrom, known.version] }
}

function refuseElsewhere(channel: Channel, board: string, { to, now, asOf, isHeld }: Rollback): void {
  const [left] = channel.releases
    .filter((one) => Object.hasOwn(one.boards, board) && !one.withdrawn && !isHeld(one, board))
    .sort((a, b) => compareVersions(parseVersion(b.version), parseVersion(a.version)))
  if (left === undefined)
    throw new PlatteError('refused', `${board} has no other release to go to`, {
      hint: 'publish a higher version instead, or promote one here',
    })
  if (to === undefined) return
  if (left !== findRelease(channel, to))
    throw new PlatteError('refused', `${board} would go to ${left.version}, not to ${to}`, {
      hint: `withdraw or hold ${left.version} first`,
    })
  if (left.target)
    throw new PlatteError('refused', `${left.version} is not for every machine of this channel`, {
      hint: 'without --to, each machine goes to the newest release that it may have',
    })
  const share = left.ramp ? shareAt(readRamp(left.ramp, asOf), now) : 1
  if (share < 1)
    throw new PlatteError(
      'refused',
      `${left.version} is offered to ${percent(share)} only; the others go further back`,
      {
        hint: `platte ramp ${left.version} --finish offers it to all machines`,
      },
    )
}

/** Whether a hold is of a version, and of any of these boards. */
export const isHoldOf =
  (version: string, boards: readonly string[]) =>
  (hold: Hold): boolean =>
    isSameVersion(hold.version, version) && (hold.board === undefined || boards.includes(hold.board))

/** Undoes a rollback: the release is offered again, and nothing lower to machines that run it. */
export function undoRollBack<C extends Channel>(channel: C, bad: string): C {
  const others = (channel.rollbackFrom ?? []).filter((one) => !isSameVersion(one, bad))
  const upwards = withField(channel, 'rollbackFrom', others.length > 0 ? others : undefined)
  return markRelease(upwards, bad, { mark: 'withdrawn', because: undefined })
}

const isSameVersion = (a: string, b: string): boolean => compareVersions(parseVersion(a), parseVersion(b)) === 0
