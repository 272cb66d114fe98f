/** The reboot semaphore of locksmith: how many machines of a group may reboot at once, and which do. Pure. */
import type { Instant } from '../kernel/clock.ts'
import { timeText } from '../kernel/format.ts'
import type { Window } from '../release/channel.ts'
import { nextEdge, readWindows } from '../release/window.ts'

export type Via = 'locksmith' | 'fleet-lock' | 'operator'

export interface Holder {
  /** locksmith's is the machine id, FleetLock's an HMAC of it. */
  readonly id: string
  readonly via: Via
  /** RFC 3339, UTC. */
  readonly since: string
  /** When it last asked for its slot, if after `since`. */
  readonly seen?: string
}

/** At most `max` machines hold a slot, unless `max` was lowered. */
export interface Semaphore {
  readonly max: number
  /** By id, in byte order: locksmith searches them by halving. `null` if nobody ever held it: locksmith writes that too. */
  readonly holders: readonly Holder[] | null
}

export const firstSemaphore: Semaphore = { max: 1, holders: null }

/** Limits keep the document small. */
export const maxHolders = 1000
export const maxSlots = 1_000_000

/** Slots that are free: locksmith's `semaphore`. Below zero where `max` was lowered. */
export const available = ({ max, holders }: Semaphore): number => max - (holders?.length ?? 0)

export const findHolder = ({ holders }: Semaphore, id: string): Holder | undefined =>
  holders?.find((holder) => holder.id === id)

/** 1 to 255 characters, without control characters and lone surrogates. */
export const isHolderId = (id: string): boolean => /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,255}$/u.test(id)

/** Compares by code point: like the bytes of UTF-8, and like Go. */
export function compareIds(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  for (const [i, one] of left.entries()) {
    const [mine = 0, other = -1] = [one.codePointAt(0), right[i]?.codePointAt(0)]
    if (mine !== other) return mine - other
  }
  return left.length - right.length
}

export const isInOrder = (ids: readonly string[]): boolean =>
  ids.every((id, i) => i === 0 || compareIds(ids[i - 1] ?? '', id) < 0)

export type Locked =
  | { readonly kind: 'locked'; readonly semaphore: Semaphore }
  | { readonly kind: 'held'; readonly holder: Holder }
  | { readonly kind: 'full'; readonly available: number }

/** Gives a machine a slot. A holder keeps its slot, even if none is free. */
export function lock(semaphore: Semaphore, holder: Holder): Locked {
  const held = findHolder(semaphore, holder.id)
  if (held !== undefined) return { kind: 'held', holder: held }
  const free = available(semaphore)
  const holders = semaphore.holders ?? []
  if (free <= 0 || holders.length >= maxHolders) return { kind: 'full', available: Math.min(free, 0) }
  const sorted = [...holders, holder].sort((a, b) => compareIds(a.id, b.id))
  return { kind: 'locked', semaphore: { ...semaphore, holders: sorted } }
}

/** @returns `undefined` for a machine without a slot. */
export const unlock = (semaphore: Semaphore, id: string): Semaphore | undefined =>
  findHolder(semaphore, id) && { ...semaphore, holders: (semaphore.holders ?? []).filter((one) => one.id !== id) }

export const see = (semaphore: Semaphore, id: string, seen: string): Semaphore => ({
  ...semaphore,
  holders: (semaphore.holders ?? []).map((holder) => (holder.id === id ? { ...holder, seen } : holder)),
})

export const lastSeen = ({ since, seen = since }: Holder): Instant => Date.parse(seen)

/** Holders not seen for longer than a lease, the longest silent first. */
export const overdue = ({ holders }: Semaphore, leaseMs: number, now: Instant): readonly Holder[] =>
  (holders ?? []).filter((holder) => now - lastSeen(holder) > leaseMs).sort((a, b) => lastSeen(a) - lastSeen(b))

export interface Lease {
  readonly leaseMs: number
  /** The most to free. */
  readonly allowance: number
  readonly now: Instant
  /** The holder that asks right now. */
  readonly asking?: string | undefined
}

/** Frees overdue machines, the longest silent first. Only an operator frees what an operator locked. */
export function freeOverdue(semaphore: Semaphore, { leaseMs, allowance, now, asking }: Lease) {
  const freed = overdue(semaphore, leaseMs, now)
    .filter(({ id, via }) => via !== 'operator' && id !== asking)
    .slice(0, Math.max(0, allowance))
  if (freed.length === 0) return { semaphore, freed }
  const holders = (semaphore.holders ?? []).filter((one) => !freed.includes(one))
  return { semaphore: { ...semaphore, holders }, freed }
}

/** The one thing that a client of locksmith changes. */
export type Intent =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'lock' | 'unlock'; readonly id: string }
  | { readonly kind: 'set-max'; readonly max: number }

/** A semaphore as clients write it. */
export interface Written {
  readonly max: number
  readonly holders: readonly string[]
}

/** The difference between two states. @returns `undefined` for more than one change. */
export function intentOf(from: Semaphore, to: Written): Intent | undefined {
  const before = new Set(from.holders?.map(({ id }) => id))
  const after = new Set(to.holders)
  const steps: Intent[] = [
    ...to.holders.filter((id) => !before.has(id)).map((id) => ({ kind: 'lock', id }) as const),
    ...[...before].filter((id) => !after.has(id)).map((id) => ({ kind: 'unlock', id }) as const),
    ...(to.max === from.max ? [] : [{ kind: 'set-max', max: to.max } as const]),
  ]
  return steps.length > 1 ? undefined : (steps[0] ?? { kind: 'nothing' })
}

/** What a veto depends on. */
interface Circumstances {
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
  const schedule = readWindows(windows)
  if (windows.length === 0 || schedule(now).some(({ from, to }) => from <= now && now < to)) return undefined
  const opens = nextEdge(schedule, 0, now)
  return `window closed${opens === undefined ? '' : ` until ${minuteText(opens)}`}`
}

/** Rounded up: a minute that has begun is not over. */
const minuteText = (at: Instant): string => timeText(Math.ceil(at / 60_000) * 60_000, 'minute')
