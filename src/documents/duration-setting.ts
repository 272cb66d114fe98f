/** Durations as settings have them. */
import { quoted } from '../kernel/setting.ts'
import { durationMs, isDuration, longDuration } from './fields.ts'

/** For settings. @param such an example. @throws Error with the problem. */
export const durationUpTo =
  (days: number, such: string) =>
  (text: string): number => {
    const long = longDuration(text)
    if (isDuration(long) && durationMs(long) <= days * 86_400_000) return durationMs(long)
    throw new Error(`${quoted(text)} is no duration of at most ${days}d, such as ${such}`)
  }
