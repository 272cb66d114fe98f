/** Changes of a group's semaphore by clients and operators. A policy never blocks unlocking and setting `max`. */
import { durationMs } from '../documents/fields.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import type { Lock } from './document.ts'
import type { Holder, Intent, Semaphore, Veto, Via, Written } from './semaphore.ts'
import * as semaphores from './semaphore.ts'
import { unasked } from './semaphore.ts'
import { type Current, editLock, type LockChange, type LockEdit, type Locking } from './store.ts'
import { isTickDue, soakingOf, startTick, tickOf } from './ticks.ts'
import { vetoHere } from './vetoes.ts'
import { rezone, zoneOf } from './zones.ts'

const dayMs = 24 * 60 * 60 * 1000
/** At most this often a holder that asks again is written: clients ask each minute. */
const seenEveryMs = 5 * 60 * 1000

export interface LockAttempt {
  readonly id: string
  readonly via: Via
  /** The hold in a channel of the group, in words. */
  readonly held?: string | undefined
  readonly gate?: Veto | undefined
  /** As the name of its group says. */
  readonly zone?: string | undefined
}

export type LockResult =
  | { readonly kind: 'locked' | 'held' }
  /** `isKept`: the free slot is for a client of locksmith that found none. */
  | { readonly kind: 'full'; readonly available: number; readonly isKept?: true }
  | { readonly kind: 'vetoed'; readonly veto: Veto }

/** The policy does not bind an operator. */
export const lockMachine = (locking: Locking, group: string, { id, via, held, gate, zone }: LockAttempt) =>
  editLock<LockResult>(locking, group, (current) => {
    const { lock, freeing } = withoutStaleHolders(current, id)
    const { now } = current
    const at = { since: isoText(now), tick: startTick(lock, now) }
    const zoned = zoneOf(lock.policy, id, zone)
    const outcome = semaphores.lock(lock, { id, via, ...at, ...zoned })
    if (outcome.kind === 'full') return { result: outcome, change: freeing }
    if (outcome.kind === 'held') {
      const isNews = Math.abs(now - semaphores.lastSeen(outcome.holder)) > seenEveryMs
      const change = isNews ? changed(freeing, semaphores.see(lock, id, { seen: at.since, tick: at.tick })) : freeing
      return { result: { kind: 'held' }, change }
    }
    const veto = via === 'operator' ? undefined : vetoHere(lock, { now, held, gate, asking: id, ...zoned })
    if (veto === unasked) return { result: { kind: 'vetoed', veto } }
    if (veto !== undefined) return { result: { kind: 'vetoed', veto }, change: freeing }
    if (via === 'fleet-lock' && isKeptForLocksmith(lock, now))
      return { result: { kind: 'full', available: semaphores.available(lock), isKept: true }, change: freeing }
    return { result: { kind: 'locked' }, change: changed(freeing, outcome.semaphore, { what: 'lock', via, id }) }
  })

/** locksmith waits 5 minutes at most between two tries. */
const keptMs = 6 * 60 * 1000

/**
 * locksmith needs two requests for what FleetLock does in one, so it would lose each race: after a client of FleetLock, a
 * client of locksmith that found no slot is next.
 */
function isKeptForLocksmith(lock: Lock, now: Instant): boolean {
  const { locksmithWaits, history } = lock
  if (locksmithWaits === undefined || Math.abs(now - Date.parse(locksmithWaits)) > keptMs) return false
  if (semaphores.available(lock) - soakingOf(lock, tickOf(lock, now)).length > 1) return false
  return history.findLast(({ what }) => what === 'lock')?.via === 'fleet-lock'
}

export const unlockMachine = (locking: Locking, group: string, { id, via }: Pick<LockAttempt, 'id' | 'via'>) =>
  editLock<'unlocked' | 'not-held'>(locking, group, (current) => {
    const { lock } = current
    const semaphore = semaphores.unlock(lock, id)
    if (semaphore === undefined) return { result: 'not-held' }
    // What an operator frees is not back.
    const soak = via === 'operator' ? {} : soaks(current, id)
    return { result: 'unlocked', change: { semaphore, ...soak, events: [{ what: 'unlock', via, id }] } }
  })

/** A machine that came back, where the policy lets its slot soak. */
export function soaks({ lock, now }: Pick<Current, 'lock' | 'now'>, id: string): Pick<LockChange, 'more'> {
  if (lock.policy.soak === undefined) return {}
  const tick = tickOf(lock, now)
  const others = soakingOf(lock, tick).filter((one) => one.id !== id)
  const zone = semaphores.findHolder(lock, id)?.zone
  const one = { id, tick: startTick(lock, now), ...(zone !== undefined && { zone }) }
  return { more: { soaking: [...others, one].slice(-semaphores.maxHolders) } }
}

const maxEvent = (max: number) => ({ what: 'set-max', via: 'operator', max }) as const

/** Holders keep their slots. */
export const setMax = (locking: Locking, group: string, max: number) =>
  editLock(locking, group, ({ lock }) => {
    if (lock.max === max) return { result: undefined }
    return { result: undefined, change: { semaphore: { ...lock, max }, events: [maxEvent(max)] } }
  })

/** Omitted fields of `policy` are disabled. */
export type GroupSetting = Pick<Lock, 'max' | 'policy'>

export const configureGroup = (locking: Locking, group: string, edit: (setting: GroupSetting) => GroupSetting) =>
  editLock(locking, group, ({ lock }) => {
    const { max, policy } = edit(lock)
    const isKept = JSON.stringify(policy) === JSON.stringify(lock.policy)
    const events: LockChange['events'] = [
      ...(isKept ? [] : [{ what: 'policy', via: 'operator' } as const]),
      ...(max === lock.max ? [] : [maxEvent(max)]),
    ]
    const { holders, ...soaking } = rezone(lock, policy)
    const change = { semaphore: { max, holders }, more: { policy, ...soaking }, events }
    return { result: undefined, change: events.length === 0 ? undefined : change }
  })

/** Callers refuse an empty store before. */
export const createGroup = (locking: Locking, group: string, max: number, via: Via) =>
  editLock<'created' | 'exists'>(
    locking,
    group,
    ({ exists }) => {
      if (exists) return { result: 'exists' }
      const events: LockChange['events'] = [{ what: 'create', via, max }]
      return { result: 'created', change: { semaphore: { max, holders: null }, events } }
    },
    true,
  )

/** Ends the pause after a machine that fell back. */
export const acknowledgeRollback = (locking: Locking, group: string) =>
  editLock<string | undefined>(locking, group, ({ lock }) => {
    const { rolledBackAt } = lock
    if (rolledBackAt === undefined) return { result: undefined }
    const change = { more: { rolledBackAt: undefined }, events: [{ what: 'acknowledge', via: 'operator' } as const] }
    return { result: rolledBackAt, change }
  })

/** A group as clients see it: without stale holders, where the policy frees them. */
export const lookAtGroup = (locking: Locking, group: string) =>
  editLock<undefined>(locking, group, (current) => ({
    result: undefined,
    change: withoutStaleHolders(current).freeing,
  }))

/** Notes that a client of locksmith waits, where clients of FleetLock hold slots. */
export const noteWaiting = (locking: Locking, group: string) =>
  editLock<undefined>(locking, group, ({ lock, now }) => {
    const isMixed = lock.holders?.some(({ via }) => via === 'fleet-lock')
    const isKnown = Math.abs(now - (lock.locksmithWaits ? Date.parse(lock.locksmithWaits) : 0)) <= seenEveryMs
    if (!isMixed || isKnown) return { result: undefined }
    return { result: undefined, change: { more: { locksmithWaits: isoText(now) }, events: [] } }
  })

export type SwapResult =
  /** `locked`: the machine that got a slot. */
  | { readonly kind: 'swapped'; readonly locked?: string | undefined }
  | { readonly kind: 'stale' | 'not-allowed' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'vetoed'; readonly veto: Veto }

export interface Swap {
  /** The number of the state that it read; may be larger than a safe integer. */
  readonly index: bigint
  readonly written: Written
  readonly held?: string | undefined
  readonly gate?: Veto | undefined
  /** As the name of its group says. */
  readonly zone?: string | undefined
  /** Whether it may set `max`. */
  readonly isAdmin: boolean
}

/** locksmith's compare-and-swap: one holder added, one removed, or another `max`. */
export const swapSemaphore = (locking: Locking, group: string, { index, written, held, gate, zone, isAdmin }: Swap) =>
  editLock<SwapResult>(locking, group, (current) => {
    const { lock, now } = current
    if (BigInt(lock.rev) !== index) return { result: { kind: 'stale' } }
    const intent = semaphores.intentOf(lock, { ...written, max: semaphores.maxIn(lock, written) })
    if (intent === undefined)
      return refused('a write changes one thing: it adds a holder, removes a holder, or sets max')
    if (intent.kind === 'set-max' && !isAdmin) return { result: { kind: 'not-allowed' } }
    const locked = intent.kind === 'lock' ? intent.id : undefined
    const zoned = locked === undefined ? {} : zoneOf(lock.policy, locked, zone)
    const veto = locked === undefined ? undefined : vetoHere(lock, { now, held, gate, asking: locked, ...zoned })
    if (veto !== undefined) return { result: { kind: 'vetoed', veto } }
    const semaphore = granted(current, intent, zoned)
    if (semaphore === undefined) return refused(`semaphore is at ${semaphores.available(lock)}`)
    const { kind: what, ...about } = intent
    const events = what === 'nothing' ? [] : [{ what, ...about, via: 'locksmith' as const }]
    const more = {
      ...(intent.kind === 'unlock' && soaks(current, intent.id).more),
      ...(locked !== undefined && lock.locksmithWaits !== undefined && { locksmithWaits: undefined }),
    }
    return { result: { kind: 'swapped', locked }, change: { semaphore, more, events } }
  })

const refused = (reason: string): LockEdit<SwapResult> => ({ result: { kind: 'refused', reason } })

function granted({ lock, now }: Current, intent: Intent, zoned: Pick<Holder, 'zone'>): Semaphore | undefined {
  if (intent.kind === 'set-max') return { ...lock, max: intent.max }
  if (intent.kind === 'unlock') return semaphores.unlock(lock, intent.id)
  if (intent.kind === 'nothing') return lock
  const at = { since: isoText(now), tick: startTick(lock, now) }
  const outcome = semaphores.lock(lock, { id: intent.id, via: 'locksmith', ...at, ...zoned })
  return outcome.kind === 'locked' ? outcome.semaphore : undefined
}

/** Holders that were silent for longer than the group's lease; none without a lease. */
export const staleHoldersOf = (lock: Lock, now: number) =>
  lock.policy.lease === undefined ? [] : semaphores.overdue(lock, durationMs(lock.policy.lease), now)

/** Frees overdue holders up to the policy's limit per day. */
function withoutStaleHolders({ lock, now }: Current, asking?: string): { lock: Lock; freeing?: LockChange } {
  const { lease, expirePerDay = 0 } = lock.policy
  const kept = isTickDue(lock, now) ? { lock, freeing: { events: [] } } : { lock }
  if (lease === undefined || expirePerDay === 0) return kept
  const tick = tickOf(lock, now)
  const today = lock.expiries.filter((at) => Math.abs(now - Date.parse(at)) < dayMs)
  const ticksToday = (lock.expiryTicks ?? []).filter((at) => tick - at < dayMs)
  const allowance = expirePerDay - Math.max(today.length, ticksToday.length)
  const { semaphore, freed } = semaphores.freeOverdue(lock, { leaseMs: durationMs(lease), allowance, tick, asking })
  if (freed.length === 0) return kept
  const expiries = [...today, ...freed.map(() => isoText(now))]
  const more = { expiries, expiryTicks: [...ticksToday, ...freed.map(() => tick)] }
  const events = freed.map(({ id, via }) => ({ what: 'expire' as const, via, id }))
  const holders = semaphore.holders && [...semaphore.holders]
  return { lock: { ...lock, holders }, freeing: { semaphore, more, events } }
}

type Events = LockChange['events']

const changed = (before: LockChange | undefined, semaphore: Semaphore, ...events: Events): LockChange => ({
  ...before,
  ...{ semaphore, events: [...(before?.events ?? []), ...events] },
})
