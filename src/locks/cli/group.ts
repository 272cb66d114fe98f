/** What the commands of reboot locks share: the group, and the store that it is in. Locks are unsigned: no pin and no keys. */
import { type Command, InvalidArgumentError } from 'commander'
import { loadCatalog } from '../../catalog/read.ts'
import { command, type Options, openReadingOf, settingsOf } from '../../cli/options.ts'
import { notice, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { isGroupName } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { openStore } from '../../runtime/store.ts'
import type { Lock } from '../document.ts'
import { channelsOfGroup, holdIn } from '../holds.ts'
import { maxSlots } from '../semaphore.ts'
import { groupNames, type Locking, readLock } from '../store.ts'

export interface LockOptions extends Options {
  readonly group: string
}

export const textThat = (isRight: (text: string) => boolean, words: string) => (text: string) => {
  if (isRight(text)) return text
  throw new InvalidArgumentError(words)
}
const groupWords = 'Use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, no dot last or beside a dot.'
export const parseGroup = textThat(isGroupName, groupWords)

export const numberFrom = (min: number, max: number) => (text: string) => {
  const number = /^\d+$/.test(text) && text.length <= String(max).length ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new InvalidArgumentError(`Use a whole number from ${min} to ${max}.`)
}
export const parseMax = numberFrom(0, maxSlots)

const defaultGroup = 'default'

/** A command on one group. */
export const locking = (name: string, description: string): Command =>
  lockCommandOf(name, description).option('--group <group>', 'the group', parseGroup, defaultGroup)

/** The group of a command that takes it as an argument, too. @throws PlatteError('usage') for two. */
export function nameOf(named: string | undefined, { group }: LockOptions): string {
  if (named !== undefined && group !== defaultGroup && group !== named)
    throw new PlatteError('usage', `${named} and --group ${group} name two groups: give one`)
  return named ?? group
}

export const lockCommandOf = (name: string, description: string): Command =>
  command(`lock ${name}`, description, ['store']).name(name)

export const open = (options: Options) => openStore(settingsOf(options, ['store']).store)

/** For commands that set up a group: refuses stores that lack conditional writes. */
export async function openSafely(options: Options): Promise<Locking> {
  const opened = await open(options)
  await refuseUnsafe({ ...opened, log: warn })
  return opened
}

/** @throws PlatteError('refused') where there is no such group: a name that was mistyped makes none. */
export async function groupOf(opened: Locking, group: string): Promise<Lock> {
  const lock = (await readLock(opened, group))?.lock
  if (lock !== undefined) return lock
  const names = await groupNames(opened)
  const known =
    names.length > 0 && names.length <= 10 ? `the groups are ${names.join(', ')}` : 'platte lock list shows the groups'
  const hint = `${known}; platte lock create ${group} makes this one`
  throw new PlatteError('refused', `there is no lock group ${group}`, { hint })
}

/** The hold in a channel of the group, in words, where the policy looks at holds. */
export async function heldOf(options: Options, { group, policy }: Lock): Promise<string | undefined> {
  if (!policy.vetoOnHold) return undefined
  const { lockChannels = new Map(), pin } = settingsOf(options, ['store'])
  const refs = channelsOfGroup(lockChannels, group)
  const lacks = refs.length === 0 ? `PLATTE_LOCK_CHANNELS names no channel of group ${group}` : 'PLATTE_ROOT is missing'
  if (refs.length === 0 || pin === undefined) {
    notice(`warning: holds are not looked at here: ${lacks}`)
    return undefined
  }
  const { store } = await openReadingOf(options, warn)
  return holdIn((await loadCatalog(store)).catalog.catalog, refs)
}
