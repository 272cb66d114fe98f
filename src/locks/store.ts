/** Reads and changes the reboot semaphore of a group. */
import { encode } from '../catalog/read.ts'
import { lockGroupOf, lockKey, locksFolder } from '../documents/paths.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import type { Random } from '../kernel/random.ts'
import type { Documents } from '../store/documents.ts'
import { update } from '../store/update.ts'
import { checkLock, decodeLock, type Lock, type LockEvent, maxHistory, maxLockBytes, maxNonces } from './document.ts'
import { firstSemaphore, type Semaphore } from './semaphore.ts'

export interface Locking {
  readonly documents: Documents
  readonly clock: Clock
  readonly random: Random
}

export interface LockChange {
  readonly semaphore?: Semaphore
  readonly more?: Partial<Pick<Lock, 'policy' | 'expiries' | 'rolledBackAt'>>
  /** For the history. */
  readonly events: readonly Omit<LockEvent, 'at'>[]
}

/** The state that an edit reads. `lock` is empty if the group does not exist yet. */
export interface Current {
  readonly lock: Lock
  readonly exists: boolean
  readonly now: Instant
}

/** Without a change nothing is written. */
export interface LockEdit<Result> {
  readonly result: Result
  readonly change?: LockChange | undefined
}

/** `after` is stored now. */
export interface LockOutcome<Result> {
  readonly result: Result
  readonly before: Lock
  readonly after: Lock
  /** New entries of the history. */
  readonly events: LockChange['events']
}

/** @throws PlatteError('bad-document') for a damaged group; as `Documents` does. */
export async function readLock({ documents }: Pick<Locking, 'documents'>, group: string) {
  const key = lockKey(group)
  const stored = await documents.get(key, maxLockBytes)
  if (stored === undefined) return undefined
  const lock = decodeLock(key, stored.bytes)
  if (lock.group !== group) throw new PlatteError('bad-document', `${key}: is of group ${JSON.stringify(lock.group)}`)
  return { lock, token: stored.token }
}

const maxGroups = 200

/** The groups of a store, in byte order, 200 at most; none where the store cannot list. */
export async function allGroups({ documents }: Pick<Locking, 'documents'>): Promise<readonly Lock[]> {
  const found: Lock[] = []
  for await (const key of documents.list?.(locksFolder) ?? []) {
    const group = lockGroupOf(key)
    if (group === undefined) continue
    if (found.length >= maxGroups) break
    const stored = await readLock({ documents }, group)
    if (stored !== undefined) found.push(stored.lock)
  }
  return found
}

/** A group before its first request. */
export const emptyLock = (group: string, now: Instant): Lock => ({
  format: 1,
  type: 'lock',
  ...{ group, rev: now, created: now, nonces: [] },
  ...{ ...firstSemaphore, holders: null, policy: {}, expiries: [], history: [] },
})

/**
 * Finds a write whose answer was lost by its nonce: locksmith would otherwise wait forever for its own slot.
 * @param edit takes the newest state, again after each lost race.
 * @throws PlatteError('conflict') after losing every race; 'store-unavailable' if the outcome is unknown.
 */
export async function editLock<Result>(
  locking: Locking,
  group: string,
  edit: (current: Current) => LockEdit<Result>,
): Promise<LockOutcome<Result>> {
  const key = lockKey(group)
  const ours = new Map<string, LockOutcome<Result>>()
  const attempt = async () => {
    const stored = await readLock(locking, group)
    const [landed] = stored?.lock.nonces.flatMap((nonce) => ours.get(nonce) ?? []) ?? []
    if (landed !== undefined) return { result: landed }
    const now = locking.clock()
    const before = stored?.lock ?? emptyLock(group, now)
    const current = { lock: before, exists: stored !== undefined, now }
    const { result, change } = edit(current)
    if (change === undefined) return { result: { result, before, after: before, events: [] } }
    const nonce = nonceOf(locking.random)
    const after = next(current, change, nonce)
    const outcome = { result, before, after, events: change.events }
    ours.set(nonce, outcome)
    return { result: outcome, write: { key, bytes: encode(after), token: stored?.token } }
  }
  return update(locking, key, attempt, { recognisesItself: true })
}

/** The first number is the time: a group that was removed and created again never repeats one. */
function next({ lock: current, exists, now }: Current, { semaphore, more, events }: LockChange, nonce: string): Lock {
  const at = isoText(now)
  return checkLock(lockKey(current.group), {
    ...current,
    ...more,
    rev: exists ? current.rev + 1 : current.rev,
    nonces: [...current.nonces, nonce].slice(-maxNonces),
    max: semaphore?.max ?? current.max,
    holders: semaphore === undefined ? current.holders : semaphore.holders,
    history: [...current.history, ...events.map((event) => ({ at, ...event }))].slice(-maxHistory),
  })
}

const nonceOf = (random: Random): string => {
  const words = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32))
  return words.map((word) => word.toString(16).padStart(8, '0')).join('')
}
