/**
 * The share of machines that may be offered a release, as a function of time: 0 before the first point, linear between
 * points, the last one's after it. Two points at one instant are a jump. And a machine's place in it, its bucket.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Instant } from '../kernel/clock.ts'
import type { RampStep } from './channel.ts'

type Point = Readonly<{ at: Instant; share: number }>

/** `asOf`: when its clock was stopped, if it was. */
export type Ramp = Readonly<{ points: readonly Point[]; asOf: Instant | undefined }>

/**
 * Two independent numbers of 0 to 1. They differ by release, stay the same at every check, and are never stored. A ramp with
 * a higher share than `ramp` admits the machine; `window` is how far into the spread of a window it starts.
 */
export type Bucket = Readonly<{ ramp: number; window: number }>

/** What buckets depend on beside the release: a follower has its own. */
export type BucketScope = Readonly<{ app: string; channel: string }>

/**
 * The first and the second 32 bits of SHA-256 over `v1`, app, channel, version and the machine's id in lower case, with a
 * zero byte between each; as fractions. A machine without an id comes last.
 */
export function bucketOf({ app, channel }: BucketScope, version: string, machineId: string): Bucket {
  if (machineId === '') return { ramp: 1, window: 1 }
  hash = start._cloneInto(hash)
  hash.update(bytesOf(`v1\0${app}\0${channel}\0${version}\0${machineId.toLowerCase()}`)).digestInto(digest)
  return { ramp: words.getUint32(0) / 2 ** 32, window: words.getUint32(4) / 2 ** 32 }
}

/**
 * The place in ramps of a machine that is as wary, 0 to 1: the number just below, so that a share which equals the wariness
 * admits it, and a share of 0 nobody. @see coreos/fedora-coreos-cincinnati commons/src/policy.rs
 */
export const rampPlaceOf = (wariness: number): number => wariness * (1 - Number.EPSILON / 2)

/** One hash for all machines: making one costs as much as hashing. */
const start = sha256.create()
let hash = start.clone()
const digest = new Uint8Array(start.outputLen)
const words = new DataView(digest.buffer)

const buffer = new Uint8Array(512)

/** In UTF-8. Of ASCII a view of `buffer`, which the next call overwrites. */
function bytesOf(text: string): Uint8Array {
  if (text.length > buffer.length) return utf8ToBytes(text)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return utf8ToBytes(text)
    buffer[i] = code
  }
  return buffer.subarray(0, text.length)
}

/** Reads a ramp. One that is invalid admits nobody. */
export function readRamp(steps: readonly RampStep[], asOf?: Instant): Ramp {
  const valid = rampProblem(steps) === undefined ? steps : []
  return { points: valid.map(({ at, share }) => ({ at: Date.parse(at), share })), asOf }
}

export function rampProblem(steps: readonly RampStep[]): string | undefined {
  for (const [i, { at, share }] of steps.entries()) {
    if (typeof share !== 'number' || !(share >= 0 && share <= 1)) return `its share ${share} is not a number of 0 to 1`
    if (!(Date.parse(at) >= Date.parse(steps[i - 1]?.at ?? at))) return `its steps are out of order at ${at}`
  }
  return undefined
}

/** A ramp from nobody to everybody, at once where it takes no time. */
export const rampFrom = (from: Instant, overMs: number, asOf?: Instant): Ramp => {
  const point = (at: Instant, share: number): Point => ({ at, share })
  return { points: [point(from, 0), point(from + overMs, 1)], asOf }
}

/** The share at an instant, 0 to 1. A stopped clock can only withhold: a share that falls goes on falling. */
export function shareAt({ points, asOf }: Ramp, now: Instant): number {
  const share = interpolate(points, now)
  return asOf === undefined || asOf >= now ? share : Math.min(share, interpolate(points, asOf))
}

/**
 * Whether nobody may have a release yet, manual checks included: its ramp begins with two points at one instant, the first of
 * 100 %. Every reader begins such a ramp then; one that knows no embargo lets manual checks skip it.
 */
export function isEmbargoed({ points: [first, second], asOf = Number.POSITIVE_INFINITY }: Ramp, now: Instant): boolean {
  return first?.share === 1 && second?.at === first.at && first.at > Math.min(now, asOf)
}

/** Steps that offer nothing before an instant, then as a ramp that begins there, or to everybody. */
export const embargo = (at: string, ramp: readonly RampStep[] = [{ at, share: 1 }]): readonly RampStep[] => [
  { at, share: 1 },
  ...ramp,
]

/** A ramp of a copy, which begins when the embargo of the original ends. */
export function underEmbargo(
  original: readonly RampStep[] | undefined,
  ramp: readonly RampStep[] | undefined,
  now: string,
): readonly RampStep[] | undefined {
  const until = original && embargoOf(original)?.at
  if (until === undefined || Date.parse(until) <= Date.parse(now)) return ramp
  const begin = Date.parse(ramp?.[0]?.at ?? until)
  const later = (at: string) => new Date(Date.parse(until) + Date.parse(at) - begin).toISOString()
  return embargo(
    until,
    ramp?.map(({ at, share }, i) => ({ at: i === 0 ? until : later(at), share })),
  )
}

/** The instant of an embargo, and the ramp after it. */
export function embargoOf([first, ...ramp]: readonly RampStep[]) {
  return first?.share === 1 && ramp[0]?.at === first.at ? { at: first.at, ramp } : undefined
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
  const later = ramp.points.flatMap(({ at }) => [at, at + 1]).filter((at) => at > now)
  const crossings = later.flatMap((to, i) => crossing(ramp, bucket, later[i - 1] ?? now, to - 1))
  return [...later, ...crossings].sort((a, b) => a - b)
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
