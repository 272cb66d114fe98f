/**
 * The reboot semaphore of locksmith: how many machines of a group may reboot at once, and which of them do. Pure.
 * `null` holders are those of a semaphore that nobody ever held: locksmith writes the two differently.
 */

type Instant = number

/** By what a holder took its slot. */
export type Via = 'locksmith' | 'fleet-lock' | 'operator'

/** A machine that holds a slot. */
export interface Holder {
  /** locksmith's is the machine id, FleetLock's an HMAC of it. */
  readonly id: string
  readonly via: Via
  /** RFC 3339, UTC. */
  readonly since: string
  /** When it was last heard of, where that was after `since`. */
  readonly seen?: string
}

/** The state of a group. At most `max` hold a slot, unless `max` was lowered below those that do. */
export interface Semaphore {
  readonly max: number
  /** By id, in byte order: locksmith looks them up by halving. */
  readonly holders: readonly Holder[] | null
}

/** What locksmith starts from. */
export const firstSemaphore: Semaphore = { max: 1, holders: null }

/** More than any group reboots at once; the document has to stay small. */
export const maxHolders = 1000
export const maxSlots = 1_000_000

/** Slots that are free: locksmith's `semaphore`. Below zero where `max` was lowered. */
export const available = ({ max, holders }: Semaphore): number => max - (holders?.length ?? 0)

export const findHolder = ({ holders }: Semaphore, id: string): Holder | undefined =>
  holders?.find((holder) => holder.id === id)

/** An id that a holder may have: 1 to 255 characters, none of them for control, every one of them a character. */
export const isHolderId = (id: string): boolean => /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,255}$/u.test(id)

/** Compares as the bytes of UTF-8 do, which is as Go does. */
export function compareIds(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  for (const [i, one] of left.entries()) {
    const [mine = 0, other = -1] = [one.codePointAt(0), right[i]?.codePointAt(0)]
    if (mine !== other) return mine - other
  }
  return left.length - right.length
}

export type Locked =
  | { readonly kind: 'locked'; readonly semaphore: Semaphore }
  | { readonly kind: 'held'; readonly holder: Holder }
  | { readonly kind: 'full'; readonly available: number }

/** Gives a machine a slot. One that has one keeps it, whatever is free. */
export function lock(semaphore: Semaphore, holder: Holder): Locked {
  const held = findHolder(semaphore, holder.id)
  if (held !== undefined) return { kind: 'held', holder: held }
  const free = available(semaphore)
  const holders = semaphore.holders ?? []
  if (free <= 0 || holders.length >= maxHolders) return { kind: 'full', available: Math.min(free, 0) }
  const sorted = [...holders, holder].sort((a, b) => compareIds(a.id, b.id))
  return { kind: 'locked', semaphore: { ...semaphore, holders: sorted } }
}

/** Takes a machine's slot back. @returns `undefined` where it has none. */
export function unlock(semaphore: Semaphore, id: string): Semaphore | undefined {
  const holders = semaphore.holders ?? []
  const kept = holders.filter((holder) => holder.id !== id)
  return kept.length === holders.length ? undefined : { ...semaphore, holders: kept }
}

/** Notes that a holder was heard of. */
export const see = (semaphore: Semaphore, id: string, seen: string): Semaphore => ({
  ...semaphore,
  holders: (semaphore.holders ?? []).map((holder) => (holder.id === id ? { ...holder, seen } : holder)),
})

/** When a holder was last heard of. */
export const lastSeen = ({ since, seen = since }: Holder): Instant => Date.parse(seen)

/** Holders that were not heard of for longer than a lease, those that were silent longest first. */
export const overdue = ({ holders }: Semaphore, leaseMs: number, now: Instant): readonly Holder[] =>
  (holders ?? []).filter((holder) => now - lastSeen(holder) > leaseMs).sort((a, b) => lastSeen(a) - lastSeen(b))

export interface Lease {
  readonly leaseMs: number
  /** How many are freed at most. */
  readonly allowance: number
  readonly now: Instant
  /** Who is heard of right now. */
  readonly asking?: string | undefined
}

/**
 * Frees machines that are overdue, those that were silent longest first. What an operator holds, an operator frees.
 */
export function freeOverdue(
  semaphore: Semaphore,
  { leaseMs, allowance, now, asking }: Lease,
): { readonly semaphore: Semaphore; readonly freed: readonly Holder[] } {
  const freed = overdue(semaphore, leaseMs, now)
    .filter(({ id, via }) => via !== 'operator' && id !== asking)
    .slice(0, Math.max(0, allowance))
  if (freed.length === 0) return { semaphore, freed }
  return {
    semaphore: { ...semaphore, holders: (semaphore.holders ?? []).filter((one) => !freed.includes(one)) },
    freed,
  }
}

/** What a client wants in place of what it read: one of these, or nothing that a client of locksmith would ask for. */
export type Intent =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'lock' | 'unlock'; readonly id: string }
  | { readonly kind: 'set-max'; readonly max: number }

/** A semaphore as clients write it. */
export interface Written {
  readonly max: number
  readonly holders: readonly string[]
}

/** Reads from two states what a client did. @returns `undefined` where that is more than one thing. */
export function intentOf(from: Semaphore, to: Written): Intent | undefined {
  const before = new Set((from.holders ?? []).map(({ id }) => id))
  const after = new Set(to.holders)
  const [added, removed] = [to.holders.filter((id) => !before.has(id)), [...before].filter((id) => !after.has(id))]
  const steps: Intent[] = [
    ...added.map((id) => ({ kind: 'lock' as const, id })),
    ...removed.map((id) => ({ kind: 'unlock' as const, id })),
    ...(to.max === from.max ? [] : [{ kind: 'set-max' as const, max: to.max }]),
  ]
  return steps.length > 1 ? undefined : (steps[0] ?? { kind: 'nothing' })
}
