/** What update checks report about holders, and the list of all groups. */

import { currentCatalog } from '../catalog/cache.ts'
import { channelEntry } from '../catalog/read.ts'
import { instantText } from '../catalog/write.ts'
import type { Answering } from '../checks/update-check.ts'
import { durationMs } from '../documents/fields.ts'
import { lockGroupOf, locksFolder } from '../documents/paths.ts'
import type { Lock } from './document.ts'
import { findHolder, type Holder, overdue, unlock } from './semaphore.ts'
import { editLock, type Locking, readLock } from './store.ts'

/** At most this often a fallback is written: anybody can report one. */
const rollbackEveryMs = 60_000

/**
 * Frees the slot of a machine that reports its new version, where the policy says so. Only of a locksmith holder:
 * FleetLock's ids differ from those in update checks.
 */
export async function noteReboot(locking: Locking, group: string, id: string): Promise<'release' | 'nothing'> {
  const { lock } = (await readLock(locking, group)) ?? {}
  if (lock === undefined || !isReleased(lock, id)) return 'nothing'
  const { result } = await editLock<'release' | 'nothing'>(locking, group, ({ lock: newest }) => {
    const semaphore = isReleased(newest, id) ? unlock(newest, id) : undefined
    if (semaphore === undefined) return { result: 'nothing' }
    return { result: 'release', change: { semaphore, events: [{ what: 'release', via: 'check', id }] } }
  })
  return result
}

const isReleased = (lock: Lock, id: string): boolean =>
  lock.policy.releaseOnReboot === true && findHolder(lock, id)?.via === 'locksmith'

/** Records that a machine fell back to its old version, where the policy pauses the group after that. */
export async function noteRollback(locking: Locking, group: string): Promise<'rollback' | 'nothing'> {
  const isNews = ({ policy, rolledBackAt }: Lock): boolean =>
    policy.vetoAfterRollback !== undefined &&
    locking.clock() - Date.parse(rolledBackAt ?? instantText(0)) > rollbackEveryMs
  const { lock } = (await readLock(locking, group)) ?? {}
  if (lock === undefined || !isNews(lock)) return 'nothing'
  const { result } = await editLock<'rollback' | 'nothing'>(locking, group, ({ lock: newest, now }) => {
    if (!isNews(newest)) return { result: 'nothing' }
    const more = { rolledBackAt: instantText(now) }
    return { result: 'rollback', change: { more, events: [{ what: 'rollback', via: 'check' }] } }
  })
  return result
}

/** Holders that were silent for longer than the group's lease; none without a lease. */
export const staleHoldersOf = (lock: Lock, now: number): readonly Holder[] =>
  lock.policy.lease === undefined ? [] : overdue(lock, durationMs(lock.policy.lease), now)

/** Metrics and lists read at most this many. */
const maxGroups = 200

/**
 * The groups of a store, in byte order, 200 at most.
 * @returns none where the store cannot list.
 */
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

/**
 * Whether something is held in one of these channels, in words. A catalog that cannot be read counts as a hold.
 * @param places `app/channel` each.
 */
export async function holdIn(
  { cache, reader, background }: Answering,
  places: readonly string[],
): Promise<string | undefined> {
  const state = await currentCatalog(cache, reader, background)
  if ('reason' in state) return `whether ${places.join(', ')} is held cannot be known: ${state.message}`
  for (const ref of places) {
    const [app = '', channel = ''] = ref.split('/')
    const [hold] = channelEntry(state.catalog.catalog, app, channel)?.holds ?? []
    if (hold !== undefined) return `${hold.version} is held in ${channel}: ${hold.reason}`
  }
  return undefined
}
