/**
 * A channel prepared for deciding: joined once with its holds and with the channel that it follows, so that a check costs
 * the same for 1 and for 200 releases.
 */
import type { BoardPackages, Channel, Hold, Release } from './channel.ts'
import type { Queue } from './draw.ts'
import { type Ramp, readRamp } from './ramp.ts'
import { type Admission, readTarget } from './target.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'
import { readWindows, type Schedule } from './window.ts'

/** Why one release is offered to nobody. */
export interface Refusal {
  readonly reason: 'withdrawn' | 'held' | 'dead-end'
  /** The operator's words. */
  readonly because: string
}

/** One release as one board sees it. */
export interface Candidate {
  readonly release: Release
  readonly version: Version | undefined
  readonly packages: BoardPackages
  readonly refusal: Refusal | undefined
  /** Before this a follower does not see it, but passes through it where it is a floor. */
  readonly seenFrom: number
  /** All of them must admit a machine. */
  readonly targets: readonly Admission[]
  /** The lowest share counts. */
  readonly ramps: readonly Ramp[]
  /** `undefined`: at any time. */
  readonly schedule: Schedule | undefined
}

export interface BoardView {
  /** By their text: what nearly every machine runs is one of these, and need not be read again. */
  readonly versions: ReadonlyMap<string, Version>
  /** Newest first. */
  readonly candidates: readonly Candidate[]
  /** Oldest first. */
  readonly floors: readonly Candidate[]
  readonly deadEnds: readonly Candidate[]
}

export interface ChannelView {
  readonly queue: Queue
  readonly boards: ReadonlyMap<string, BoardView>
  readonly rollbackFrom: readonly (Version | undefined)[]
}

/** What a channel says, and what the catalog says of it. */
export interface Stored {
  readonly content: Channel
  readonly holds?: readonly Hold[] | undefined
  /** When the clock of its ramps was stopped, RFC 3339. */
  readonly rampAsOf?: string | undefined
}

/** What a channel follows, and how far behind. */
export interface Followed {
  readonly source: Stored
  /** A release is seen when it is so old in the source, in milliseconds. */
  readonly afterMs: number
  /** From then on it is ramped over so long, in milliseconds. */
  readonly overMs: number
}

/** Joins a channel with its holds, and with what it follows. */
export function viewChannel(queue: Queue, own: Stored, followed?: Followed): ChannelView {
  const releases = [own, ...(followed ? [followed.source] : [])].flatMap(({ content }) => content.releases)
  const boards = new Set(releases.flatMap(({ boards }) => Object.keys(boards)))
  const rollbackFrom = [own.content, followed?.source.content].flatMap((content) => content?.rollbackFrom ?? [])
  return {
    queue,
    boards: new Map([...boards].map((board) => [board, viewBoard(board, own, followed)])),
    rollbackFrom: rollbackFrom.map(parseVersion),
  }
}

function viewBoard(board: string, own: Stored, followed: Followed | undefined): BoardView {
  const ours = candidatesOf(board, own.content, (release, version) => ownConditions(release, own, { version, board }))
  const theirs = followed
    ? candidatesOf(board, followed.source.content, (release, version) =>
        followedConditions(release, own, followed, { version, board }),
      )
    : []
  const isOurs = ({ version }: Candidate) => ours.some((one) => compareVersions(one.version, version) === 0)
  const candidates = [...ours, ...theirs.filter((one) => !isOurs(one))].sort((a, b) =>
    compareVersions(b.version, a.version),
  )
  return {
    versions: new Map(candidates.flatMap(({ release, version }) => (version ? [[release.version, version]] : []))),
    candidates,
    floors: candidates.filter(({ release }) => release.floor).reverse(),
    deadEnds: candidates.filter(({ release }) => release.deadEnd),
  }
}

type Conditions = Pick<Candidate, 'refusal' | 'seenFrom' | 'targets' | 'ramps' | 'schedule'>

function candidatesOf(
  board: string,
  channel: Channel,
  conditionsOf: (release: Release, version: Version | undefined) => Conditions,
): readonly Candidate[] {
  return channel.releases.flatMap((release): Candidate[] => {
    const packages = Object.hasOwn(release.boards, board) ? release.boards[board] : undefined
    const version = parseVersion(release.version)
    return packages ? [{ release, version, packages, ...conditionsOf(release, version) }] : []
  })
}

interface Bytes {
  readonly version: Version | undefined
  readonly board: string
}

/** A release's windows stand in for the channel's; targets of both hold. */
function ownConditions(release: Release, own: Stored, bytes: Bytes): Conditions {
  const windows = release.windows ?? own.content.windows
  return {
    refusal: withdrawnOrHeld(release, own, bytes),
    seenFrom: Number.NEGATIVE_INFINITY,
    targets: [own.content.target, release.target].flatMap((target) => (target ? [readTarget(target)] : [])),
    ramps: rampOf(release, own),
    schedule: windows && readWindows(windows),
  }
}

/** Never more than the source offers; but at the follower's own times, where it has any. */
function followedConditions(
  release: Release,
  own: Stored,
  { source, afterMs, overMs }: Followed,
  bytes: Bytes,
): Conditions {
  const windows = own.content.windows ?? release.windows ?? source.content.windows
  const seenFrom = Date.parse(release.publishedAt) + afterMs
  const points = [
    { at: seenFrom, share: 0 },
    { at: seenFrom + overMs, share: 1 },
  ]
  const behind = overMs > 0 ? [{ points, asOf: instantOf(own.rampAsOf) }] : []
  const end = release.deadEnd && ({ reason: 'dead-end', because: release.deadEnd.reason } as const)
  return {
    refusal: withdrawnOrHeld(release, source, bytes) ?? withdrawnOrHeld(release, own, bytes) ?? end,
    seenFrom,
    targets: [source.content.target, release.target, own.content.target].flatMap((target) =>
      target ? [readTarget(target)] : [],
    ),
    ramps: [...behind, ...rampOf(release, source)],
    schedule: windows && readWindows(windows),
  }
}

const rampOf = ({ ramp }: Release, { rampAsOf }: Stored): readonly Ramp[] =>
  ramp ? [readRamp(ramp, instantOf(rampAsOf))] : []

const instantOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text))

function withdrawnOrHeld({ withdrawn }: Release, { holds = [] }: Stored, bytes: Bytes): Refusal | undefined {
  if (withdrawn) return { reason: 'withdrawn', because: withdrawn.reason }
  const hold = holds.find(
    ({ version, board = bytes.board }) =>
      board === bytes.board && compareVersions(parseVersion(version), bytes.version) === 0,
  )
  return hold && { reason: 'held', because: hold.reason }
}
