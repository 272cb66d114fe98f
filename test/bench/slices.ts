/** Slices of time in which one of two handlers answers all of a constant load, in turn. */
import type { Slice } from './stats.ts'

/** What is measured; how it flips and counts is its own. */
export interface Flipping {
  /** From here on the other one answers. */
  readonly flip: (kind: Slice['kind']) => void
  /** Answers so far, of both. */
  readonly answers: () => number
  /** CPU time that the server took so far, in µs. */
  readonly cpuMicros: () => number
}

export interface FlipReport {
  readonly slices: readonly Slice[]
  /** CPU time of the server over the time that passed: near 1 where the client is not the bottleneck. */
  readonly cpuShare: number
}

const sliceMs = 100
/** Not counted at the start of a slice: requests of the slice before are still being answered. */
const edgeMs = 10
/** Both handlers are compiled by the machine's best compiler after so many answers, or after a part of the time. */
const warmUp = { answers: 40_000, share: 0.7 }

/** Warms both up, then measures. */
export async function measureFlips(flipping: Flipping, seconds: number): Promise<FlipReport> {
  await runSlices(flipping, seconds * 1000 * warmUp.share, warmUp.answers)
  const [began, micros] = [performance.now(), flipping.cpuMicros()]
  const slices = await runSlices(flipping, seconds * 1000)
  return { slices, cpuShare: (flipping.cpuMicros() - micros) / 1000 / (performance.now() - began) }
}

/** Ends after `lengthMs`, or after so many answers. */
async function runSlices(
  { flip, answers, cpuMicros }: Flipping,
  lengthMs: number,
  mostAnswers = Number.POSITIVE_INFINITY,
): Promise<Slice[]> {
  const slices: Slice[] = []
  let kind: Slice['kind'] = 'B'
  for (const end = performance.now() + lengthMs; performance.now() < end && answers() < mostAnswers; ) {
    kind = kind === 'A' ? 'B' : 'A'
    flip(kind)
    await after(edgeMs)
    const [before, micros] = [answers(), cpuMicros()]
    await after(sliceMs - edgeMs)
    const spent = cpuMicros() - micros
    if (spent > 0) slices.push({ kind, rate: ((answers() - before) * 1e6) / spent })
  }
  return slices
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
