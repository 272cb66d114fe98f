/** A progress bar, only on a terminal. */
import { SingleBar } from 'cli-progress'
import { systemClock } from '../kernel/clock.ts'
import { lengthText } from '../kernel/format.ts'
import { estimator } from './estimate.ts'
import { showsProgress } from './terminal.ts'

/** A progress bar over bytes; silent where stderr is no terminal, and with `--quiet`. */
export function progress(label: string, totalBytes: number): { add: (bytes: number) => void; end: () => void } {
  if (!showsProgress() || totalBytes === 0) return { add: () => {}, end: () => {} }
  const bar = new SingleBar({
    format: `${label} [{bar}] {percentage} % of ${(totalBytes / 1e6).toFixed(1)} MB{left}`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  })
  const leftAfter = estimator(totalBytes, systemClock)
  let done = 0
  bar.start(totalBytes, 0, { left: '' })
  return {
    add: (bytes) => {
      done = Math.min(done + bytes, totalBytes)
      const ms = leftAfter(done)
      bar.update(done, { left: ms === undefined ? '' : `, ${lengthText(ms)} left` })
    },
    end: () => bar.stop(),
  }
}
