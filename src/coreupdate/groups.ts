/** Channels in CoreUpdate's words: a group is what machines send as GROUP, so a channel and each of its aliases is one. Pure. */
import type { Instant } from '../kernel/clock.ts'
import { type Ramp, shareAt } from '../release/ramp.ts'
import { progressOf } from '../release/rollout-status.ts'
import type { Listed } from './lists.ts'

/** @see coreos/updateservicectl client/update/v1/update-api.json, Group */
export interface Group {
  readonly appId: string
  readonly channelId: string
  readonly id: string
  readonly label: string
  readonly oemBlacklist: string
  readonly rolloutActive: boolean
  /** 0 to 100. */
  readonly updatePercent: number
  readonly updatesPaused: boolean
}

export function groupsOf(listed: readonly Listed[], now: Instant): readonly Group[] {
  return listed.flatMap(({ app, channel, loaded, status: { newest, offered } }) => {
    const { aliases = [], target } = loaded.manifest
    const progress = newest.refusal ? undefined : progressOf(newest, now)
    const group = {
      ...{ appId: app, channelId: channel, label: channel },
      oemBlacklist: [...(target?.oem?.not ?? []), ...(newest.release.target?.oem?.not ?? [])].join(','),
      rolloutActive: progress !== undefined && progress.stoppedAt === undefined,
      updatePercent: progress ? percentOf(progress.share) : offered ? 100 : 0,
      updatesPaused: offered === undefined && !progress?.share,
    }
    return [channel, ...aliases].map((id) => ({ ...group, id }))
  })
}

/** For a table that people read. */
const percentOf = (share: number): number => Math.floor(share * 1000) / 10

/** A length as text, in seconds, and the percent of machines that it ends with. */
export interface Frame {
  readonly duration: string
  readonly percent: number
}

/** CoreUpdate's rollouts go in steps, ours in straight lines: a line becomes at most this many. */
const stepsOfLine = 24

/** The ramp of the newest release, in frames; one frame of 100 % without. The last one has no length. */
export function framesOf({ status: { newest } }: Listed, now: Instant): readonly Frame[] {
  const ramps = newest.ramps.filter(({ points }) => points.length > 0)
  const instants = [...new Set(ramps.flatMap(({ points }) => points.map(({ at }) => at)))].sort((a, b) => a - b)
  const edges = instants.flatMap((at, i) => lineOf(ramps, at, instants[i + 1]))
  const shareOf = (at: Instant): number => Math.min(1, ...ramps.map((ramp) => shareAt(ramp, at)))
  const frames = edges.flatMap((to, i) => {
    const from = edges[i - 1]
    return from === undefined
      ? []
      : [{ duration: String(Math.round((to - from) / 1000)), percent: percentOf(shareOf(to)) }]
  })
  return [...frames, { duration: '0', percent: percentOf(shareOf(edges.at(-1) ?? now)) }]
}

/** The ends of the steps from one instant to the next. */
function lineOf(ramps: readonly Ramp[], from: Instant, to: Instant | undefined): readonly Instant[] {
  if (to === undefined || ramps.every((ramp) => shareAt(ramp, from) === shareAt(ramp, to))) return [from]
  return Array.from({ length: stepsOfLine }, (_, i) => from + ((to - from) * i) / stepsOfLine)
}
