/** What the commands of `platte lock` share. */

import { type Command, InvalidArgumentError } from 'commander'
import { command, type Options, settingsOf } from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { isGroupName } from '../../documents/paths.ts'
import { openStore } from '../../runtime/store.ts'
import { maxSlots } from '../semaphore.ts'
import type { Locking } from '../store.ts'

/** What every one of these takes. */
export interface LockOptions extends Options {
  readonly group: string
}

/** Locks are unsigned: they take no pin and no keys. */
export async function openLocking(
  options: LockOptions,
  { isWriting }: { readonly isWriting: boolean },
): Promise<Locking> {
  const { store } = settingsOf(options, ['store'])
  const opened = await openStore(store)
  if (isWriting) await refuseUnsafe({ ...opened, log: warn })
  return opened
}

/** A command on one group. */
export const locking = (name: string, description: string): Command =>
  command(`lock ${name}`, description, ['store'])
    .name(name)
    .option('--group <group>', 'the group', parseGroup, 'default')

export function parseGroup(value: string): string {
  if (!isGroupName(value))
    throw new InvalidArgumentError(
      'Use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, no dot last or beside a dot.',
    )
  return value
}

/** Reads an option's value as a number of slots. */
export function parseMax(value: string): number {
  const max = /^\d{1,7}$/.test(value) ? Number(value) : Number.NaN
  if (!(max <= maxSlots)) throw new InvalidArgumentError(`Use a whole number from 0 to ${maxSlots}.`)
  return max
}
