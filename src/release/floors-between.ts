/** Floors and dead ends that a release would leave behind in another channel. Pure. */
import { boardOf, findRelease, refusal } from './add-release.ts'
import type { Channel, Hold, Release } from './channel.ts'
import { isHoldOf } from './edits.ts'
import { oldestFirst } from './version.ts'

/** A channel that a release comes from, or another one of the app. */
export interface Origin {
  /** e.g. `alpha`. */
  readonly name: string
  readonly channel: Channel
  readonly holds: readonly Hold[]
}

/** A floor or dead end below a release. */
export interface Between {
  readonly mark: 'floor' | 'deadEnd'
  readonly version: string
  /** Of the release, without the mark in the channel that gets it. */
  readonly boards: readonly string[]
  /** The channel that has the mark. */
  readonly name: string
  /** With those boards; `undefined`: no channel has them. */
  readonly release: Release | undefined
  /** Why a floor is held or withdrawn there. */
  readonly because: string | undefined
}

type Arriving = Readonly<{ version: string; boards: readonly string[] }>

/**
 * What machines would pass by, oldest first: marks of the origins that the channel does not have on these boards, and floors
 * of its own without packages for a board that has releases below them.
 */
export function floorsBetween(channel: Channel, arriving: Arriving, origins: readonly Origin[]): readonly Between[] {
  const isBelow = (one: Release): boolean => oldestFirst(one, arriving) < 0
  const found = origins.flatMap((origin) =>
    origin.channel.releases
      .filter(isBelow)
      .flatMap((release) => lackingMarks(channel, arriving.boards, { release, origin })),
  )
  const own = channel.releases
    .filter((one) => one.floor && isBelow(one))
    .flatMap((floor) => lackingBoards(channel, floor, arriving.boards, origins))
  const all = [...own, ...found]
  return all.filter((one, i) => all.findIndex((other) => isCovered(one, other)) === i).sort(oldestFirst)
}

const isCovered = (one: Between, by: Between): boolean =>
  one.mark === by.mark && oldestFirst(one, by) === 0 && one.boards.every((board) => by.boards.includes(board))

const marks = ['floor', 'deadEnd'] as const

type There = Readonly<{ release: Release; origin: Origin }>

/** Marks of a release of another channel that are not here, on the boards that it has. */
function lackingMarks(channel: Channel, boards: readonly string[], there: There): readonly Between[] {
  const { release } = there
  const here = findRelease(channel, release.version)
  const shared = boards.filter((board) => boardOf(release, board))
  return marks.flatMap((mark) => {
    const lacking = here?.[mark] ? shared.filter((board) => mark === 'floor' && !boardOf(here, board)) : shared
    return release[mark] && lacking.length > 0 ? [betweenOf(mark, lacking, there)] : []
  })
}

function betweenOf(mark: Between['mark'], boards: readonly string[], { release, origin }: There): Between {
  const hold = origin.holds.find(isHoldOf(release.version, boards))
  const because = mark === 'floor' ? (release.withdrawn?.reason ?? hold?.reason) : undefined
  return { mark, version: release.version, boards, name: origin.name, release, because }
}

/** Boards that a floor has no packages for, although their machines may run less than it, and do not pass it by already. */
function lackingBoards(
  channel: Channel,
  floor: Release,
  boards: readonly string[],
  origins: readonly Origin[],
): readonly Between[] {
  const { version } = floor
  const hasOlder = (board: string): boolean =>
    channel.releases.some((one) => boardOf(one, board) && oldestFirst(one, floor) < 0)
  const isPassed = (board: string): boolean =>
    channel.releases.some((one) => !one.withdrawn && boardOf(one, board) && oldestFirst(one, floor) > 0)
  return boards
    .filter((board) => !boardOf(floor, board) && hasOlder(board) && !isPassed(board))
    .map((board) => {
      const [there] = origins.flatMap((origin) => {
        const release = findRelease(origin.channel, version)
        return release && boardOf(release, board) ? [{ release, origin }] : []
      })
      if (there) return betweenOf('floor', [board], there)
      return { mark: 'floor', version, boards: [board], name: 'this channel', release: undefined, because: undefined }
    })
}

/** @throws PlatteError('refused') naming each floor and dead end that machines would pass by. */
export function refuseBetween(between: readonly Between[], to: string, version: string): void {
  if (between.length === 0) return
  const texts = between.map(({ mark, version: step, boards, name, release }) => {
    const where = release === undefined ? `, without packages for ${boards.join(', ')}` : ''
    return mark === 'floor'
      ? `${step} is a floor of ${name}${where}: machines of ${to} that run less would pass it by`
      : `${step} is a dead end of ${name}: machines of ${to} that run it would be offered ${version}`
  })
  const missing = between.find(({ release }) => release === undefined)
  throw refusal(
    texts.join('; '),
    missing
      ? `publish ${missing.version} for ${missing.boards.join(', ')} first (--below-newest), or leave it out with --skip-floors`
      : '--with-floors brings them along first, in the same revision; --skip-floors leaves them out',
  )
}
