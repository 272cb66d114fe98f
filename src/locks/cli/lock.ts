/** `platte lock`: what locksmithctl does, over the store itself; and what only an operator of the store can. */

import { Command, InvalidArgumentError } from 'commander'
import { parseCount } from '../../cli/options.ts'
import { notice, show, table } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { timeText } from '../../kernel/format.ts'
import type { Lock, LockEvent } from '../document.ts'
import { lockMachine, setMax, unlockMachine, vetoHere } from '../edits.ts'
import { staleHoldersOf } from '../notes.ts'
import { available, isHolderId, lastSeen, maxSlots } from '../semaphore.ts'
import { emptyLock, readLock } from '../store.ts'
import { lockPolicyCommand, policyLines } from './lock-policy.ts'
import { type LockOptions, locking, openLocking, parseMax } from './locking.ts'

/** Reboot locks. */
export function lockCommand(): Command {
  const lock = new Command('lock').description('give machines their turn to reboot').exitOverride()
  for (const make of [statusCommand, setMaxCommand, takeCommand, freeCommand, lockPolicyCommand, historyCommand])
    lock.addCommand(make())
  return lock
}

function statusCommand(): Command {
  return locking('status', 'say who reboots, and how many may, as locksmithctl does')
    .option('--wide', 'also since when, by what, when last heard of, and the policy')
    .action(async (options: LockOptions & { wide?: boolean }) => {
      const opened = await openLocking(options, { isWriting: false })
      const now = opened.clock()
      const { lock } = (await readLock(opened, options.group)) ?? { lock: emptyLock(options.group, now) }
      const ghosts = staleHoldersOf(lock, now).map(({ id }) => id)
      const { max, holders, policy } = lock
      const seen = (holders ?? []).map((one) => ({ ...one, overdue: ghosts.includes(one.id) }))
      const data = { group: lock.group, available: available(lock), max, holders: seen, policy }
      show(options.json, data, options.wide ? wideLines(lock, ghosts, now) : lines(lock))
      if (ghosts.length > 0)
        notice(
          `warning: not heard of for longer than ${policy.lease}: ${ghosts.join(', ')}; \`platte lock unlock ID\` frees it`,
        )
    })
}

/** As locksmithctl writes it. */
const lines = (lock: Lock): readonly string[] => [
  `Available: ${available(lock)}`,
  `Max: ${lock.max}`,
  ...(lock.holders?.length ? ['', 'MACHINE ID', ...lock.holders.map(({ id }) => id)] : []),
]

function wideLines(lock: Lock, ghosts: readonly string[], now: number): readonly string[] {
  const rows = (lock.holders ?? []).map((one) => [
    one.id,
    one.via,
    timeText(one.since),
    timeText(lastSeen(one)),
    ghosts.includes(one.id) ? 'overdue' : '',
  ])
  const veto = vetoHere(lock, { now, held: undefined })
  return [
    `Available: ${available(lock)}`,
    ...policyLines(lock),
    ...(veto === undefined ? [] : [`No slots now: ${veto}`]),
    ...(rows.length === 0 ? [] : ['', ...table([['MACHINE ID', 'BY', 'SINCE', 'LAST SEEN', ''], ...rows])]),
  ]
}

function setMaxCommand(): Command {
  return locking('set-max', 'set how many may reboot at once; 0 stops all')
    .argument('<max>', `0 to ${maxSlots}`, parseMax)
    .action(async (max: number, options: LockOptions) => {
      const { before } = await setMax(await openLocking(options, { isWriting: true }), options.group, max)
      show(options.json, { group: options.group, oldMax: before.max, max }, [`Old-Max: ${before.max}`, `Max: ${max}`])
    })
}

function parseHolder(value: string): string {
  if (!isHolderId(value)) throw new InvalidArgumentError('Use 1 to 255 characters on one line.')
  return value
}

function takeCommand(): Command {
  return locking('lock', 'give a machine a slot, whatever the policy says')
    .argument('<machine>', 'its id: /etc/machine-id', parseHolder)
    .action(async (id: string, options: LockOptions) => {
      const opened = await openLocking(options, { isWriting: false })
      const { result, before } = await lockMachine(opened, options.group, { id, via: 'operator' })
      if (result.kind === 'full') throw refused(`semaphore is at ${result.available}`, 'unlock one, or raise set-max')
      if (result.kind === 'held')
        throw available(before) <= 0 ? refused(`semaphore is at ${available(before)}`) : refused('holder exists')
      show(options.json, { group: options.group, locked: id }, [])
    })
}

function freeCommand(): Command {
  return locking('unlock', 'take a slot back, of a machine that died with it')
    .argument('<machine>', 'its id, as status shows it', parseHolder)
    .action(async (id: string, options: LockOptions) => {
      const opened = await openLocking(options, { isWriting: false })
      const { result } = await unlockMachine(opened, options.group, { id, via: 'operator' })
      if (result === 'not-held') throw refused('holder does not exist', 'see `platte lock status`')
      show(options.json, { group: options.group, unlocked: id }, [])
    })
}

const refused = (words: string, hint?: string): PlatteError => new PlatteError('refused', words, hint ? { hint } : {})

function historyCommand(): Command {
  return locking('history', 'show who held a slot, and who changed what')
    .option('--limit <count>', 'so many of the newest', parseCount, 20)
    .action(async (options: LockOptions & { limit: number }) => {
      const { lock } = (await readLock(await openLocking(options, { isWriting: false }), options.group)) ?? {}
      const events = (lock?.history ?? []).slice(-options.limit).reverse()
      show(options.json, events, events.map(eventLine))
    })
}

const eventLine = ({ at, what, via, id, max }: LockEvent): string =>
  [at, what, id ?? max, via && `by ${via}`].filter((part) => part !== undefined).join('  ')
