/**
 * A channel prepared for deciding: joined once with its holds and with the channel that it follows, so that a check costs
 * the same for 1 release as for 200.
 */

import type { BucketScope } from './bucketing.ts'
import type { BoardPackages, Channel, Reasoned, Release } from './channel.ts'
import {
  type Bytes,
  type Conditions,
  type Followed,
  followedConditions,
  ownConditions,
  type Prepared,
  type PreparedSource,
  prepare,
  type Stored,
} from './conditions.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'

/** One release as one board sees it. */
export interface Candidate extends Conditions {
  readonly release: Release
  readonly version: Version | undefined
  readonly packages: BoardPackages
  readonly floor: Reasoned | undefined
  readonly deadEnd: Reasoned | undefined
}

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
  readonly queue: BucketScope
  readonly boards: ReadonlyMap<string, BoardView>
  /** Running versions that are offered the newest release even where it is lower. */
  readonly rollbackFrom: readonly { readonly text: string; readonly version: Version | undefined }[]
}

/** Joins a channel with its holds, and with the channel that it follows. */
export function viewChannel(queue: BucketScope, stored: Stored, followed?: Followed): ChannelView {
  const own = prepare(stored)
  const source = followed && { ...followed, source: prepare(followed.source) }
  const contents = [own.content, ...(source ? [source.source.content] : [])]
  const boards = new Set(contents.flatMap(({ releases }) => releases.flatMap(({ boards }) => Object.keys(boards))))
  return {
    queue,
    boards: new Map([...boards].map((board) => [board, viewBoard(board, own, source)])),
    rollbackFrom: contents.flatMap(({ rollbackFrom = [] }) =>
      rollbackFrom.map((text) => ({ text, version: parseVersion(text) })),
    ),
  }
}

function viewBoard(board: string, own: Prepared, followed: PreparedSource | undefined): BoardView {
  const ours = candidatesOf(board, own.content, (release, bytes) => ownConditions(release, own, bytes))
  const theirs = followed
    ? candidatesOf(board, followed.source.content, (release, bytes) =>
        followedConditions(release, own, followed, bytes),
      )
    : []
  const twinIn = (list: readonly Candidate[], { version }: Candidate) =>
    list.find((one) => compareVersions(one.version, version) === 0)
  const candidates = [
    ...ours.map((one) => brakedAs(one, twinIn(theirs, one))),
    ...theirs.filter((one) => twinIn(ours, one) === undefined),
  ].sort((a, b) => compareVersions(b.version, a.version))
  return {
    versions: new Map(candidates.flatMap(({ release, version }) => (version ? [[release.version, version]] : []))),
    candidates,
    floors: candidates.filter(({ floor }) => floor).reverse(),
    deadEnds: candidates.filter(({ deadEnd }) => deadEnd),
  }
}

/** A follower sets its own conditions; refusals, floors and dead ends of its source apply to the same version here. */
const brakedAs = (one: Candidate, twin: Candidate | undefined): Candidate =>
  twin === undefined
    ? one
    : {
        ...one,
        refusal: one.refusal ?? twin.refusal,
        floor: one.floor ?? twin.floor,
        deadEnd: one.deadEnd ?? twin.deadEnd,
      }

function candidatesOf(
  board: string,
  channel: Channel,
  conditionsOf: (release: Release, bytes: Bytes) => Conditions,
): readonly Candidate[] {
  return channel.releases.flatMap((release): Candidate[] => {
    const packages = Object.hasOwn(release.boards, board) ? release.boards[board] : undefined
    if (packages === undefined) return []
    const { floor, deadEnd } = release
    const version = parseVersion(release.version)
    return [{ release, version, packages, floor, deadEnd, ...conditionsOf(release, { version, board }) }]
  })
}
