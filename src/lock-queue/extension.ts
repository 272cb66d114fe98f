/** Notes who waits for reboot locks, beside the locks themselves, and measures it. */
import type { StoreReader } from '../catalog/read.ts'
import type { Extension, Gauge } from '../checks/serving.ts'
import { waitingFolder, waitingGroupOf } from '../documents/paths.ts'
import { describeError } from '../kernel/log.ts'
import { inParallel } from '../kernel/parallel.ts'
import type { Lock } from '../locks/document.ts'
import { groupsOf, maxGroups } from '../locks/store.ts'
import { lockOf, openQueue, type Queue, readWaiting } from './queue.ts'
import { type Waiters, waitersOf } from './waiting.ts'

/** `queue`: for pages. */
export interface LockQueue extends Extension {
  readonly queue: Queue
}

type Reading = Pick<StoreReader, 'documents' | 'clock' | 'log'>
/** Groups as a scrape read them. */
type Locks = ReadonlyMap<string, Lock>

export function openLockQueue(reading: Reading): LockQueue {
  const queue = openQueue()
  const flush = (group: string, lock?: Lock): Promise<void> =>
    queue.flush(reading, group, lock).catch((error: unknown) => {
      reading.log({ level: 'warn', event: 'lock-queue', group, ...describeError(error) })
    })
  // What is due is written also where no machine asks.
  const flushAll = async (locks: Locks = new Map()): Promise<void> => {
    for (const group of queue.groups()) await flush(group, locks.get(group))
  }
  return {
    ...{ name: 'lock-queue', queue },
    lockQueue: {
      async note(asked, background) {
        queue.note(asked, reading.clock())
        if (asked.what !== 'refused' && asked.what !== 'looked') return
        const work = flush(asked.group)
        if (background === undefined) await work
        else background(work)
      },
    },
    problems: async () => {
      await flushAll()
      return []
    },
    gauges: async (scrape) => {
      const locks = new Map((await groupsOf(scrape, reading)).locks.map((lock) => [lock.group, lock]))
      await flushAll(locks)
      return [await countWaiting(reading, queue, locks)]
    },
    close: () => flushAll(),
  }
}

/** A document that cannot be read counts as none: this process still knows what it saw. */
export async function readWaiters(
  reading: Pick<Reading, 'documents' | 'clock'>,
  queue: Queue | undefined,
  lock: Lock,
): Promise<Waiters> {
  const stored = await readWaiting(reading, lock.group).catch(() => undefined)
  return waitersOf(stored?.machines ?? [], lock, reading.clock(), queue?.newsOf(lock.group))
}

/** All reasons that this version writes. Any other counts as `other`, because a writer of the store can invent reasons. */
const reasons = ['full', 'kept', 'hold', 'rollback', 'freeze', 'calendar', 'window', 'soak', 'zone', 'gate']

/** Read at once. */
const atOnce = 16

async function countWaiting(reading: Reading, queue: Queue, locks: Locks): Promise<Gauge> {
  const found = new Set(queue.groups())
  for await (const key of reading.documents.list?.(waitingFolder) ?? []) {
    const group = waitingGroupOf(key)
    if (group !== undefined && found.size < maxGroups) found.add(group)
  }
  const values = new Map<string, number>()
  const count = async (group: string): Promise<void> => {
    const lock = locks.get(group) ?? (await lockOf(reading, group, reading.clock()).catch(() => undefined))
    for (const { reason } of lock ? (await readWaiters(reading, queue, lock)).waiting : []) {
      const key = `${group}\n${reasons.includes(reason) ? reason : 'other'}`
      values.set(key, (values.get(key) ?? 0) + 1)
    }
  }
  await inParallel([...found], atOnce, count)
  const help = 'Machines of a group that wait for a slot, by the last refusal.'
  return { name: 'platte_lock_waiting', help, label: ['group', 'reason'], values }
}
