/** A ramp as Fedora CoreOS describes a rollout: one line to everybody. For people: edges already say who gets what. Pure. */
import { type Ramp, shareAt } from '../release/ramp.ts'

type Line = Readonly<{ at: number; share: number; minutes?: number }>

/** Of several ramps the one that has reached the fewest; nothing without a ramp. */
export function rolloutOf(ramps: readonly Ramp[], now: number): Readonly<Record<string, string>> {
  const [ramp] = [...ramps].sort((a, b) => shareAt(a, now) - shareAt(b, now))
  if (ramp === undefined) return {}
  const { at, share, minutes } = lineOf(ramp, now)
  return {
    rollout: 'true',
    start_epoch: String(Math.ceil(at / 1000)),
    start_value: String(share),
    ...(minutes !== undefined && { duration_minutes: String(minutes) }),
  }
}

/** The line that a ramp is on; of a ramp that is over, its last one. */
function lineOf(ramp: Ramp, now: number): Line {
  const { points, asOf } = ramp
  if (asOf !== undefined && asOf < now) return { at: asOf, share: shareAt(ramp, now) }
  const begun = Math.max(now, points[0]?.at ?? 0)
  const i = points.findLastIndex(({ at }) => at <= begun)
  const [before, from, to] = [points[i - 1], points[i], points[i + 1]]
  if (from === undefined) return { at: 0, share: 0 }
  if (to) return rising(from, to) ?? { at: from.at, share: shareAt(ramp, begun) }
  return (before && from.share >= 1 ? rising(before, from) : undefined) ?? from
}

/** Goes on until everybody is reached. */
function rising(from: Line, to: Line): Line | undefined {
  if (to.share <= from.share || to.at <= from.at) return undefined
  const minutes = ((to.at - from.at) / 60_000) * ((1 - from.share) / (to.share - from.share))
  return { at: from.at, share: from.share, minutes: Math.max(1, Math.round(minutes)) }
}
