/** Notes who waits for reboot locks, beside the locks themselves, and measures it. */
import type { StoreReader } from '../catalog/read.ts'
import type { Extension, Gauge } from '../checks/serving.ts'
import { waitingFolder, waitingGroupOf } from '../documents/paths.ts'
import { describeError } from '../kernel/log.ts'
import type { Lock } from '../locks/document.ts'
import { maxGroups } from '../locks/store.ts'
import { lockOf, openQueue, type Queue, readWaiting } from './queue.ts'
import { type Waiters, waitersOf } from './waiting.ts'

/** `queue`: for pages. */
export interface LockQueue extends Extension {
  readonly queue: Queue
}

type Reading = Pick<StoreReader, 'documents' | 'clock' | 'log'>

export function openLockQueue(reading: Reading): LockQueue {
  const queue = openQueue()
  const flush = (group: string): Promise<void> =>
    queue.flush(reading, group).catch((error: unknown) => {
      reading.log({ level: 'warn', event: 'lock-queue', group, ...describeError(error) })
    })
  // What is due is written also where no machine asks.
  const flushAll = async (): Promise<void> => {
    for (const group of queue.groups()) await flush(group)
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
    gauges: async () => {
      await flushAll()
      return [await countWaiting(reading, queue)]
    },
    close: flushAll,
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

async function countWaiting(reading: Reading, queue: Queue): Promise<Gauge> {
  const found = new Set(queue.groups())
  for await (const key of reading.documents.list?.(waitingFolder) ?? []) {
    const group = waitingGroupOf(key)
    if (group !== undefined && found.size < maxGroups) found.add(group)
  }
  const [groups, values] = [[...found], new Map<string, number>()]
  const count = async (group: string): Promise<void> => {
    const lock = await lockOf(reading, group, reading.clock()).catch(() => undefined)
    for (const { reason } of lock ? (await readWaiters(reading, queue, lock)).waiting : []) {
      const key = `${group}\n${reasons.includes(reason) ? reason : 'other'}`
      values.set(key, (values.get(key) ?? 0) + 1)
    }
  }
  for (let i = 0; i < groups.length; i += atOnce) await Promise.all(groups.slice(i, i + atOnce).map(count))
  const help = 'Machines of a group that wait for a slot, by the last refusal.'
  return { name: 'platte_lock_waiting', help, label: ['group', 'reason'], values }
}
