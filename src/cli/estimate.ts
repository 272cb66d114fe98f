/** How long a transfer will still take. */
import type { Clock } from '../kernel/clock.ts'

/** What came longer ago than this counts for little. */
const memoryMs = 15_000
/** Before this much time, there is no estimate. */
const warmUpMs = 2000

/**
 * Bytes come in bursts, so the rate is a mean that forgets slowly, and what was said before is corrected slowly.
 * @returns takes the bytes done so far; gives the milliseconds left, or `undefined` while too little is known.
 */
export function estimator(totalBytes: number, clock: Clock): (doneBytes: number) => number | undefined {
  const start = clock()
  let [lastAt, lastDone, bytes, ms] = [start, 0, 0, 0]
  let left: number | undefined
  return (done) => {
    const now = clock()
    const passed = now - lastAt
    const kept = Math.exp(-passed / memoryMs)
    bytes = bytes * kept + done - lastDone
    ms = ms * kept + passed
    lastAt = now
    lastDone = done
    if (now - start < warmUpMs || bytes <= 0) return undefined
    const found = ((totalBytes - done) * ms) / bytes
    left = left === undefined ? found : found + (left - passed - found) * kept
    return Math.max(0, left)
  }
}
