import type { Instant } from '../../kernel/clock.ts'

/** A browser, an extension or an application, in the words of JSON and gupdate requests. */
export interface OmahaClient {
  /** `ondemand`, `policy`, `taggedmi`, … or empty. */
  readonly installSource: string
  /** What its place in ramps depends on: an id of its own, or its cohort; empty where it has neither. */
  readonly rampId: string
  /** The cohort that the client stores; without one it keeps what it has. */
  readonly cohort?: string
  /** The version of the browser that it is in; empty where unknown. */
  readonly browser: string
  /** What it can do with a package, such as `crx3,download`; empty where it does not say. */
  readonly operations: string
  /** The SHA-256 of each package that it has. */
  readonly held: readonly string[]
  /** The indexes of installation data that it asks for. */
  readonly data: readonly string[]
  /** When the server last counted it: as a client, and as one that somebody used. */
  readonly lastSeen?: LastCount
  readonly lastActive?: LastCount
}

/** A day since 2007-01-01; of older clients, whether that was another day than this one. */
export type LastCount = number | 'today' | 'before'

/** Days since 2007-01-01, which clients store as the day of their installation and of their last count. */
export const daysAt = (now: Instant): number => Math.floor((now - Date.UTC(2007, 0, 1)) / 86_400_000)

/**
 * Reads what a ping says: a day (`rd`, `ad`), or days since then (`r`, `a`). Below 0 is never.
 * @returns `undefined` where it says nothing.
 */
export function lastCount(day: unknown, daysSince: unknown): LastCount | undefined {
  const [of, since] = [day, daysSince].map((one) => (/^-?\d{1,7}$/.test(String(one)) ? Number(one) : undefined))
  if (of !== undefined) return of < 0 ? 'before' : of
  return since === undefined ? undefined : since === 0 ? 'today' : 'before'
}

/** What a client is counted as, for the first time on this day. */
export function firstToday({ lastSeen, lastActive }: Pick<OmahaClient, 'lastSeen' | 'lastActive'>, now: Instant) {
  const today = daysAt(now)
  const isFirst = (last?: LastCount): boolean => last !== undefined && last !== 'today' && last !== today
  if (!isFirst(lastActive)) return isFirst(lastSeen) ? 'seen' : undefined
  return isFirst(lastSeen) ? 'seen,active' : 'active'
}
