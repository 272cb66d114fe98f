/** Reboot locks as metrics, as they are stored now. */
import type { Gauge } from '../checks/serving.ts'
import type { Lock } from './document.ts'
import { allGroups, staleHoldersOf } from './notes.ts'
import type { Locking } from './store.ts'

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
      'Holders not heard of for longer than their lease.',
      (lock) => staleHoldersOf(lock, clock()).length,
    ),
  ]
}
