/** Whether a group's machines may reboot now. Pure. */
import { timeText } from '../kernel/format.ts'
import type { Window } from '../release/channel.ts'
import { nextEdge, readWindows } from '../release/window.ts'

type Instant = number

/** What a veto depends on. */
export interface Circumstances {
  readonly now: Instant
  /** Slots are given only while one of these is open; without any, always. */
  readonly windows?: readonly Window[] | undefined
  /** The hold in a channel of the group, in words. */
  readonly held?: string | undefined
  /** The end of the pause after a machine fell back. */
  readonly pausedUntil?: Instant | undefined
}

/** Why no machine gets a slot now, in words. */
export function vetoOf({ now, windows = [], held, pausedUntil = 0 }: Circumstances): string | undefined {
  if (held !== undefined) return held
  if (now < pausedUntil) return `a machine fell back into its old version; closed until ${minuteText(pausedUntil)}`
  if (windows.length === 0) return undefined
  const schedule = readWindows(windows)
  if (schedule(now).some(({ from, to }) => from <= now && now < to)) return undefined
  const opens = nextEdge(schedule, 0, now)
  return `window closed${opens === undefined ? '' : ` until ${minuteText(opens)}`}`
}

/** Rounded up: a minute that has begun is not over. */
const minuteText = (at: Instant): string => timeText(Math.ceil(at / 60_000) * 60_000, 'minute')
