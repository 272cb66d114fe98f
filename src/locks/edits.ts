/** Changes of a group's semaphore by clients and operators. A policy never blocks unlocking and setting `max`. */
import { durationMs } from '../documents/fields.ts'
import { isoText } from '../kernel/format.ts'
import type { Lock } from './document.ts'
import type { Intent, Semaphore, Via, Written } from './semaphore.ts'
import * as semaphores from './semaphore.ts'
import { type Current, editLock, type LockChange, type LockEdit, type Locking } from './store.ts'

const dayMs = 24 * 60 * 60 * 1000
/** At most this often a holder that asks again is written: clients ask each minute. */
const seenEveryMs = 5 * 60 * 1000

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

/** The policy does not bind an operator. */
export const lockMachine = (locking: Locking, group: string, { id, via, held }: LockAttempt) =>
  editLock<LockResult>(locking, group, (current) => {
    const { lock, freeing } = withoutStaleHolders(current, id)
    const since = isoText(current.now)
    const outcome = semaphores.lock(lock, { id, via, since })
    if (outcome.kind === 'full') return { result: outcome, change: freeing }
    if (outcome.kind === 'held') {
      const isNews = current.now - semaphores.lastSeen(outcome.holder) > seenEveryMs
      const change = isNews ? changed(freeing, semaphores.see(lock, id, since)) : freeing
      return { result: { kind: 'held' }, change }
    }
    const reason = via === 'operator' ? undefined : vetoHere(lock, { now: current.now, held })
    if (reason !== undefined) return { result: { kind: 'vetoed', reason }, change: freeing }
    return { result: { kind: 'locked' }, change: changed(freeing, outcome.semaphore, { what: 'lock', via, id }) }
  })

export const unlockMachine = (locking: Locking, group: string, { id, via }: Omit<LockAttempt, 'held'>) =>
  editLock<'unlocked' | 'not-held'>(locking, group, ({ lock }) => {
    const semaphore = semaphores.unlock(lock, id)
    if (semaphore === undefined) return { result: 'not-held' }
    return { result: 'unlocked', change: { semaphore, events: [{ what: 'unlock', via, id }] } }
  })

const maxEvent = (max: number) => ({ what: 'set-max', via: 'operator', max }) as const

/** Holders keep their slots. */
export const setMax = (locking: Locking, group: string, max: number) =>
  editLock(locking, group, ({ lock, exists }) => {
    if (exists && lock.max === max) return { result: undefined }
    return { result: undefined, change: { semaphore: { ...lock, max }, events: [maxEvent(max)] } }
  })

/** Omitted fields of `policy` are disabled. */
export type GroupSetting = Pick<Lock, 'max' | 'policy'>

export const configureGroup = (locking: Locking, group: string, edit: (setting: GroupSetting) => GroupSetting) =>
  editLock(locking, group, ({ lock, exists }) => {
    const { max, policy } = edit(lock)
    const isKept = exists && JSON.stringify(policy) === JSON.stringify(lock.policy)
    const events: LockChange['events'] = [
      ...(isKept ? [] : [{ what: 'policy', via: 'operator' } as const]),
      ...(max === lock.max ? [] : [maxEvent(max)]),
    ]
    const change = { semaphore: { ...lock, max }, more: { policy }, events }
    return { result: undefined, change: events.length === 0 ? undefined : change }
  })

export const createGroup = (locking: Locking, group: string, max: number) =>
  editLock<'created' | 'exists'>(locking, group, ({ exists }) => {
    if (exists) return { result: 'exists' }
    const events: LockChange['events'] = [{ what: 'create', via: 'locksmith', max }]
    return { result: 'created', change: { semaphore: { max, holders: null }, events } }
  })

/** A group as clients see it: without stale holders, where the policy frees them. */
export const lookAtGroup = (locking: Locking, group: string) =>
  editLock<'there' | 'absent'>(locking, group, (current) =>
    current.exists ? { result: 'there', change: withoutStaleHolders(current).freeing } : { result: 'absent' },
  )

export type SwapResult =
  | { readonly kind: 'swapped' | 'absent' | 'stale' }
  | { readonly kind: 'vetoed' | 'refused'; readonly reason: string }

export interface Swap {
  /** The number of the state that it read; may be larger than a safe integer. */
  readonly index: bigint
  readonly written: Written
  readonly held?: string | undefined
}

/** locksmith's compare-and-swap: one holder added, one removed, or another `max`. */
export const swapSemaphore = (locking: Locking, group: string, { index, written, held }: Swap) =>
  editLock<SwapResult>(locking, group, ({ lock, exists, now }) => {
    if (!exists) return { result: { kind: 'absent' } }
    if (BigInt(lock.rev) !== index) return { result: { kind: 'stale' } }
    const intent = semaphores.intentOf(lock, written)
    if (intent === undefined)
      return refused('a write changes one thing: it adds a holder, removes a holder, or sets max')
    const reason = intent.kind === 'lock' ? vetoHere(lock, { now, held }) : undefined
    if (reason !== undefined) return { result: { kind: 'vetoed', reason } }
    const semaphore = granted(lock, intent, isoText(now))
    if (semaphore === undefined) return refused(`semaphore is at ${semaphores.available(lock)}`)
    const { kind: what, ...more } = intent
    const events = what === 'nothing' ? [] : [{ what, ...more, via: 'locksmith' as const }]
    return { result: { kind: 'swapped' }, change: { semaphore, events } }
  })

const refused = (reason: string): LockEdit<SwapResult> => ({ result: { kind: 'refused', reason } })

function granted(lock: Semaphore, intent: Intent, since: string): Semaphore | undefined {
  if (intent.kind === 'set-max') return { ...lock, max: intent.max }
  if (intent.kind === 'unlock') return semaphores.unlock(lock, intent.id)
  if (intent.kind === 'nothing') return lock
  const outcome = semaphores.lock(lock, { id: intent.id, via: 'locksmith', since })
  return outcome.kind === 'locked' ? outcome.semaphore : undefined
}

/** Why the group's policy gives no slot now, in words. */
export function vetoHere(
  { policy, rolledBackAt }: Pick<Lock, 'policy' | 'rolledBackAt'>,
  { now, held }: { readonly now: number; readonly held?: string | undefined },
): string | undefined {
  const { windows, vetoOnHold, vetoAfterRollback: pause } = policy
  const pausedUntil = rolledBackAt && pause ? Date.parse(rolledBackAt) + durationMs(pause) : undefined
  return semaphores.vetoOf({ now, windows, held: vetoOnHold && held, pausedUntil })
}

/** Holders that were silent for longer than the group's lease; none without a lease. */
export const staleHoldersOf = (lock: Lock, now: number) =>
  lock.policy.lease === undefined ? [] : semaphores.overdue(lock, durationMs(lock.policy.lease), now)

/** Frees overdue holders up to the policy's limit per day. */
function withoutStaleHolders({ lock, now }: Current, asking?: string): { lock: Lock; freeing?: LockChange } {
  const { lease, expirePerDay = 0 } = lock.policy
  if (lease === undefined || expirePerDay === 0) return { lock }
  const today = lock.expiries.filter((at) => now - Date.parse(at) < dayMs)
  const allowance = expirePerDay - today.length
  const { semaphore, freed } = semaphores.freeOverdue(lock, { leaseMs: durationMs(lease), allowance, now, asking })
  if (freed.length === 0) return { lock }
  const expiries = [...today, ...freed.map(() => isoText(now))]
  const events = freed.map(({ id, via }) => ({ what: 'expire' as const, via, id }))
  const holders = semaphore.holders && [...semaphore.holders]
  return { lock: { ...lock, holders }, freeing: { semaphore, more: { expiries }, events } }
}

type Events = LockChange['events']

const changed = (before: LockChange | undefined, semaphore: Semaphore, ...events: Events): LockChange => ({
  ...before,
  ...{ semaphore, events: [...(before?.events ?? []), ...events] },
})
