/** Repeats what a command does until a signal to stop. */
import { setTimeout } from 'node:timers/promises'
import { durationMs } from '../documents/fields.ts'
import { maxTimerMs } from '../kernel/clock.ts'
import { beginRun, noticeError } from './terminal.ts'

/** A run that fails is reported, and does not end the others. @param every an ISO 8601 duration; 24 days are the longest pause. */
export async function repeat(every: string, run: () => Promise<void>): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  while (!stop.signal.aborted) {
    beginRun()
    await run().catch(noticeError)
    await setTimeout(Math.min(durationMs(every), maxTimerMs), undefined, { signal: stop.signal }).catch(() => {})
  }
}
