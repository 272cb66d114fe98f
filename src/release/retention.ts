/** Which releases of a channel pruning keeps. Pure. */
import type { Channel, Release } from './channel.ts'
import { shareAt } from './ramp.ts'
import { newestFirst } from './version.ts'
import type { Candidate, ChannelView } from './view.ts'

/** For each board, the newest release for everybody, and all newer ones. */
export function inUse({ boards }: ChannelView, now: number): ReadonlySet<Release> {
  const used = [...boards.values()].flatMap(({ candidates }) => {
    const last = candidates.findIndex((candidate) => isForEverybody(candidate, now))
    return last < 0 ? candidates : candidates.slice(0, last + 1)
  })
  return new Set(used.map(({ release }) => release))
}

const isForEverybody = ({ refusal, seenFrom, targets, ramps }: Candidate, now: number): boolean =>
  refusal === undefined && targets.length === 0 && seenFrom <= now && ramps.every((ramp) => shareAt(ramp, now) >= 1)

/** Floors, dead ends, and the newest `count` releases of each board. */
export function newestOf({ releases }: Channel, count: number): ReadonlySet<Release> {
  const sorted = [...releases].sort(newestFirst)
  const boards = new Set(releases.flatMap((release) => Object.keys(release.boards)))
  const newest = [...boards].flatMap((board) =>
    sorted.filter((release) => Object.hasOwn(release.boards, board)).slice(0, count),
  )
  return new Set([...newest, ...releases.filter(({ floor, deadEnd }) => floor || deadEnd)])
}
