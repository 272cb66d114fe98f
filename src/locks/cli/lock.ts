/** `platte lock`: what locksmithctl does, over the store itself; and what only an operator of the store can. */
import { Command, InvalidArgumentError } from 'commander'
import { command, type Options, parseCount, parseDuration, settingsOf } from '../../cli/options.ts'
import { notice, show, table, warn } from '../../cli/terminal.ts'
import { type WindowOptions, windowOf, withWindow } from '../../cli/window.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { isGroupName } from '../../documents/paths.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { durationText, timeText } from '../../kernel/format.ts'
import { windowsText } from '../../release/diff.ts'
import { windowProblem } from '../../release/window.ts'
import { openStore } from '../../runtime/store.ts'
import { type Lock, type LockPolicy, maxExpiries } from '../document.ts'
import {
  configureGroup,
  type GroupSetting,
  lockMachine,
  setMax,
  staleHoldersOf,
  unlockMachine,
  vetoHere,
} from '../edits.ts'
import { available, isHolderId, lastSeen, maxSlots } from '../semaphore.ts'
import { emptyLock, type Locking, readLock } from '../store.ts'

interface LockOptions extends Options {
  readonly group: string
}

const refused = (words: string, hint?: string): PlatteError => new PlatteError('refused', words, hint ? { hint } : {})

const textThat = (isRight: (text: string) => boolean, words: string) => (text: string) => {
  if (isRight(text)) return text
  throw new InvalidArgumentError(words)
}
const groupWords = 'Use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first, no dot last or beside a dot.'
const parseGroup = textThat(isGroupName, groupWords)
const parseHolder = textThat(isHolderId, 'Use 1 to 255 characters on one line.')

const numberFrom = (min: number, max: number) => (text: string) => {
  const number = /^\d+$/.test(text) && text.length <= String(max).length ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new InvalidArgumentError(`Use a whole number from ${min} to ${max}.`)
}
const parseMax = numberFrom(0, maxSlots)
const parseExpire = numberFrom(1, maxExpiries)

/** Reboot locks. */
export function lockCommand(): Command {
  const commands = [
    locking('status', 'show who holds a slot, and how many are free, in the format of locksmithctl')
      .option('--wide', 'also show since when, the protocol, when last seen, and the policy')
      .action(showStatus),
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
    locking('history', 'show who held a slot, and who changed what')
      .option('--limit <count>', 'how many, newest first', parseCount, 20)
      .action(showHistory),
  ]
  const lock = new Command('lock').description('let machines reboot in turns').exitOverride()
  for (const one of commands) lock.addCommand(one)
  return lock
}

/** A command on one group. */
const locking = (name: string, description: string): Command =>
  command(`lock ${name}`, description, ['store'])
    .name(name)
    .option('--group <group>', 'the group', parseGroup, 'default')

/** Locks are unsigned: they need no pin and no keys. */
const open = (options: LockOptions) => openStore(settingsOf(options, ['store']).store)

/** For commands that set up a group: refuses stores that lack conditional writes. */
async function openSafely(options: LockOptions): Promise<Locking> {
  const opened = await open(options)
  await refuseUnsafe({ ...opened, log: warn })
  return opened
}

async function readGroup(options: LockOptions, group = options.group) {
  const opened = await open(options)
  const now = opened.clock()
  return { now, lock: (await readLock(opened, group))?.lock ?? emptyLock(group, now) }
}

async function showStatus(options: LockOptions & { wide?: boolean }): Promise<void> {
  const { lock, now } = await readGroup(options)
  const stale = staleHoldersOf(lock, now).map(({ id }) => id)
  const { group, max, policy } = lock
  const holders = (lock.holders ?? []).map((one) => ({ ...one, overdue: stale.includes(one.id) }))
  const lines = options.wide ? wideLines(lock, stale, now) : shortLines(lock)
  show(options.json, { group, available: available(lock), max, holders, policy }, lines)
  const words = `not seen for longer than ${policy.lease}: ${stale.join(', ')}; \`platte lock unlock ID\` frees a slot`
  if (stale.length > 0) notice(`warning: ${words}`)
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

async function changeMax(max: number, options: LockOptions): Promise<void> {
  const { before } = await setMax(await openSafely(options), options.group, max)
  show(options.json, { group: options.group, oldMax: before.max, max }, [`Old-Max: ${before.max}`, `Max: ${max}`])
}

async function takeSlot(id: string, options: LockOptions): Promise<void> {
  const { result, before } = await lockMachine(await open(options), options.group, { id, via: 'operator' })
  if (result.kind === 'full') throw refused(`semaphore is at ${result.available}`, 'unlock one, or raise set-max')
  if (result.kind === 'held')
    throw available(before) <= 0 ? refused(`semaphore is at ${available(before)}`) : refused('holder exists')
  show(options.json, { group: options.group, locked: id }, [])
}

async function freeSlot(id: string, options: LockOptions): Promise<void> {
  const { result } = await unlockMachine(await open(options), options.group, { id, via: 'operator' })
  if (result === 'not-held') throw refused('holder does not exist', 'see `platte lock status`')
  show(options.json, { group: options.group, unlocked: id }, [])
}

async function showHistory(options: LockOptions & { limit: number }): Promise<void> {
  const { lock } = await readGroup(options)
  const events = lock.history.slice(-options.limit).reverse()
  const lines = events.map(({ at, what, via, id, max }) =>
    [at, what, id ?? max, via && `by ${via}`].filter((part) => part !== undefined).join('  '),
  )
  show(options.json, events, lines)
}

type SwitchName = 'vetoOnHold' | 'vetoAfterRollback' | 'lease' | 'expire' | 'releaseOnReboot'
type Switch = readonly [name: SwitchName, flags: string, on: string, off: string, parse?: (text: string) => unknown]

/** Members of a policy, each an option and its `--no-…`, in the order of the document. */
const switches: readonly Switch[] = [
  ['vetoOnHold', 'veto-on-hold', 'no slots while a release is held in a channel of the group', 'ignore holds'],
  [
    ...(['vetoAfterRollback', 'veto-after-rollback <duration>'] as const),
    'no slots for this long after a machine fell back (error 44)',
    'ignore machines that fell back',
    parseDuration,
  ],
  ['lease', 'lease <duration>', 'report holders not seen for longer, such as 4h', 'report none', parseDuration],
  ['expire', 'expire <count>', 'free overdue holders, at most this many a day', 'free none', parseExpire],
  [
    ...(['releaseOnReboot', 'release-on-reboot'] as const),
    'free a holder of locksmith when its update check reports a new version',
    'wait until it frees its slot itself',
  ],
]

/** `false` is the option's `--no-…`: commander sets `windows` to `true` without it. */
interface PolicyOptions extends LockOptions, WindowOptions, Partial<Record<SwitchName, unknown>> {
  readonly max?: number
  readonly add?: boolean
  readonly windows: boolean
  readonly dryRun?: boolean
}

function withPolicy(command: Command): Command {
  command.argument('[group]', 'the group, as --group', parseGroup)
  const made = withWindow(command.option('--max <count>', 'how many may reboot at once', parseMax))
    .option('--add', 'add to the existing windows')
    .option('--no-windows', 'slots at any time')
  for (const [, flags, on, off, parse] of switches) {
    if (parse) made.option(`--${flags}`, on, parse)
    else made.option(`--${flags}`, on)
    made.option(`--no-${flags.replace(/ .*/, '')}`, off)
  }
  return made.option('--dry-run', 'show the result, and write nothing')
}

/** Shows, plans or sets a policy. Only the last needs a store that is safe to write. */
async function changePolicy(named: string | undefined, options: PolicyOptions): Promise<void> {
  const group = named ?? options.group
  const { max, days, from, to, timeZone } = options
  const given = [max, days, from, to, timeZone, ...switches.map(([name]) => options[name])]
  const hasChange = !options.windows || given.some((one) => one !== undefined)
  const edit = (setting: GroupSetting): GroupSetting => edited(setting, options)
  const setting =
    hasChange && !options.dryRun
      ? (await configureGroup(await openSafely(options), group, edit)).after
      : edit((await readGroup(options, group)).lock)
  const shown = { group, max: setting.max, policy: setting.policy }
  show(options.json, shown, [`group ${group}`, ...policyLines(setting)])
}

/** @throws PlatteError('usage') for a policy without effect. */
function edited({ max, policy }: GroupSetting, options: PolicyOptions): GroupSetting {
  const set = switches.map(([name]) => {
    const member = name === 'expire' ? 'expirePerDay' : name
    return [member, options[name] === undefined ? policy[member] : options[name] || undefined]
  })
  const members = [['windows', windowsOf(policy, options)], ...set].filter(([, one]) => one !== undefined)
  const kept: LockPolicy = Object.fromEntries(members)
  if (kept.expirePerDay !== undefined && kept.lease === undefined)
    throw new PlatteError('usage', '--expire needs a lease: give --lease, too, or --no-expire')
  return { max: options.max ?? max, policy: kept }
}

function windowsOf({ windows = [] }: LockPolicy, options: PolicyOptions): LockPolicy['windows'] {
  const { days, from, to, timeZone, add } = options
  if (!options.windows) return undefined
  if (!days && !from && !to && !timeZone) return windows.length > 0 ? windows : undefined
  const window = windowOf(options, '--no-windows')
  const problem = windowProblem(window)
  if (problem !== undefined) throw new PlatteError('usage', problem)
  return [...(add ? windows : []), { ...window, days: [...window.days] }]
}

/** A policy for people. */
function policyLines({ max, policy }: GroupSetting): readonly string[] {
  const { windows, vetoOnHold, vetoAfterRollback, lease, expirePerDay, releaseOnReboot } = policy
  const lines = [
    `Max: ${max}`,
    windows && `Slots only: ${windowsText(windows)}`,
    vetoOnHold && 'No slots while a release is held in a channel of the group',
    vetoAfterRollback && `No slots for ${durationText(vetoAfterRollback)} after a machine fell back`,
    lease &&
      `Overdue after: ${durationText(lease)}${expirePerDay ? `; then freed, at most ${expirePerDay} a day` : ''}`,
    releaseOnReboot && 'Freed when an update check reports a new version',
  ]
  return lines.filter((line) => line !== undefined)
}
