/** `platte lock`: what locksmithctl does, over the store itself; and what only an operator of the store can. */
import { Command } from 'commander'
import { oneOf, parseCount } from '../../cli/options.ts'
import { askLockGate } from '../../cli/registered.ts'
import { notice, show, table } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { timeText } from '../../kernel/format.ts'
import { historyOf, oldestOf, readWaiters, waiterLines } from '../../lock-queue/cli.ts'
import { noWaiters, type Waiters } from '../../lock-queue/waiting.ts'
import type { Lock } from '../document.ts'
import { type Driver, drivers, moveGroup } from '../driver.ts'
import { acknowledgeRollback, createGroup, lockMachine, setMax, staleHoldersOf, unlockMachine } from '../edits.ts'
import { resolveGroup } from '../resolve.ts'
import { available, isHolderId, lastSeen, maxSlots, type Veto } from '../semaphore.ts'
import { allGroups, refuseEmptyStore } from '../store.ts'
import { soakingOf, tickOf } from '../ticks.ts'
import { vetoHere } from '../vetoes.ts'
import { calendarWarning } from './calendar.ts'
import { changeDriver, driverWords, placementText } from './driver.ts'
import {
  groupOf,
  heldOf,
  type LockOptions,
  lockCommandOf,
  locking,
  nameOf,
  open,
  openSafely,
  parseGroup,
  parseMax,
  textThat,
} from './group.ts'
import { changePolicy, policyLines, withPolicy } from './policy.ts'
import { changeZones, shownPolicy, withZones, zoneRows, zoneTable } from './zones.ts'

const refused = (words: string, hint?: string): PlatteError => new PlatteError('refused', words, hint ? { hint } : {})

const parseHolder = textThat(isHolderId, 'Use 1 to 255 characters on one line.')

/** Reboot locks. */
export function lockCommand(): Command {
  const commands = [
    locking('create', 'make a group: no client can')
      .argument('[group]', 'the group, as --group', parseGroup)
      .option('--max <count>', 'how many may reboot at once', parseMax, 1)
      .option('--driver <driver>', driverWords, oneOf(drivers))
      .action(makeGroup),
    lockCommandOf('list', 'show the groups').action(listGroups),
    locking('status', 'show who holds a slot, and how many are free, in the format of locksmithctl')
      .argument('[group]', 'the group, as --group', parseGroup)
      .option('--wide', 'also show since when, the protocol, when last seen, who waits and why, and the policy')
      .action(showStatus),
    locking('driver', 'show what keeps a group; with a driver, move it')
      .argument('[driver]', driverWords, oneOf(drivers))
      .action(changeDriver),
    locking('set-max', 'set how many machines may reboot at once; 0 stops all')
      .argument('<max>', `0 to ${maxSlots}`, parseMax)
      .action(changeMax),
    locking('lock', 'give a machine a slot, whatever the policy is')
      .argument('<machine>', 'its id: /etc/machine-id', parseHolder)
      .action(takeSlot),
    locking('unlock', 'free the slot of a dead machine')
      .argument('<machine>', 'its id, as in `platte lock status`', parseHolder)
      .action(freeSlot),
    withPolicy(locking('policy', "show a group's policy; with options, set it")).action(changePolicy),
    withZones(locking('zones', 'show which machines must not all reboot at once; with options, set it')).action(
      changeZones,
    ),
    locking('acknowledge', 'end the pause after a machine that fell back').action(acknowledge),
    locking('history', 'show who held a slot, and who changed what')
      .option('--limit <count>', 'how many, newest first', parseCount, 20)
      .action(showHistory),
  ]
  const lock = new Command('lock').description('let machines reboot in turns').exitOverride()
  for (const one of commands) lock.addCommand(one)
  return lock
}

async function showStatus(named: string | undefined, options: LockOptions & { wide?: boolean }): Promise<void> {
  const opened = await open(options)
  const [lock, now] = [await groupOf(opened, nameOf(named, options)), opened.clock()]
  const gate = options.wide || options.json ? await askLockGate(options, lock.group) : undefined
  const veto = vetoHere(lock, { now, held: await heldOf(options, lock), gate })
  const stale = staleHoldersOf(lock, now).map(({ id }) => id)
  const { group, max, policy } = lock
  const holders = (lock.holders ?? []).map(({ tick: _, ...one }) => ({ ...one, overdue: stale.includes(one.id) }))
  const soaking = soakingOf(lock, tickOf(lock, now)).map(({ id }) => id)
  const zones = zoneRows(lock, tickOf(lock, now))
  const waiters = options.wide || options.json ? await readWaiters(opened, lock) : noWaiters
  const lines = options.wide ? wideLines(lock, { stale, soaking, veto, zones, waiters }) : shortLines(lock)
  const slots = { group, available: available(lock), max, holders, oldest: oldestOf(lock), soaking, zones }
  const data = { ...slots, veto: veto ?? null, policy: shownPolicy(policy), ...waiters, history: historyOf(lock) }
  show(options.json, data, lines)
  const words = `not seen for longer than ${policy.lease}: ${stale.join(', ')}; \`platte lock unlock ID\` frees a slot`
  if (stale.length > 0) notice(`warning: ${words}`)
  const soon = calendarWarning(policy, now)
  if (soon !== undefined) notice(`warning: ${soon}`)
}

/** As locksmithctl writes it. */
const shortLines = (lock: Lock): readonly string[] => [
  `Available: ${available(lock)}`,
  `Max: ${lock.max}`,
  ...(lock.holders?.length ? ['', 'MACHINE ID', ...lock.holders.map(({ id }) => id)] : []),
]

interface Now {
  readonly stale: readonly string[]
  readonly soaking: readonly string[]
  readonly veto: Veto | undefined
  readonly zones: ReturnType<typeof zoneRows>
  readonly waiters: Waiters
}

function wideLines(lock: Lock, { stale, soaking, veto, zones, waiters }: Now): readonly string[] {
  const rows = (lock.holders ?? []).map((one) => [
    ...[one.id, one.via, timeText(one.since), timeText(lastSeen(one))],
    ...(zones.length === 0 ? [] : [one.zone ?? '?']),
    stale.includes(one.id) ? 'overdue' : '',
  ])
  const heads = ['MACHINE ID', 'BY', 'SINCE', 'LAST SEEN', ...(zones.length === 0 ? [] : ['ZONE']), '']
  return [
    `Available: ${available(lock)}`,
    ...policyLines(lock),
    ...(veto === undefined ? [] : [`No slots now: ${veto.reason}`]),
    ...(soaking.length === 0 ? [] : [`Came back, and keep their slots for now: ${soaking.join(', ')}`]),
    ...(rows.length === 0 ? [] : ['', ...table([heads, ...rows])]),
    ...(zones.length === 0 ? [] : ['', ...zoneTable(zones)]),
    ...waiterLines(waiters),
  ]
}

interface Group {
  readonly max: number
  readonly driver?: Driver
}

async function makeGroup(named: string | undefined, options: LockOptions & Group): Promise<void> {
  const group = nameOf(named, options)
  const opened = await openSafely(options)
  await refuseEmptyStore(opened)
  const { group: base, zone } = await resolveGroup(opened, group)
  if (zone !== undefined) throw refused(`${group} is zone ${zone} of group ${base}`, 'see `platte lock zones --help`')
  const { result, after } = await createGroup(opened, group, options.max, 'operator')
  if (result === 'exists') throw refused(`group ${group} exists`, `platte lock set-max ${options.max} --group ${group}`)
  const kept = options.driver && (await moveGroup(opened, group, options.driver))
  const lines = [`created group ${group}: ${after.max} at once`, ...(kept ? [placementText(group, kept)] : [])]
  show(options.json, { group, max: after.max, ...kept }, lines)
}

async function listGroups(options: LockOptions): Promise<void> {
  const opened = await open(options)
  const { locks, damaged, elsewhere, unread } = await allGroups(opened)
  const rows = locks.map((lock) => [lock.group, String(lock.max), String(available(lock))])
  const names = [...damaged.keys()]
  const shown = locks.map((lock) => ({ group: lock.group, max: lock.max, available: available(lock) }))
  const lines = rows.length === 0 ? [] : table([['GROUP', 'MAX', 'AVAILABLE'], ...rows])
  show(options.json, { groups: shown, damaged: names, elsewhere, unread }, lines)
  if (elsewhere.length > 0) notice(`in Durable Objects: ${elsewhere.toSorted().join(', ')}`)
  for (const problem of damaged.values()) notice(`warning: ${problem}`)
  if (unread > 0) notice(`warning: ${unread} groups more are not shown`)
}

async function acknowledge(options: LockOptions): Promise<void> {
  const opened = await open(options)
  await groupOf(opened, options.group)
  const { result } = await acknowledgeRollback(opened, options.group)
  if (result === undefined) throw refused('no machine of this group fell back since the last time')
  show(options.json, { group: options.group, acknowledged: result }, [`acknowledged: ${timeText(result)}`])
}

async function changeMax(max: number, options: LockOptions): Promise<void> {
  const opened = await openSafely(options)
  await groupOf(opened, options.group)
  const { before } = await setMax(opened, options.group, max)
  show(options.json, { group: options.group, oldMax: before.max, max }, [`Old-Max: ${before.max}`, `Max: ${max}`])
}

async function takeSlot(id: string, options: LockOptions): Promise<void> {
  const opened = await open(options)
  await groupOf(opened, options.group)
  const { result, before } = await lockMachine(opened, options.group, { id, via: 'operator' })
  if (result.kind === 'full') throw refused(`semaphore is at ${result.available}`, 'unlock one, or raise set-max')
  if (result.kind === 'held')
    throw available(before) <= 0 ? refused(`semaphore is at ${available(before)}`) : refused('holder exists')
  show(options.json, { group: options.group, locked: id }, [])
}

async function freeSlot(id: string, options: LockOptions): Promise<void> {
  const opened = await open(options)
  await groupOf(opened, options.group)
  const { result } = await unlockMachine(opened, options.group, { id, via: 'operator' })
  if (result === 'not-held') throw refused('holder does not exist', 'see `platte lock status`')
  show(options.json, { group: options.group, unlocked: id }, [])
}

async function showHistory(options: LockOptions & { limit: number }): Promise<void> {
  const lock = await groupOf(await open(options), options.group)
  const events = lock.history.slice(-options.limit).reverse()
  const lines = events.map(({ at, what, via, id, max }) =>
    [at, what, id ?? max, via && `by ${via}`].filter((part) => part !== undefined).join('  '),
  )
  show(options.json, events, lines)
}
