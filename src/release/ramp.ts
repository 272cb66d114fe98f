/**
 * The share of machines that may be offered a release, as a function of time: 0 before the first point, linear between
 * points, the last one's after it. Two points at one instant are a jump.
 */
import type { Instant } from '../kernel/clock.ts'
import type { RampStep } from './channel.ts'

interface Point {
  readonly at: Instant
  /** 0 to 1. */
  readonly share: number
}

export interface Ramp {
  readonly points: readonly Point[]
  /** When its clock was stopped, if it was. */
  readonly asOf: Instant | undefined
}

/** Reads a ramp. One that is invalid admits nobody. */
export function readRamp(steps: readonly RampStep[], asOf?: Instant): Ramp {
  const points = steps.map(({ at, share }) => ({ at: Date.parse(at), share }))
  return { points: rampProblem(steps) === undefined ? points : [], asOf }
}

export function rampProblem(steps: readonly RampStep[]): string | undefined {
  let before = Number.NEGATIVE_INFINITY
  for (const { at, share } of steps) {
    if (typeof share !== 'number' || !(share >= 0 && share <= 1)) return `its share ${share} is not a number of 0 to 1`
    const instant = Date.parse(at)
    if (!(instant >= before)) return `its steps are out of order at ${at}`
    before = instant
  }
  return undefined
}

/** A ramp from nobody to everybody, at once where it takes no time. */
export const rampFrom = (from: Instant, overMs: number, asOf?: Instant): Ramp => ({
  points: [
    { at: from, share: 0 },
    { at: from + overMs, share: 1 },
  ],
  asOf,
})

/** The share at an instant, 0 to 1. A stopped clock can only withhold: a share that falls goes on falling. */
export function shareAt({ points, asOf }: Ramp, now: Instant): number {
  const share = interpolate(points, now)
  return asOf === undefined || asOf >= now ? share : Math.min(share, interpolate(points, asOf))
}

function interpolate(points: readonly Point[], now: Instant): number {
  let i = points.length - 1
  while (i >= 0 && (points[i]?.at ?? 0) > now) i--
  const [from, to] = [points[i], points[i + 1]]
  if (from === undefined) return 0
  return to === undefined ? from.share : from.share + ((to.share - from.share) * (now - from.at)) / (to.at - from.at)
}

/** Whether a ramp admits a machine of this bucket. A share of 1 admits everybody, also bucket 1. */
export function admits(ramp: Ramp, bucket: number, now: Instant): boolean {
  const share = shareAt(ramp, now)
  return share >= 1 || bucket < share
}

/** Instants after `now`, in order, at which a ramp begins or ceases to admit a machine, or everybody. */
export function rampEdges(ramp: Ramp, bucket: number, now: Instant): readonly Instant[] {
  // A millisecond after a point: there a share that was 1 at that point only begins to fall.
  const later = [now, ...ramp.points.flatMap(({ at }) => [at, at + 1]).filter((at) => at > now)]
  const crossings = later.flatMap((from, i) => {
    const to = later[i + 1]
    return to === undefined ? [] : crossing(ramp, bucket, from, to - 1)
  })
  return [...later.slice(1), ...crossings].sort((a, b) => a - b)
}

/** The first millisecond of `from` to `to` with another answer than `from`; the share between is a straight line. */
function crossing(ramp: Ramp, bucket: number, from: Instant, to: Instant): readonly Instant[] {
  const before = admits(ramp, bucket, from)
  if (admits(ramp, bucket, to) === before) return []
  let [low, high] = [from, to]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (admits(ramp, bucket, middle) === before) low = middle
    else high = middle
  }
  return [high]
}
