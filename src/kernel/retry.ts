/** Lost races: how often a write is tried again, and how long it waits before. */
import { PlatteError } from './errors.ts'
import type { Random } from './random.ts'

/** Of 40 racing writers the last one loses 39 times. All pauses together take some 7 seconds. */
export const maxAttempts = 60
const [firstPauseMs, maxPauseMs] = [10, 250]

/** Waits before attempt 2, 3, …: a random time, so that writers do not collide again, and longer after each loss. */
export function pause(random: Random, losses: number): Promise<void> {
  const mostMs = Math.min(firstPauseMs * 2 ** losses, maxPauseMs)
  return new Promise((resolve) => setTimeout(resolve, random() * mostMs))
}

/** The failure of a write that lost every race. @param what the key that was to be written. */
export const lostRace = (what: string): PlatteError =>
  new PlatteError('conflict', `${what}: lost ${maxAttempts} races against concurrent changes`, {
    hint: 'run it again',
  })
