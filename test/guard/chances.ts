/** The chance that a bound is ever reached, computed: exactly, and by importance sampling where that takes too long. */
import { evidence } from '../../src/guard/model.ts'

export interface Sequence {
  /** The share of machines that fail. */
  readonly share: number
  readonly limit: number
  readonly atLeast: number
  readonly machines: number
}

/** @returns for 1, 2, … machines, the fewest failures that are too many. */
export function boundary(
  { limit, atLeast, machines }: Sequence,
  isHeld: (limit: number, of: number, failed: number) => boolean,
) {
  const least = new Int32Array(machines + 1).fill(machines + 1)
  let failed = 1
  for (let of = atLeast; of <= machines; of++) {
    while (failed <= of && !isHeld(limit, of, failed)) failed++
    least[of] = failed
  }
  return least
}

/** Goes through the chances of every number of failures that was never too many, machine by machine. */
export function chanceOfHold({ share, machines }: Sequence, least: Int32Array): number {
  let chances = Float64Array.of(1)
  let held = 0
  for (let of = 1; of <= machines; of++) {
    const next = new Float64Array(chances.length + 1)
    for (const [failed, chance] of chances.entries()) {
      next[failed] = (next[failed] ?? 0) + chance * (1 - share)
      next[failed + 1] = (next[failed + 1] ?? 0) + chance * share
    }
    const free = Math.min(next.length, least[of] ?? 0)
    for (const chance of next.subarray(free)) held += chance
    chances = next.slice(0, free)
  }
  return held
}

/**
 * The same by sampling from rollouts of which `other` fail, each weighed by how much rarer it is at `share`.
 * @returns the mean, and its standard error.
 */
export function sampledChance(of: Sequence, least: Int32Array, other: number, runs: number, random: () => number) {
  const { share, machines } = of
  const [up, down] = [Math.log(share / other), Math.log1p(-share) - Math.log1p(-other)]
  let [sum, squares] = [0, 0]
  for (let run = 0; run < runs; run++) {
    let failed = 0
    for (let i = 1; i <= machines; i++) {
      if (random() < other) failed++
      if (failed < (least[i] ?? 0)) continue
      const weight = Math.exp(failed * up + (i - failed) * down)
      sum += weight
      squares += weight ** 2
      break
    }
  }
  const mean = sum / runs
  return { mean, error: Math.sqrt((squares / runs - mean ** 2) / runs) }
}

/** The mean of the e-value after `machines` machines of which `share` fail, exactly. */
export function meanEvidence(machines: number, share: number, limit: number): number {
  let chance = (1 - share) ** machines
  let mean = 0
  for (let failed = 0; failed <= machines; failed++) {
    mean += chance * Math.exp(evidence(machines, failed, limit))
    chance *= ((machines - failed) / (failed + 1)) * (share / (1 - share))
  }
  return mean
}
