/** Reboot locks as metrics, as they are stored now. */
import type { Gauge } from '../checks/serving.ts'
import { lockGroupOf, locksFolder } from '../documents/paths.ts'
import type { Lock } from './document.ts'
import { type Locking, readLock, staleHoldersOf } from './store.ts'

const maxGroups = 200

/** Reads every group once. */
export async function lockGauges({ documents, clock }: Omit<Locking, 'random'>): Promise<readonly Gauge[]> {
  const groups = await allGroups({ documents })
  const gauge = (name: string, help: string, read: (lock: Lock) => number): Gauge => ({
    ...{ name, help, label: 'group' },
    values: new Map(groups.map((lock) => [lock.group, read(lock)])),
  })
  return [
    gauge('platte_lock_slots', 'Machines of a group that may reboot at once.', ({ max }) => max),
    gauge('platte_lock_holders', 'Machines of a group that hold a slot.', ({ holders }) => holders?.length ?? 0),
    gauge(
      'platte_lock_overdue',
      'Holders not seen for longer than their lease.',
      (lock) => staleHoldersOf(lock, clock()).length,
    ),
  ]
}

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
