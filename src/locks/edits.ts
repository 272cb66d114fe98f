/** What clients and operators do to a group's semaphore. Giving a slot back, and another `max`, are never vetoed. */

import { instantText } from '../catalog/write.ts'
import { durationMs } from '../documents/fields.ts'
import type { Lock } from './document.ts'
import { vetoOf } from './reboot-policy.ts'
import {
  available,
  freeOverdue,
  type Intent,
  intentOf,
  lastSeen,
  lock as lockIn,
  type Semaphore,
  see,
  unlock as unlockIn,
  type Via,
  type Written,
} from './semaphore.ts'
import { type Current, editLock, type LockChange, type LockEdit, type Locking, type LockOutcome } from './store.ts'

const dayMs = 24 * 60 * 60 * 1000
/** A holder that asks again is noted so often at most: clients ask each minute. */
const seenEveryMs = 5 * 60 * 1000

/** Why a machine gets no slot, besides what the group's own document says. */
export interface LockAttempt {
  readonly id: string
  readonly via: Via
  /** The hold in a channel of the group, in words. */
  readonly held?: string | undefined
}

export type LockResult =
  | { readonly kind: 'locked' | 'held' }
  | { readonly kind: 'full'; readonly available: number }
  | { readonly kind: 'vetoed'; readonly reason: string }

/** Gives a machine a slot. An operator is not held up by the policy. */
export const lockMachine = (
  locking: Locking,
  group: string,
  { id, via, held }: LockAttempt,
): Promise<LockOutcome<LockResult>> =>
  editLock<LockResult>(locking, group, (current) => {
    const { lock, freeing } = withoutGhosts(current, id)
    const since = instantText(current.now)
    const outcome = lockIn(lock, { id, via, since })
    switch (outcome.kind) {
      case 'held': {
        const isNews = current.now - lastSeen(outcome.holder) > seenEveryMs
        return { result: { kind: 'held' }, change: isNews ? changed(freeing, see(lock, id, since)) : freeing }
      }
      case 'full':
        return { result: outcome, change: freeing }
      case 'locked': {
        const reason = via === 'operator' ? undefined : vetoHere(lock, { now: current.now, held })
        if (reason !== undefined) return { result: { kind: 'vetoed', reason }, change: freeing }
        return { result: { kind: 'locked' }, change: changed(freeing, outcome.semaphore, { what: 'lock', via, id }) }
      }
    }
  })

export type UnlockResult = 'unlocked' | 'not-held'

/** Takes a machine's slot back. */
export const unlockMachine = (
  locking: Locking,
  group: string,
  { id, via }: Omit<LockAttempt, 'held'>,
): Promise<LockOutcome<UnlockResult>> =>
  editLock<UnlockResult>(locking, group, ({ lock }) => {
    const semaphore = unlockIn(lock, id)
    if (semaphore === undefined) return { result: 'not-held' }
    return { result: 'unlocked', change: { semaphore, events: [{ what: 'unlock', via, id }] } }
  })

/** Sets how many may reboot at once; those that do already keep their slots. */
export const setMax = (locking: Locking, group: string, max: number): Promise<LockOutcome<undefined>> =>
  editLock(locking, group, ({ lock, exists }) => ({
    result: undefined,
    change:
      exists && lock.max === max
        ? undefined
        : { semaphore: { ...lock, max }, events: [{ what: 'set-max', via: 'operator', max }] },
  }))

/** What an operator sets for a group; what `policy` leaves out is so no more. */
export type GroupSetting = Pick<Lock, 'max' | 'policy'>

/** Sets how many may reboot at once, and when. */
export const configureGroup = (
  locking: Locking,
  group: string,
  edit: (setting: GroupSetting) => GroupSetting,
): Promise<LockOutcome<undefined>> =>
  editLock(locking, group, ({ lock, exists }) => {
    const { max, policy } = edit(lock)
    const events: LockChange['events'] = [
      ...(exists && JSON.stringify(policy) === JSON.stringify(lock.policy)
        ? []
        : [{ what: 'policy' as const, via: 'operator' as const }]),
      ...(max === lock.max ? [] : [{ what: 'set-max' as const, via: 'operator' as const, max }]),
    ]
    const change = { semaphore: { ...lock, max }, more: { policy }, events }
    return { result: undefined, change: events.length === 0 ? undefined : change }
  })

/** Makes a group as locksmith does when it asks for the first time. */
export const createGroup = (locking: Locking, group: string, max: number): Promise<LockOutcome<'created' | 'exists'>> =>
  editLock<'created' | 'exists'>(locking, group, ({ exists }) =>
    exists
      ? { result: 'exists' }
      : {
          result: 'created',
          change: { semaphore: { max, holders: null }, events: [{ what: 'create', via: 'locksmith', max }] },
        },
  )

/** A group as clients are shown it: without ghosts, where the operator wants these freed. */
export const lookAtGroup = (locking: Locking, group: string): Promise<LockOutcome<'there' | 'absent'>> =>
  editLock<'there' | 'absent'>(locking, group, (current) =>
    current.exists ? { result: 'there', change: withoutGhosts(current).freeing } : { result: 'absent' },
  )

export type SwapResult =
  | { readonly kind: 'swapped' | 'absent' | 'stale' }
  | { readonly kind: 'vetoed' | 'refused'; readonly reason: string }

/** What locksmith writes in place of what it read. */
export interface Swap {
  /** The number of the state that it read; larger ones than JavaScript counts are some other state. */
  readonly index: bigint
  readonly written: Written
  readonly held?: string | undefined
}

/** Compare and swap, as locksmith does it: a holder more, a holder less, or another `max`. */
export const swapSemaphore = (
  locking: Locking,
  group: string,
  { index, written, held }: Swap,
): Promise<LockOutcome<SwapResult>> =>
  editLock<SwapResult>(locking, group, ({ lock, exists, now }) => {
    if (!exists) return { result: { kind: 'absent' } }
    if (BigInt(lock.rev) !== index) return { result: { kind: 'stale' } }
    const wish = intentOf(lock, written)
    if (wish === undefined) return refused('one holder more, one holder less or another max: one of them at once')
    const reason = wish.kind === 'lock' ? vetoHere(lock, { now, held }) : undefined
    if (reason !== undefined) return { result: { kind: 'vetoed', reason } }
    const semaphore = granted(lock, wish, instantText(now))
    if (semaphore === undefined) return refused(`semaphore is at ${available(lock)}`)
    const events = wish.kind === 'nothing' ? [] : [{ ...eventOf(wish), via: 'locksmith' as const }]
    return { result: { kind: 'swapped' }, change: { semaphore, events } }
  })

const refused = (reason: string): LockEdit<SwapResult> => ({ result: { kind: 'refused', reason } })

function granted(lock: Semaphore, wish: Intent, since: string): Semaphore | undefined {
  switch (wish.kind) {
    case 'nothing':
      return lock
    case 'unlock':
      return unlockIn(lock, wish.id)
    case 'set-max':
      return { ...lock, max: wish.max }
    case 'lock': {
      const outcome = lockIn(lock, { id: wish.id, via: 'locksmith', since })
      return outcome.kind === 'locked' ? outcome.semaphore : undefined
    }
  }
}

const eventOf = (wish: Exclude<Intent, { readonly kind: 'nothing' }>) =>
  wish.kind === 'set-max' ? { what: wish.kind, max: wish.max } : { what: wish.kind, id: wish.id }

/** Why the group's own policy gives no slot now. */
export const vetoHere = (
  { policy, rolledBackAt }: Lock,
  { now, held }: { readonly now: number; readonly held: string | undefined },
): string | undefined =>
  vetoOf(
    {
      ...policy,
      ...(policy.vetoAfterRollback && { vetoAfterRollbackMs: durationMs(policy.vetoAfterRollback) }),
    },
    { now, held, rolledBackAt: rolledBackAt === undefined ? undefined : Date.parse(rolledBackAt) },
  )

/** Frees holders that are overdue, where the operator wants that, as many as a day allows. */
function withoutGhosts(
  { lock, now }: Current,
  asking?: string,
): {
  readonly lock: Lock
  readonly freeing: LockChange | undefined
} {
  const { lease, expirePerDay = 0 } = lock.policy
  if (lease === undefined || expirePerDay === 0) return { lock, freeing: undefined }
  const today = lock.expiries.filter((at) => now - Date.parse(at) < dayMs)
  const { semaphore, freed } = freeOverdue(lock, {
    leaseMs: durationMs(lease),
    allowance: expirePerDay - today.length,
    now,
    asking,
  })
  if (freed.length === 0) return { lock, freeing: undefined }
  const expiries = [...today, ...freed.map(() => instantText(now))]
  const events = freed.map(({ id, via }) => ({ what: 'expire' as const, via, id }))
  return {
    lock: { ...lock, holders: semaphore.holders && [...semaphore.holders] },
    freeing: { semaphore, more: { expiries }, events },
  }
}

/** What was to be written anyway, with one thing more. */
const changed = (
  before: LockChange | undefined,
  semaphore: Semaphore,
  ...events: LockChange['events'][number][]
): LockChange => ({ ...before, semaphore, events: [...(before?.events ?? []), ...events] })
