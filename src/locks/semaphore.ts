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
  /** That moment in ticks; 0 without. */
  readonly tick?: number
  /** Where the policy of the group has zones. */
  readonly zone?: string
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
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    // Of a pair of surrogates that differ in the second, the first is the same.
    const [mine = 0, other = 0] = [a.codePointAt(i), b.codePointAt(i)]
    if (mine !== other) return mine - other
  }
  return a.length - b.length
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

export const see = (semaphore: Semaphore, id: string, at: Pick<Holder, 'seen' | 'tick'>): Semaphore => ({
  ...semaphore,
  holders: (semaphore.holders ?? []).map((holder) => (holder.id === id ? { ...holder, ...at } : holder)),
})

export const lastSeen = ({ since, seen = since }: Holder): Instant => Date.parse(seen)

export const oldestHolder = ({ holders }: Semaphore): Holder | undefined =>
  holders?.toSorted((a, b) => Date.parse(a.since) - Date.parse(b.since))[0]

/** Holders not seen for longer than a lease, the longest silent first. */
export const overdue = ({ holders }: Semaphore, leaseMs: number, now: Instant): readonly Holder[] =>
  (holders ?? []).filter((holder) => now - lastSeen(holder) > leaseMs).sort((a, b) => lastSeen(a) - lastSeen(b))

export interface Lease {
  readonly leaseMs: number
  /** The most to free. */
  readonly allowance: number
  /** Now, in ticks. */
  readonly tick: number
  /** The holder that asks right now. */
  readonly asking?: string | undefined
}

/** Frees overdue machines, the longest silent first. Only an operator frees what an operator locked. */
export function freeOverdue(semaphore: Semaphore, { leaseMs, allowance, tick, asking }: Lease) {
  const freed = (semaphore.holders ?? [])
    .filter((one) => tick - (one.tick ?? 0) > leaseMs && one.via !== 'operator' && one.id !== asking)
    .sort((a, b) => (a.tick ?? 0) - (b.tick ?? 0))
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

/**
 * What a machine is shown: one that holds a slot, and asks for one where none is free, would wait for itself for ever, since
 * locksmith looks at the number of free slots before it looks at the holders.
 */
export const shownTo = (lock: Semaphore, machine: string | undefined): Semaphore =>
  machine === undefined || !findHolder(lock, machine) || available(lock) > 0 ? lock : { ...lock, max: maxShown(lock) }

const maxShown = ({ holders }: Semaphore): number => (holders?.length ?? 0) + 1

/** Who adds or removes a holder writes `max` as it was shown, and who adds or removes none sets it. */
export function maxIn(lock: Semaphore, { max, holders }: Written): number {
  const isSet = holders.length === (lock.holders?.length ?? 0)
  return !isSet && available(lock) <= 0 && max === maxShown(lock) ? lock.max : max
}

/** Why no slot is given though one is free. */
export interface Veto {
  readonly kind: 'hold' | 'rollback' | 'freeze' | 'window' | 'soak' | 'zone' | 'gate'
  /** In words. */
  readonly reason: string
}

/** In place of what the gates of a group say, while nobody asked them: found where a slot would be given otherwise. */
export const unasked: Veto = { kind: 'gate', reason: 'the gates were not asked' }

/** What a veto depends on. */
interface Circumstances {
  readonly now: Instant
  readonly freezes?: readonly Readonly<{ from: string; to: string; reason?: string }>[] | undefined
  /** How long the slot that is free next still soaks; 0 where one does not. */
  readonly soakMs?: number | undefined
  /** Slots are given only while one of these is open; without any, always. */
  readonly windows?: readonly Window[] | undefined
  /** The hold in a channel of the group, in words. */
  readonly held?: string | undefined
  /** The end of the pause after a machine fell back. */
  readonly pausedUntil?: Instant | undefined
}

/** Why no machine gets a slot now. */
export function vetoOf({ now, windows, freezes, held, pausedUntil = 0, soakMs = 0 }: Circumstances): Veto | undefined {
  if (held !== undefined) return { kind: 'hold', reason: held }
  if (now < pausedUntil)
    return { kind: 'rollback', reason: `a machine fell back into its old version; ${until(pausedUntil)}` }
  const freeze = freezes?.find(({ from, to }) => Date.parse(from) <= now && now < Date.parse(to))
  if (freeze) return { kind: 'freeze', reason: `${freeze.reason ?? 'a freeze'}; ${until(Date.parse(freeze.to))}` }
  const closed = windows?.length ? closedWindow(windows, now) : undefined
  if (closed !== undefined) return { kind: 'window', reason: closed }
  return soakMs > 0 ? { kind: 'soak', reason: `a machine came back; its slot is free ${soakText(soakMs)}` } : undefined
}

function closedWindow(windows: readonly Window[], now: Instant): string | undefined {
  const schedule = readWindows(windows)
  if (schedule(now).some(({ from, to }) => from <= now && now < to)) return undefined
  const opens = nextEdge(schedule, 0, now)
  return `window closed${opens === undefined ? '' : ` until ${minuteText(opens)}`}`
}

const until = (at: Instant): string => `closed until ${minuteText(at)}`
const soakText = (ms: number): string => `in ${Math.ceil(ms / 60_000)} min`

/** Rounded up: a minute that has begun is not over. */
const minuteText = (at: Instant): string => timeText(Math.ceil(at / 60_000) * 60_000, 'minute')
