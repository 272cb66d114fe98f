/** A channel prepared for deciding, once: a check then costs the same for 1 release as for 200. Pure. */
import { type Channel, type Hold, type PackageSet, packagesFor, type Reasoned, type Release } from './channel.ts'
import { type BucketScope, type Ramp, rampFrom, readRamp } from './ramp.ts'
import { type Admission, readTarget } from './target.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'
import { readWindows, type Schedule } from './window.ts'

interface BoardRelease {
  readonly release: Release
  readonly version: Version | undefined
  readonly packages: PackageSet
  readonly floor: Reasoned | undefined
  readonly deadEnd: Reasoned | undefined
}

/** Why one release is offered to nobody, with the operator's words. */
export type Refusal = Readonly<{ reason: 'withdrawn' | 'held' | 'dead-end' | 'not-mirrored'; because: string }>

export interface Candidate extends BoardRelease {
  readonly refusal: Refusal | undefined
  /** Before this instant a follower does not offer it. */
  readonly seenFrom: number
  /** All of them must admit a machine. */
  readonly targets: readonly Admission[]
  /** The lowest share counts. */
  readonly ramps: readonly Ramp[]
  /** `undefined`: at any time. */
  readonly schedule: Schedule | undefined
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
  readonly scope: BucketScope
  readonly boards: ReadonlyMap<string, BoardView>
  /** Running versions that are offered the newest release even where it is lower. */
  readonly rollbackFrom: readonly { readonly text: string; readonly version: Version | undefined }[]
}

/** A channel, and what the catalog adds: holds, and when the clock of its ramps was stopped, RFC 3339. */
export type Stored = Readonly<{ content: Channel; holds?: readonly Hold[] | undefined; rampAsOf?: string | undefined }>

/** A follower offers a release `afterMs` after its source, and ramps it over `overMs` from then on. */
export type Followed<Source = Stored> = Readonly<{ source: Source; afterMs: number; overMs: number }>

type Prepared = ReturnType<typeof prepare>

/** Joins a channel with its holds, and with the channel that it follows. */
export function viewChannel(scope: BucketScope, stored: Stored, followed?: Followed): ChannelView {
  const own = prepare(stored)
  const source = followed && { ...followed, source: prepare(followed.source) }
  const contents = [own.content, ...(source ? [source.source.content] : [])]
  const boards = new Set(contents.flatMap(({ releases }) => releases.flatMap(({ boards }) => Object.keys(boards))))
  const rollbacks = contents.flatMap(({ rollbackFrom = [] }) => rollbackFrom)
  return {
    scope,
    boards: new Map([...boards].map((board) => [board, viewBoard(board, own, source)])),
    rollbackFrom: rollbacks.map((text) => ({ text, version: parseVersion(text) })),
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
  const ours = releasesOf(own.content, board).map((one) => ownCandidate(one, board, own))
  const theirs = followed
    ? releasesOf(followed.source.content, board).map((one) => followedCandidate(one, board, { own, ...followed }))
    : []
  const [twinHere, twinThere] = [twinIn(ours), twinIn(theirs)]
  const joined = ours.map((one) => withSource(one, twinThere(one)))
  const others = theirs.filter((one) => twinHere(one) === undefined)
  return boardOf([...joined, ...others].sort((a, b) => compareVersions(b.version, a.version)))
}

/** Finds the same version in another list: both may have thousands. */
function twinIn(list: readonly Candidate[]): (one: Candidate) => Candidate | undefined {
  const byNumbers = Map.groupBy(list, ({ version }) => version?.parts.join('.'))
  return ({ version }) =>
    byNumbers.get(version?.parts.join('.'))?.find((other) => compareVersions(other.version, version) === 0)
}

/** @param candidates newest first. */
const boardOf = (candidates: readonly Candidate[]): BoardView => ({
  versions: new Map(candidates.flatMap(({ release, version }) => (version ? [[release.version, version]] : []))),
  candidates,
  floors: candidates.filter(({ floor }) => floor).reverse(),
  deadEnds: candidates.filter(({ deadEnd }) => deadEnd),
})

const releasesOf = ({ releases }: Channel, board: string): readonly BoardRelease[] =>
  releases.flatMap((release) => {
    const packages = packagesFor(release, board)
    const { version, floor, deadEnd } = release
    return packages ? [{ release, version: parseVersion(version), packages, floor, deadEnd }] : []
  })

/** A follower sets its own conditions; refusals, floors and dead ends of its source apply to the same version here. */
function withSource(one: Candidate, source: Candidate | undefined): Candidate {
  if (source === undefined) return one
  const { refusal, floor, deadEnd } = source
  return { ...one, refusal: one.refusal ?? refusal, floor: one.floor ?? floor, deadEnd: one.deadEnd ?? deadEnd }
}

/** A release's windows replace the channel's; targets of both apply. */
function ownCandidate(one: BoardRelease, board: string, own: Prepared): Candidate {
  const { ramp, target, windows } = one.release
  return {
    ...one,
    refusal: refusalOf(one, board, own),
    seenFrom: Number.NEGATIVE_INFINITY,
    targets: [own.target, target && readTarget(target)].filter((one) => one !== undefined),
    ramps: ramp ? [readRamp(ramp, own.asOf)] : [],
    schedule: windows ? readWindows(windows) : own.schedule,
  }
}

/** Never more than the source offers, but in the follower's own windows. */
function followedCandidate(
  one: BoardRelease,
  board: string,
  { own, source, afterMs, overMs }: Followed<Prepared> & { readonly own: Prepared },
): Candidate {
  const { release, deadEnd } = one
  const there = ownCandidate(one, board, source)
  const seenFrom = Date.parse(release.publishedAt) + afterMs
  const end = deadEnd && ({ reason: 'dead-end', because: deadEnd.reason } as const)
  const stoppedHere = own.asOf === source.asOf ? undefined : release.ramp
  return {
    ...there,
    refusal: there.refusal ?? refusalOf(one, board, own) ?? end,
    seenFrom,
    targets: own.target ? [...there.targets, own.target] : there.targets,
    ramps: [
      ...(overMs > 0 ? [rampFrom(seenFrom, overMs, own.asOf)] : []),
      ...there.ramps,
      ...(stoppedHere ? [readRamp(stoppedHere, own.asOf)] : []),
    ],
    schedule: own.schedule ?? there.schedule,
  }
}

function refusalOf({ release: { withdrawn }, version }: BoardRelease, board: string, { holds }: Prepared) {
  if (withdrawn) return { reason: 'withdrawn', because: withdrawn.reason } as const
  const hold = holds.find((one) => (one.board ?? board) === board && compareVersions(one.parsed, version) === 0)
  return hold && ({ reason: 'held', because: hold.reason } as const)
}

/**
 * What a mirror's operator withholds, without signing it: holds, all but some approved versions, and a second ramp of each
 * release, which begins `afterMs` after publication and lasts `overMs`. It can only restrict.
 */
interface Restriction extends Partial<Pick<Followed, 'afterMs' | 'overMs'>> {
  readonly holds?: readonly Omit<Hold, 'at'>[]
  readonly versions?: readonly string[]
}

/** Restrictions by `app/channel`, `channel` or `*`. All that name a channel apply, to its followers too. */
export type Overlay = Readonly<Record<string, Restriction>>

/** Applies an overlay. @param source what the channel follows: restrictions of it apply to its releases here. */
export function restrict(
  view: ChannelView,
  overlay: Overlay | undefined,
  source?: Channel & { readonly channel: string },
): ChannelView {
  const { app, channel } = view.scope
  const restrictionsFor = (names: readonly string[]): readonly Restriction[] =>
    names.flatMap((name) => (overlay && Object.hasOwn(overlay, name) ? [overlay[name] ?? {}] : []))
  const own = restrictionsFor([`${app}/${channel}`, channel, '*'])
  const followed = source ? restrictionsFor([`${app}/${source.channel}`, source.channel]) : []
  if (own.length + followed.length === 0) return view
  const versions = followed.length > 0 ? (source?.releases ?? []).map(({ version }) => parseVersion(version)) : []
  const restrictionsOf = ({ version }: Candidate): readonly Restriction[] =>
    versions.some((one) => compareVersions(one, version) === 0) ? [...own, ...followed] : own
  return mapCandidates(view, (board, one) => restrictCandidate(board, one, restrictionsOf(one)))
}

function mapCandidates(view: ChannelView, edit: (board: string, one: Candidate) => Candidate): ChannelView {
  const edited = ([board, { candidates }]: readonly [string, BoardView]) =>
    [board, boardOf(candidates.map((one) => edit(board, one)))] as const
  return { ...view, boards: new Map([...view.boards].map(edited)) }
}

/**
 * For many decisions of which only updates count: without what no machine is offered. A refused floor stays, since machines
 * wait below it.
 */
export const withoutRefused = (view: ChannelView): ChannelView => ({
  ...view,
  boards: new Map(
    [...view.boards].map(([name, board]) => [
      name,
      { ...board, candidates: board.candidates.filter(({ refusal, floor }) => !refusal || floor) },
    ]),
  ),
})

/** Withholds the releases whose packages this store lacks. */
export const withhold = (view: ChannelView, isMissing: (board: string, one: Candidate) => boolean): ChannelView =>
  mapCandidates(view, (board, one) =>
    one.refusal || !isMissing(board, one) ? one : { ...one, refusal: { reason: 'not-mirrored', because: notHere } },
  )

const notHere = 'its packages are not in this store yet'

function restrictCandidate(board: string, candidate: Candidate, restrictions: readonly Restriction[]): Candidate {
  const publishedAt = Date.parse(candidate.release.publishedAt)
  const refusals = restrictions.map((one) => restrictionRefusal(board, candidate, one))
  const ramps = restrictions.flatMap(({ afterMs = 0, overMs = 0 }) =>
    afterMs + overMs === 0 ? [] : [rampFrom(publishedAt + afterMs, overMs)],
  )
  const refusal = candidate.refusal ?? refusals.find((one) => one !== undefined)
  return { ...candidate, refusal, ramps: [...candidate.ramps, ...ramps] }
}

function restrictionRefusal(board: string, { version }: Candidate, { holds = [], versions }: Restriction) {
  const isIt = (text: string): boolean => compareVersions(parseVersion(text), version) === 0
  const hold = holds.find((one) => (one.board ?? board) === board && isIt(one.version))
  if (hold) return { reason: 'held', because: `on this mirror: ${hold.reason}` } as const
  if (versions === undefined || versions.some(isIt)) return undefined
  return { reason: 'held', because: 'on this mirror: it was not approved' } as const
}
