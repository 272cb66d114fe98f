/**
 * The share of machines that may be offered a release, as a function of time: 0 before the first point, linear between
 * points, the last one's after it. Two points at one instant are a jump.
 */
import type { RampStep } from './channel.ts'

/** Milliseconds since 1970-01-01T00:00:00Z, as everywhere in `core`. */
type Instant = number

interface Point {
  readonly at: Instant
  /** 0 to 1. */
  readonly share: number
}

/** A ramp that was read. */
export interface Ramp {
  /** In order; none: nobody. */
  readonly points: readonly Point[]
  /** When its clock was stopped, if it was. */
  readonly asOf: Instant | undefined
}

/** Reads a ramp. One with a share that is no number of 0 to 1, or out of order, admits nobody. */
export function readRamp(steps: readonly RampStep[], asOf?: Instant): Ramp {
  const points = steps.map(({ at, share }) => ({ at: Date.parse(at), share }))
  return { points: rampProblem(steps) === undefined ? points : [], asOf }
}

/** What is wrong with a ramp, in words. */
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

/** The share at an instant, 0 to 1. A stopped clock can only withhold: where the share falls, it goes on falling. */
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

/** Whether a ramp admits a machine with this draw. Everybody is more than any share: also those who come last. */
export function admits(ramp: Ramp, draw: number, now: Instant): boolean {
  const share = shareAt(ramp, now)
  return share >= 1 || draw < share
}

/** Instants after `now`, in order, at which a ramp begins or ceases to admit a machine, or everybody. */
export function rampEdges(ramp: Ramp, draw: number, now: Instant): readonly Instant[] {
  // A millisecond after a point: there a share that was 1 at that point only begins to fall.
  const later = [now, ...ramp.points.flatMap(({ at }) => [at, at + 1]).filter((at) => at > now)]
  const crossings = later.flatMap((from, i) => {
    const to = later[i + 1]
    return to === undefined ? [] : crossing(ramp, draw, from, to - 1)
  })
  return [...later.slice(1), ...crossings].sort((a, b) => a - b)
}

/** The first millisecond of `from` to `to` at which it is not as at `from`; the share between is a straight line. */
function crossing(ramp: Ramp, draw: number, from: Instant, to: Instant): readonly Instant[] {
  const before = admits(ramp, draw, from)
  if (admits(ramp, draw, to) === before) return []
  let [low, high] = [from, to]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (admits(ramp, draw, middle) === before) low = middle
    else high = middle
  }
  return [high]
}
