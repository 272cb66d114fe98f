/** `platte lock`: what locksmithctl does, over the store itself; and what only an operator of the store can. */
import { Command, InvalidArgumentError } from 'commander'
import { command, type Options, parseCount, settingsOf } from '../../cli/options.ts'
import { notice, show, table, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { isGroupName } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { timeText } from '../../kernel/format.ts'
import { openStore } from '../../runtime/store.ts'
import type { Lock } from '../document.ts'
import { lockMachine, setMax, unlockMachine, vetoHere } from '../edits.ts'
import { available, isHolderId, lastSeen, maxSlots } from '../semaphore.ts'
import { emptyLock, type Locking, readLock, staleHoldersOf } from '../store.ts'
import { configure, type PolicyOptions, policyLines, withPolicy } from './lock-policy.ts'

interface LockOptions extends Options {
  readonly group: string
}

/** Reboot locks. */
export function lockCommand(): Command {
  const lock = new Command('lock').description('let machines reboot in turns').exitOverride()
  for (const make of [statusCommand, setMaxCommand, takeCommand, freeCommand, policyCommand, historyCommand])
    lock.addCommand(make())
  return lock
}

/** Locks are unsigned: they need no pin and no keys. */
const open = (options: LockOptions): Promise<Locking> => openStore(settingsOf(options, ['store']).store)

/** For commands that set up a group: refuses stores that lack conditional writes. */
async function openSafely(options: LockOptions): Promise<Locking> {
  const opened = await openStore(settingsOf(options, ['store']).store)
  await refuseUnsafe({ ...opened, log: warn })
  return opened
}

/** A command on one group. */
const locking = (name: string, description: string): Command =>
  command(`lock ${name}`, description, ['store'])
    .name(name)
    .option('--group <group>', 'the group', parseGroup, 'default')

const readGroup = async (opened: Locking, group: string): Promise<Lock> =>
  (await readLock(opened, group))?.lock ?? emptyLock(group, opened.clock())

function statusCommand(): Command {
  return locking('status', 'show who holds a slot, and how many are free, in the format of locksmithctl')
    .option('--wide', 'also show since when, the protocol, when last seen, and the policy')
    .action(async (options: LockOptions & { wide?: boolean }) => {
      const opened = await open(options)
      const now = opened.clock()
      const lock = await readGroup(opened, options.group)
      const stale = staleHoldersOf(lock, now).map(({ id }) => id)
      const { group, max, policy } = lock
      const holders = (lock.holders ?? []).map((one) => ({ ...one, overdue: stale.includes(one.id) }))
      const lines = options.wide ? wideLines(lock, stale, now) : shortLines(lock)
      show(options.json, { group, available: available(lock), max, holders, policy }, lines)
      if (stale.length > 0)
        notice(
          `warning: not seen for longer than ${policy.lease}: ${stale.join(', ')}; \`platte lock unlock ID\` frees a slot`,
        )
    })
}

/** As locksmithctl writes it. */
const shortLines = (lock: Lock): readonly string[] => [
  `Available: ${available(lock)}`,
  `Max: ${lock.max}`,
  ...(lock.holders?.length ? ['', 'MACHINE ID', ...lock.holders.map(({ id }) => id)] : []),
]

function wideLines(lock: Lock, stale: readonly string[], now: number): readonly string[] {
  const rows = (lock.holders ?? []).map((one) => [
    ...[one.id, one.via, timeText(one.since), timeText(lastSeen(one))],
    stale.includes(one.id) ? 'overdue' : '',
  ])
  const veto = vetoHere(lock, { now })
  return [
    `Available: ${available(lock)}`,
    ...policyLines(lock),
    ...(veto === undefined ? [] : [`No slots now: ${veto}`]),
    ...(rows.length === 0 ? [] : ['', ...table([['MACHINE ID', 'BY', 'SINCE', 'LAST SEEN', ''], ...rows])]),
  ]
}

function setMaxCommand(): Command {
  return locking('set-max', 'set how many machines may reboot at once; 0 stops all')
    .argument('<max>', `0 to ${maxSlots}`, parseMax)
    .action(async (max: number, options: LockOptions) => {
      const { before } = await setMax(await openSafely(options), options.group, max)
      show(options.json, { group: options.group, oldMax: before.max, max }, [`Old-Max: ${before.max}`, `Max: ${max}`])
    })
}

function takeCommand(): Command {
  return locking('lock', 'give a machine a slot, whatever the policy is')
    .argument('<machine>', 'its id: /etc/machine-id', parseHolder)
    .action(async (id: string, options: LockOptions) => {
      const { result, before } = await lockMachine(await open(options), options.group, { id, via: 'operator' })
      if (result.kind === 'full') throw refused(`semaphore is at ${result.available}`, 'unlock one, or raise set-max')
      if (result.kind === 'held')
        throw available(before) <= 0 ? refused(`semaphore is at ${available(before)}`) : refused('holder exists')
      show(options.json, { group: options.group, locked: id }, [])
    })
}

function freeCommand(): Command {
  return locking('unlock', 'free the slot of a dead machine')
    .argument('<machine>', 'its id, as in `platte lock status`', parseHolder)
    .action(async (id: string, options: LockOptions) => {
      const { result } = await unlockMachine(await open(options), options.group, { id, via: 'operator' })
      if (result === 'not-held') throw refused('holder does not exist', 'see `platte lock status`')
      show(options.json, { group: options.group, unlocked: id }, [])
    })
}

const refused = (words: string, hint?: string): PlatteError => new PlatteError('refused', words, hint ? { hint } : {})

function policyCommand(): Command {
  const made = locking('policy', "show a group's policy; with options, set it")
    .argument('[group]', 'the group, as --group', parseGroup)
    .option('--max <count>', 'how many may reboot at once', parseMax)
  return withPolicy(made).action(async (named: string | undefined, options: LockOptions & PolicyOptions) => {
    const group = named ?? options.group
    const setting = await configure(group, options, {
      read: async () => readGroup(await open(options), group),
      open: () => openSafely(options),
    })
    show(options.json, { group, ...setting }, [`group ${group}`, ...policyLines(setting)])
  })
}

function historyCommand(): Command {
  return locking('history', 'show who held a slot, and who changed what')
    .option('--limit <count>', 'how many, newest first', parseCount, 20)
    .action(async (options: LockOptions & { limit: number }) => {
      const { history } = await readGroup(await open(options), options.group)
      const events = history.slice(-options.limit).reverse()
      const lines = events.map(({ at, what, via, id, max }) =>
        [at, what, id ?? max, via && `by ${via}`].filter((part) => part !== undefined).join('  '),
      )
      show(options.json, events, lines)
    })
}

function parseGroup(value: string): string {
  if (isGroupName(value)) return value
  throw new InvalidArgumentError(
    'Use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, no dot last or beside a dot.',
  )
}

function parseHolder(value: string): string {
  if (isHolderId(value)) return value
  throw new InvalidArgumentError('Use 1 to 255 characters on one line.')
}

function parseMax(value: string): number {
  const max = /^\d{1,7}$/.test(value) ? Number(value) : Number.NaN
  if (max <= maxSlots) return max
  throw new InvalidArgumentError(`Use a whole number from 0 to ${maxSlots}.`)
}
