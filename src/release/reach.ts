/** Which machines a change reaches at once that were not reached before it, in sentences. Pure. */
import { percent } from '../kernel/format.ts'
import type { Channel, Release, Target } from './channel.ts'
import { type ReleaseStatus, type RolloutStatus, readChannelState } from './rollout-status.ts'
import { isSameVersion, newestFirst } from './version.ts'
import type { ChannelView } from './view.ts'
import { isOpen } from './window.ts'

/** A channel, before or after a change. */
export type Side = Readonly<{ channel: Channel; view: ChannelView }>

/** `instead`: what machines get in place of a release that is withheld. They were offered something before, too. */
export type Reach = Readonly<{ reach: readonly string[]; instead: readonly string[] }>

/** A board before and after; `isWider`: whether the target of the channel, or of a version, admits more machines. */
type Board = Readonly<{ old: RolloutStatus; next: RolloutStatus; now: number; isWider: (version: string) => boolean }>
type Sentence = Readonly<{ kind: keyof Reach; text: string }>

/**
 * e.g. `2.0.0 goes from 10 % to 100 % of machines at once`. Nothing of boards that had no release: nobody had one.
 * @param now milliseconds since 1970-01-01T00:00:00Z
 */
export function reachOf(before: Side, after: Side, now: number): Reach {
  const old = readChannelState(before.view, now).boards
  const { boards } = readChannelState(after.view, now)
  const isChannelWider = admitsMore(before.channel.target, after.channel.target)
  const isWider = (version: string): boolean =>
    isChannelWider || admitsMore(find(before, version)?.target, find(after, version)?.target)
  const found = boards.flatMap((next) => {
    const known = old.find(({ board }) => board === next.board)
    return known ? sentencesOf({ old: known, next, now, isWider }).map((one) => ({ ...one, board: next.board })) : []
  })
  const textsOf = (kind: keyof Reach): readonly string[] =>
    [
      ...Map.groupBy(
        found.filter((one) => one.kind === kind),
        ({ text }) => text,
      ),
    ].map(([text, same]) =>
      same.length === boards.length ? text : `${text} (${same.map(({ board }) => board).join(', ')})`,
    )
  return { reach: [...waysOut(before, after), ...textsOf('reach')], instead: textsOf('instead') }
}

const find = ({ channel }: Side, version: string): Release | undefined =>
  channel.releases.find((one) => isSameVersion(one.version, version))

function waysOut(before: Side, after: Side): readonly string[] {
  const open = before.channel.releases.filter(({ deadEnd, version }) => deadEnd && !find(after, version)?.deadEnd)
  return open.map(({ version }) => `machines that run ${version}, 100 % of them, may be offered updates again`)
}

function sentencesOf(board: Board): readonly Sentence[] {
  const { old, next } = board
  const back = next.rollbacks.flatMap(({ from, to }) => {
    const { version } = to.release
    const isKnown = (one: string): boolean =>
      old.rollbacks.some((known) => known.to.release.version === version && known.from.includes(one))
    const sent = from.filter((one) => !isKnown(one)).join(', ')
    return sent ? [`machines that run ${sent}, 100 % of them, go back to ${version} at once`] : []
  })
  const releases = next.releases.flatMap((one) => sentenceOf(board, one) ?? [])
  return [...[...back, ...pastFloors(board)].map((text) => ({ kind: 'reach' as const, text })), ...releases]
}

/** Where machines go that a floor stopped before; up to the next floor. */
function pastFloors({ old, next }: Board): readonly string[] {
  const floors = next.releases.filter(({ candidate }) => candidate.floor).map(({ candidate }) => candidate.release)
  return old.releases.flatMap((one) => {
    const floor = one.candidate.release
    const isAbove = (release: Release): boolean => newestFirst(release, floor) < 0
    const isKept = floors.some(({ version }) => isSameVersion(version, floor.version))
    if (!one.candidate.floor || isKept || shareOf(one) === 0) return []
    const stop = floors.findLast(isAbove)
    return next.releases.flatMap((goal) => {
      const { release, targets } = goal.candidate
      const share = shareOf(goal)
      if (share === 0 || !isAbove(release) || (stop && newestFirst(release, stop) < 0)) return []
      const whom = `${percent(share)} of ${targets.length > 0 ? 'those that its target admits' : 'them'}`
      return [
        `machines below ${floor.version}, ${whom}, go to ${release.version} at once, not to ${floor.version} first`,
      ]
    })
  })
}

function sentenceOf({ old, now, isWider }: Board, status: ReleaseStatus): Sentence | undefined {
  const { release, schedule, targets } = status.candidate
  const { version } = release
  const known = old.releases.find(({ candidate }) => candidate.release.version === version)
  // A floor on the way was reached before, and is no news now.
  const [was, share] = [known ? shareOf(known) : 0, status.state === 'floor' ? 0 : shareOf(status)]
  const to = `${percent(share)} of ${targets.length > 0 ? 'the machines that its target admits' : 'machines'}`
  const place = old.offered?.release
  if (share > was && place && newestFirst(release, place) > 0)
    return { kind: 'instead', text: `machines that ${place.version} no longer reaches get ${version}` }
  const reach = (text: string): Sentence => ({ kind: 'reach', text: `${version} goes ${text}` })
  if (share > was && percent(share) !== percent(was)) return reach(`from ${percent(was)} to ${to} at once`)
  if (share === 0) return undefined
  if (isWider(version)) return reach(`to ${to}, also to some that a target left out`)
  const before = known?.candidate.schedule
  if (before && !schedule) return reach(`to ${to} at any time, no longer in windows only`)
  return before && schedule && !isOpen(before, 0, now) && isOpen(schedule, 0, now)
    ? reach(`to ${to} at once: a window is open`)
    : undefined
}

/** The share of machines that may install it now, 0 to 1; of those that its target admits. */
function shareOf({ state, progress }: ReleaseStatus): number {
  if (state === 'offered' || state === 'floor') return 1
  return state === 'target' || state === 'not-in-ramp' ? (progress?.share ?? (state === 'target' ? 1 : 0)) : 0
}

/** Whether a target may admit a machine that the earlier one refused. */
function admitsMore(before: Target = {}, after: Target = {}): boolean {
  const lacks = (some: readonly string[] = [], all: readonly string[] = []): boolean =>
    some.some((one) => !all.includes(one))
  /** Of lists that admit: `undefined` admits all. */
  const grows = (old: readonly string[] | undefined, next: readonly string[] | undefined): boolean =>
    old !== undefined && (next === undefined || lacks(next, old))
  return (
    (before.from !== undefined && before.from !== after.from) ||
    (before.os !== undefined && before.os !== after.os) ||
    grows(before.oem?.only, after.oem?.only) ||
    lacks(before.oem?.not, after.oem?.not) ||
    grows(before.machines?.allow, after.machines?.allow) ||
    lacks(before.machines?.deny, after.machines?.deny)
  )
}
