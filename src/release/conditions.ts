/** Who is offered a release, and when: joins what the release, its channel, the catalog and the followed channel say. */
import type { Channel, Hold, Release } from './channel.ts'
import { type Ramp, rampFrom, readRamp } from './ramp.ts'
import { type Admission, readTarget } from './target.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'
import { readWindows, type Schedule } from './window.ts'

/** Why one release is offered to nobody. */
export interface Refusal {
  readonly reason: 'withdrawn' | 'held' | 'dead-end'
  /** The operator's words. */
  readonly because: string
}

/** What decides who is offered a release, and when. */
export interface Conditions {
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

/** A channel, and what the catalog adds. */
export interface Stored {
  readonly content: Channel
  readonly holds?: readonly Hold[] | undefined
  /** When the clock of its ramps was stopped, RFC 3339. */
  readonly rampAsOf?: string | undefined
}

/** What a channel follows, and how far behind. */
export interface Followed {
  readonly source: Stored
  /** The follower offers a release this long after its source, in milliseconds. */
  readonly afterMs: number
  /** From then on it is ramped over this time, in milliseconds. */
  readonly overMs: number
}

/** A channel whose shared conditions were read once: a list of machines is long. */
export interface Prepared extends Pick<Stored, 'content' | 'holds'> {
  readonly target: Admission | undefined
  readonly schedule: Schedule | undefined
  readonly asOf: number | undefined
}

/** Reads what the releases of a channel share. */
export const prepare = ({ content, holds, rampAsOf }: Stored): Prepared => ({
  content,
  holds,
  target: content.target && readTarget(content.target),
  schedule: content.windows && readWindows(content.windows),
  asOf: rampAsOf === undefined ? undefined : Date.parse(rampAsOf),
})

/** What is followed, read. */
export type PreparedSource = Omit<Followed, 'source'> & { readonly source: Prepared }

/** The packages of a release for one board. */
export interface Bytes {
  readonly version: Version | undefined
  readonly board: string
}

/** A release's windows replace the channel's; targets of both apply. */
export const ownConditions = (release: Release, own: Prepared, bytes: Bytes): Conditions => ({
  refusal: withdrawnOrHeld(release, own, bytes),
  seenFrom: Number.NEGATIVE_INFINITY,
  targets: [own.target, targetOf(release)].filter((one) => one !== undefined),
  ramps: rampsOf(release, [own.asOf]),
  schedule: scheduleOf(release) ?? own.schedule,
})

/** Never more than the source offers, but in the follower's own windows. */
export function followedConditions(
  release: Release,
  own: Prepared,
  { source, afterMs, overMs }: PreparedSource,
  bytes: Bytes,
): Conditions {
  const seenFrom = Date.parse(release.publishedAt) + afterMs
  const behind = overMs > 0 ? [rampFrom(seenFrom, overMs, own.asOf)] : []
  const end = release.deadEnd && ({ reason: 'dead-end', because: release.deadEnd.reason } as const)
  return {
    refusal: withdrawnOrHeld(release, source, bytes) ?? withdrawnOrHeld(release, own, bytes) ?? end,
    seenFrom,
    targets: [source.target, targetOf(release), own.target].filter((one) => one !== undefined),
    ramps: [...behind, ...rampsOf(release, [source.asOf, own.asOf])],
    schedule: own.schedule ?? scheduleOf(release) ?? source.schedule,
  }
}

const targetOf = ({ target }: Release): Admission | undefined => target && readTarget(target)

const scheduleOf = ({ windows }: Release): Schedule | undefined => windows && readWindows(windows)

/** @param clocks when each channel that may stop the ramp did so. */
const rampsOf = ({ ramp }: Release, clocks: readonly (number | undefined)[]): readonly Ramp[] =>
  ramp ? [...new Set(clocks)].map((asOf) => readRamp(ramp, asOf)) : []

function withdrawnOrHeld(
  { withdrawn }: Release,
  { holds = [] }: Pick<Stored, 'holds'>,
  bytes: Bytes,
): Refusal | undefined {
  if (withdrawn) return { reason: 'withdrawn', because: withdrawn.reason }
  const hold = holds.find(
    ({ version, board = bytes.board }) =>
      board === bytes.board && compareVersions(parseVersion(version), bytes.version) === 0,
  )
  return hold && { reason: 'held', because: hold.reason }
}
