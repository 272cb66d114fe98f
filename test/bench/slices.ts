/** Slices of time in which one of two handlers answers all of a constant load, in turn. */
import type { Slice } from './stats.ts'

/** What is measured; how it flips and counts is its own. */
export interface Flipping {
  /** From here on the other one answers. */
  readonly flip: (kind: Slice['kind']) => void
  /** Answers so far, of both. */
  readonly answers: () => number
  /** What the server has spent so far: µs of CPU, or bytes. NaN leaves the slice out. */
  readonly spent: () => number
}

export interface FlipReport {
  readonly slices: readonly Slice[]
  /** Of µs of CPU: their part of the time that passed, near 1 where the client is not the bottleneck. */
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
  const [began, micros] = [performance.now(), flipping.spent()]
  const slices = await runSlices(flipping, seconds * 1000)
  return { slices, cpuShare: (flipping.spent() - micros) / 1000 / (performance.now() - began) }
}

/** Ends after `lengthMs` or so many answers, but not before both kinds were measured. */
async function runSlices(
  { flip, answers, spent }: Flipping,
  lengthMs: number,
  mostAnswers = Number.POSITIVE_INFINITY,
): Promise<Slice[]> {
  const slices: Slice[] = []
  let kind: Slice['kind'] = 'B'
  const isMeasured = (one: Slice['kind']): boolean => slices.some(({ kind, rate }) => kind === one && rate > 0)
  for (
    const end = performance.now() + lengthMs;
    (performance.now() < end && answers() < mostAnswers) || !isMeasured('A') || !isMeasured('B');
  ) {
    kind = kind === 'A' ? 'B' : 'A'
    flip(kind)
    await after(edgeMs)
    const [before, from] = [answers(), spent()]
    await after(sliceMs - edgeMs)
    const cost = spent() - from
    if (cost > 0) slices.push({ kind, rate: ((answers() - before) * 1e6) / cost })
  }
  return slices
}

const answersOfSlice = 1000
const answersOfEdge = 64

/** The same in slices of so many answers, for what does not depend on time. The first half of them warms up. */
export async function measureAnswers({ flip, answers, spent }: Flipping, count: number): Promise<FlipReport> {
  const answered = async (more: number): Promise<void> => {
    for (const last = answers() + more; answers() < last; ) await after(1)
  }
  const slices: Slice[] = []
  for (let i = 0; i < count; i++) {
    const kind = i % 2 === 0 ? 'B' : 'A'
    flip(kind)
    await answered(answersOfEdge)
    const [before, from] = [answers(), spent()]
    await answered(answersOfSlice)
    const rate = ((answers() - before) * 1e6) / (spent() - from)
    if (i >= count / 2 && rate > 0) slices.push({ kind, rate })
  }
  return { slices, cpuShare: Number.NaN }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
