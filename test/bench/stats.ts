/** Medians and their intervals: machines are noisy, means are not to be trusted. */

/** The middle value; of none NaN. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** A value and the interval that holds it with 95 % confidence. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** How often the values are drawn anew. */
const draws = 1000

/** The median with its bootstrap interval: the middle 95 % of the medians of samples drawn with replacement. */
export function estimate(values: readonly number[]): Estimate {
  const next = generator(values.length)
  const draw = (): number => values[Math.floor(next() * values.length)] ?? Number.NaN
  return { value: median(values), ...middle(Array.from({ length: draws }, () => median(values.map(draw)))) }
}

/** A percentile of what was measured in slices, all together. */
export function percentile(slices: readonly (readonly number[])[], share: number): number {
  const sorted = Float64Array.from(slices.flat()).sort()
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
}

/** That of A as a part of that of B, with its bootstrap interval: slices are drawn with replacement, each with its neighbour. */
export function ratioOfPercentiles(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
  share: number,
): Estimate {
  const next = generator(a.length)
  const ratio = (turns: readonly number[]): number => {
    const [ofA, ofB] = [a, b].map((slices) =>
      percentile(
        turns.map((turn) => slices[turn] ?? []),
        share,
      ),
    )
    return (ofA ?? Number.NaN) / (ofB ?? Number.NaN)
  }
  const drawn = Array.from({ length: draws / 5 }, () => ratio(a.map(() => Math.floor(next() * a.length))))
  return { ...middle(drawn), value: ratio(a.map((_, turn) => turn)) }
}

/** The middle 95 %. */
function middle(values: readonly number[]): Pick<Estimate, 'low' | 'high'> {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
  return { low: at(0.025), high: at(0.975) }
}

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** How much was done of one kind in one slice of time. */
export interface Slice {
  readonly kind: 'A' | 'B'
  /** Per second of CPU time, which neighbours take nothing of; or per million of bytes. */
  readonly rate: number
}

/**
 * A slice in which less was done than this part of a good one was disturbed: by another process, or by workerd's garbage
 * collector, which stops it for a tenth of a second, whichever handler made the garbage.
 */
const undisturbed = 0.8

/**
 * The rate of A as a part of that of B: each slice of A against the mean of the B before and the B behind it, so that a
 * machine that becomes slower or faster meanwhile changes nothing. Disturbed slices do not count.
 */
export function ratioOfNeighbours(slices: readonly Slice[]): Estimate {
  const least = { A: undisturbed * goodRate(slices, 'A'), B: undisturbed * goodRate(slices, 'B') }
  const counted = slices.filter(({ kind, rate }) => rate > least[kind] && rate < Number.POSITIVE_INFINITY)
  const ratios = counted.flatMap(({ kind, rate }, i) => {
    const before = counted.slice(0, i).findLast((slice) => slice.kind === 'B')
    const after = counted.slice(i).find((slice) => slice.kind === 'B')
    return kind === 'A' && before && after ? [(2 * rate) / (before.rate + after.rate)] : []
  })
  return estimate(ratios)
}

/** Better than three quarters. */
function goodRate(slices: readonly Slice[], of: Slice['kind']): number {
  const rates = slices.flatMap(({ kind, rate }) => (kind === of ? [rate] : [])).sort((a, b) => a - b)
  return rates[Math.floor(rates.length * 0.75)] ?? Number.NaN
}
