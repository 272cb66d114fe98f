/** A channel prepared for deciding, once: a check then costs the same for 1 release as for 200. */
import type { BucketScope } from './bucketing.ts'
import type { BoardPackages, Channel, Hold, Reasoned, Release } from './channel.ts'
import { type Ramp, rampFrom, readRamp } from './ramp.ts'
import { type Admission, readTarget } from './target.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'
import { readWindows, type Schedule } from './window.ts'

interface BoardRelease {
  readonly release: Release
  readonly version: Version | undefined
  readonly packages: BoardPackages
  readonly floor: Reasoned | undefined
  readonly deadEnd: Reasoned | undefined
}

/** Why one release is offered to nobody. */
export interface Refusal {
  readonly reason: 'withdrawn' | 'held' | 'dead-end'
  /** The operator's words. */
  readonly because: string
}

interface Conditions {
  readonly refusal: Refusal | undefined
  /** Before this instant a follower does not offer it, except as a floor. */
  readonly seenFrom: number
  /** All of them must admit a machine. */
  readonly targets: readonly Admission[]
  /** The lowest share counts. */
  readonly ramps: readonly Ramp[]
  /** `undefined`: at any time. */
  readonly schedule: Schedule | undefined
}

export interface Candidate extends BoardRelease, Conditions {}

export interface BoardView {
  /** Parsed versions by text: nearly every machine runs one of these. */
  readonly versions: ReadonlyMap<string, Version>
  /** Newest first. */
  readonly candidates: readonly Candidate[]
  /** Oldest first. */
  readonly floors: readonly Candidate[]
  readonly deadEnds: readonly Candidate[]
}

export interface ChannelView {
  readonly scope: BucketScope
  readonly boards: ReadonlyMap<string, BoardView>
  /** Running versions that are offered the newest release even where it is lower. */
  readonly rollbackFrom: readonly { readonly text: string; readonly version: Version | undefined }[]
}

/** A channel, and what the catalog adds. */
export interface Stored {
  readonly content: Channel
  readonly holds?: readonly Hold[] | undefined
  /** When the clock of its ramps was stopped, RFC 3339. */
  readonly rampAsOf?: string | undefined
}

export interface Followed<Source = Stored> {
  readonly source: Source
  /** The follower offers a release this long after its source, in milliseconds. */
  readonly afterMs: number
  /** From then on it is ramped over this time, in milliseconds. */
  readonly overMs: number
}

type Prepared = ReturnType<typeof prepare>

/** Joins a channel with its holds, and with the channel that it follows. */
export function viewChannel(scope: BucketScope, stored: Stored, followed?: Followed): ChannelView {
  const own = prepare(stored)
  const source = followed && { ...followed, source: prepare(followed.source) }
  const contents = [own.content, ...(source ? [source.source.content] : [])]
  const boards = new Set(contents.flatMap(({ releases }) => releases.flatMap(({ boards }) => Object.keys(boards))))
  return {
    scope,
    boards: new Map([...boards].map((board) => [board, viewBoard(board, own, source)])),
    rollbackFrom: contents.flatMap(({ rollbackFrom = [] }) =>
      rollbackFrom.map((text) => ({ text, version: parseVersion(text) })),
    ),
  }
}

/** Reads once what all releases share: a list of machines is long. */
const prepare = ({ content, holds = [], rampAsOf }: Stored) => ({
  content,
  holds: holds.map((hold) => ({ ...hold, parsed: parseVersion(hold.version) })),
  target: content.target && readTarget(content.target),
  schedule: content.windows && readWindows(content.windows),
  asOf: rampAsOf === undefined ? undefined : Date.parse(rampAsOf),
})

function viewBoard(board: string, own: Prepared, followed: Followed<Prepared> | undefined): BoardView {
  const ours = releasesOf(own.content, board).map((one) => ({ ...one, ...ownConditions(one, board, own) }))
  const theirs = followed
    ? releasesOf(followed.source.content, board).map((one) => ({
        ...one,
        ...followedConditions(one, board, { own, followed }),
      }))
    : []
  const twinIn = (list: readonly Candidate[], { version }: Candidate) =>
    list.find((one) => compareVersions(one.version, version) === 0)
  const candidates = [
    ...ours.map((one) => withSource(one, twinIn(theirs, one))),
    ...theirs.filter((one) => twinIn(ours, one) === undefined),
  ]
  return boardOf(candidates.sort((a, b) => compareVersions(b.version, a.version)))
}

/** @param candidates newest first. */
export const boardOf = (candidates: readonly Candidate[]): BoardView => ({
  versions: new Map(candidates.flatMap(({ release, version }) => (version ? [[release.version, version]] : []))),
  candidates,
  floors: candidates.filter(({ floor }) => floor).reverse(),
  deadEnds: candidates.filter(({ deadEnd }) => deadEnd),
})

const releasesOf = ({ releases }: Channel, board: string): readonly BoardRelease[] =>
  releases.flatMap((release) => {
    const packages = Object.hasOwn(release.boards, board) ? release.boards[board] : undefined
    const { floor, deadEnd } = release
    return packages ? [{ release, version: parseVersion(release.version), packages, floor, deadEnd }] : []
  })

/** A follower sets its own conditions; refusals, floors and dead ends of its source apply to the same version here. */
function withSource(one: Candidate, source: Candidate | undefined): Candidate {
  if (source === undefined) return one
  const { refusal, floor, deadEnd } = source
  return { ...one, refusal: one.refusal ?? refusal, floor: one.floor ?? floor, deadEnd: one.deadEnd ?? deadEnd }
}

/** A release's windows replace the channel's; targets of both apply. */
function ownConditions(one: BoardRelease, board: string, own: Prepared): Conditions {
  const { ramp, target, windows } = one.release
  return {
    refusal: refusalOf(one, board, own),
    seenFrom: Number.NEGATIVE_INFINITY,
    targets: [own.target, target && readTarget(target)].filter((one) => one !== undefined),
    ramps: ramp ? [readRamp(ramp, own.asOf)] : [],
    schedule: windows ? readWindows(windows) : own.schedule,
  }
}

/** Never more than the source offers, but in the follower's own windows. */
function followedConditions(
  one: BoardRelease,
  board: string,
  { own, followed: { source, afterMs, overMs } }: { readonly own: Prepared; readonly followed: Followed<Prepared> },
): Conditions {
  const { release, deadEnd } = one
  const { targets, ramps, schedule, refusal } = ownConditions(one, board, source)
  const seenFrom = Date.parse(release.publishedAt) + afterMs
  const end = deadEnd && ({ reason: 'dead-end', because: deadEnd.reason } as const)
  const isStoppedHere = release.ramp && own.asOf !== source.asOf
  return {
    refusal: refusal ?? refusalOf(one, board, own) ?? end,
    seenFrom,
    targets: own.target ? [...targets, own.target] : targets,
    ramps: [
      ...(overMs > 0 ? [rampFrom(seenFrom, overMs, own.asOf)] : []),
      ...ramps,
      ...(isStoppedHere ? [readRamp(release.ramp, own.asOf)] : []),
    ],
    schedule: own.schedule ?? schedule,
  }
}

function refusalOf(
  { release: { withdrawn }, version }: BoardRelease,
  board: string,
  { holds }: Prepared,
): Refusal | undefined {
  if (withdrawn) return { reason: 'withdrawn', because: withdrawn.reason }
  const hold = holds.find((one) => (one.board ?? board) === board && compareVersions(one.parsed, version) === 0)
  return hold && { reason: 'held', because: hold.reason }
}
