/** Who waits for a slot, as `platte lock status` shows it. */
import { notice, table } from '../cli/terminal.ts'
import { PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import type { Lock } from '../locks/document.ts'
import { oldestHolder } from '../locks/semaphore.ts'
import type { Locking } from '../locks/store.ts'
import { readWaiting } from './queue.ts'
import { noWaiters, type Waiters, waitersOf } from './waiting.ts'

/** As servers wrote it, some minutes ago at most. A damaged document is a warning: slots do not depend on it. */
export async function readWaiters(opened: Locking, lock: Lock): Promise<Waiters> {
  try {
    return waitersOf((await readWaiting(opened, lock.group))?.machines ?? [], lock, opened.clock())
  } catch (error) {
    if (!(error instanceof PlatteError) || error.code !== 'bad-document') throw error
    notice(`warning: who waits is not known: ${error.message}; delete it, and servers write it anew`)
    return noWaiters
  }
}

/** The newest entries of the history that `status --json` has. */
const maxEvents = 20

export const historyOf = ({ history }: Lock): Lock['history'] => history.slice(-maxEvents).reverse()

export function oldestOf(lock: Lock) {
  const oldest = oldestHolder(lock)
  return oldest === undefined ? null : { id: oldest.id, since: oldest.since }
}

export function waiterLines({ waiting, silent }: Waiters): readonly string[] {
  const rows = waiting.map(({ id, via, first, last, reason }) => [id, via, timeText(first), timeText(last), reason])
  return [
    ...(rows.length === 0 ? [] : ['', ...table([['WAITING', 'BY', 'FIRST ASKED', 'LAST ASKED', 'WHY'], ...rows])]),
    ...(silent.length === 0 ? [] : ['', `Stopped asking without a slot: ${silent.map(({ id }) => id).join(', ')}`]),
  ]
}
