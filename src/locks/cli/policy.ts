/** `platte lock policy`: what binds the machines of a group, and no operator. */
import type { Command } from 'commander'
import { parseDuration, parser } from '../../cli/options.ts'
import { show } from '../../cli/terminal.ts'
import { type WindowOptions, windowOf, withWindow } from '../../cli/window.ts'
import { isInstant } from '../../documents/fields.ts'
import { systemClock } from '../../kernel/clock.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { durationText, isoText, timeText } from '../../kernel/format.ts'
import { windowsText } from '../../release/diff.ts'
import { windowProblem } from '../../release/window.ts'
import { isFreezeReason, type LockPolicy, maxExpiries, maxFreezes } from '../document.ts'
import { configureGroup, type GroupSetting } from '../edits.ts'
import { type CalendarOptions, calendarLines, readOptions, withCalendar } from './calendar.ts'
import {
  groupOf,
  type LockOptions,
  nameOf,
  numberFrom,
  open,
  openSafely,
  parseGroup,
  parseMax,
  textThat,
} from './group.ts'
import { shownPolicy, zoneLines } from './zones.ts'

const parseExpire = numberFrom(1, maxExpiries)

type SwitchName = 'vetoOnHold' | 'vetoAfterRollback' | 'soak' | 'lease' | 'expire' | 'releaseOnReboot'
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
  [
    'soak',
    'soak <duration>',
    'a slot stays taken for this long after its holder came back',
    'free at once',
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
interface PolicyOptions extends LockOptions, WindowOptions, CalendarOptions, Partial<Record<SwitchName, unknown>> {
  readonly max?: number
  readonly add?: boolean
  readonly windows: boolean
  readonly freeze?: Freeze
  readonly freezeReason?: string
  readonly freezes: boolean
  readonly dryRun?: boolean
}

export function withPolicy(command: Command): Command {
  command.argument('[group]', 'the group, as --group', parseGroup)
  const made = withWindow(command.option('--max <count>', 'how many may reboot at once', parseMax))
    .option('--add', 'add to the existing windows')
    .option('--no-windows', 'slots at any time')
    .option(
      '--freeze <from/to>',
      'no slots between two days or instants, such as 2026-12-20/2027-01-04; adds one',
      parseFreeze,
    )
    .option('--freeze-reason <text>', 'why, for machines and people', parseReason)
    .option('--no-freezes', 'forget all of them')
  withCalendar(made)
  for (const [, flags, on, off, parse] of switches) {
    if (parse) made.option(`--${flags}`, on, parse)
    else made.option(`--${flags}`, on)
    made.option(`--no-${flags.replace(/ .*/, '')}`, off)
  }
  return made.option('--dry-run', 'show the result, and write nothing')
}

/** Shows, plans or sets a policy. Only the last needs a store that is safe to write. */
export async function changePolicy(named: string | undefined, options: PolicyOptions): Promise<void> {
  const group = nameOf(named, options)
  const { max, days, from, to, timeZone, freeze } = options
  const given = [max, days, from, to, timeZone, freeze, options.calendar, ...switches.map(([name]) => options[name])]
  const hasChange = !options.windows || !options.freezes || given.some((one) => one !== undefined)
  const isWritten = hasChange && !options.dryRun
  const calendar = await readOptions(options, systemClock())
  const opened = await (isWritten ? openSafely(options) : open(options))
  const lock = await groupOf(opened, group)
  const edit = (setting: GroupSetting): GroupSetting => edited(setting, options, calendar)
  const setting = isWritten ? (await configureGroup(opened, group, edit)).after : edit(lock)
  const shown = { group, max: setting.max, policy: shownPolicy(setting.policy) }
  show(options.json, shown, [`group ${group}`, ...policyLines(setting)])
}

/** @throws PlatteError('usage') for a policy without effect. */
function edited(
  { max, policy }: GroupSetting,
  options: PolicyOptions,
  calendar: LockPolicy['calendar'] | false,
): GroupSetting {
  const set = switches.map(([name]) => {
    const member = name === 'expire' ? 'expirePerDay' : name
    return [member, options[name] === undefined ? policy[member] : options[name] || undefined]
  })
  const timed = [
    ['windows', windowsOf(policy, options)],
    ['freezes', freezesOf(policy, options)],
    ['calendar', calendar === false ? undefined : (calendar ?? policy.calendar)],
    ['zones', policy.zones],
  ]
  const members = [...timed, ...set].filter(([, one]) => one !== undefined)
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

type Freeze = NonNullable<LockPolicy['freezes']>[number]

const freezeForm = /^(\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?)\/(\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?)$/

const parseReason = textThat(isFreezeReason, 'Use 1 to 200 characters on one line.')

/** Days begin and end in UTC; the last one counts. */
const parseFreeze = parser('Use two days or instants, such as 2026-12-20/2027-01-04.', (text): Freeze | undefined => {
  const [, first = '', last = ''] = freezeForm.exec(text) ?? []
  if (![first, last].every((one) => isInstant(one.includes('T') ? one : `${one}T00:00:00Z`))) return undefined
  const [from, to] = [Date.parse(first), Date.parse(last) + (last.includes('T') ? 0 : dayMs)]
  return from < to ? { from: isoText(from), to: isoText(to) } : undefined
})

const dayMs = 24 * 60 * 60 * 1000

/** @throws PlatteError('usage') for a reason without a freeze, and for too many. */
function freezesOf({ freezes = [] }: LockPolicy, { freeze, freezeReason: reason, freezes: isKept }: PolicyOptions) {
  if (reason !== undefined && freeze === undefined) throw new PlatteError('usage', '--freeze-reason needs --freeze')
  const all = [...(isKept ? freezes : []), ...(freeze ? [{ ...freeze, ...(reason !== undefined && { reason }) }] : [])]
  if (all.length > maxFreezes)
    throw new PlatteError('usage', `more than ${maxFreezes} freezes; --no-freezes forgets them`)
  return all.length > 0 ? all : undefined
}

/** A policy for people. */
export function policyLines({ max, policy }: GroupSetting): readonly string[] {
  const { windows, freezes = [], soak, vetoOnHold, vetoAfterRollback, lease, expirePerDay, releaseOnReboot } = policy
  const lines = [
    `Max: ${max}`,
    windows && `Slots only: ${windowsText(windows)}`,
    ...freezes.map(
      ({ from, to, reason }) => `No slots from ${timeText(from)} to ${timeText(to)}${reason ? `: ${reason}` : ''}`,
    ),
    ...calendarLines(policy),
    ...(zoneLines(policy) ?? []),
    soak && `A slot stays taken for ${durationText(soak)} after its holder came back`,
    vetoOnHold && 'No slots while a release is held in a channel of the group',
    vetoAfterRollback && `No slots for ${durationText(vetoAfterRollback)} after a machine fell back`,
    lease &&
      `Overdue after: ${durationText(lease)}${expirePerDay ? `; then freed, at most ${expirePerDay} a day` : ''}`,
    releaseOnReboot && 'Freed when an update check reports a new version',
  ]
  return lines.filter((line) => line !== undefined)
}
