/** The options of `platte lock policy`. */
import { type Command, InvalidArgumentError } from 'commander'
import { type WindowOptions, windowOf, withWindow } from '../../channels/cli/conditions.ts'
import { parseDuration } from '../../cli/options.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { windowsText } from '../../release/diff.ts'
import { windowProblem } from '../../release/window.ts'
import { type Lock, type LockPolicy, maxExpiries } from '../document.ts'
import { configureGroup, type GroupSetting } from '../edits.ts'
import type { Locking } from '../store.ts'

/** `false` is the option's `--no-…`. */
export interface PolicyOptions extends WindowOptions {
  readonly max?: number
  readonly add?: boolean
  /** commander sets `true` without `--no-windows`. */
  readonly windows?: boolean
  readonly vetoOnHold?: boolean
  readonly vetoAfterRollback?: string | false
  readonly lease?: string | false
  readonly expire?: number | false
  readonly releaseOnReboot?: boolean
  readonly dryRun?: boolean
}

type Switch = readonly [flags: string, on: string, off: string, parse?: (text: string) => string | number]

const switches: readonly Switch[] = [
  ['veto-on-hold', 'no slots while a release is held in a channel of the group', 'ignore holds'],
  [
    'veto-after-rollback <duration>',
    'no slots for this long after a machine fell back (error 44)',
    'ignore machines that fell back',
    parseDuration,
  ],
  ['lease <duration>', 'report holders not seen for longer, such as 4h', 'report none', parseDuration],
  ['expire <count>', 'free overdue holders, at most this many a day', 'free none', parseExpire],
  [
    'release-on-reboot',
    'free a holder of locksmith when its update check reports a new version',
    'wait until it frees its slot itself',
  ],
]

export function withPolicy(command: Command): Command {
  const made = withWindow(command)
    .option('--add', 'add to the existing windows')
    .option('--no-windows', 'slots at any time')
  for (const [flags, on, off, parse] of switches) {
    if (parse) made.option(`--${flags}`, on, parse)
    else made.option(`--${flags}`, on)
    made.option(`--no-${flags.replace(/ .*/, '')}`, off)
  }
  return made.option('--dry-run', 'show the result, and write nothing')
}

/** Shows, plans or sets a policy. Only the last needs a store that is safe to write. */
export async function configure(
  group: string,
  options: PolicyOptions,
  { read, open }: { readonly read: () => Promise<Lock>; readonly open: () => Promise<Locking> },
): Promise<GroupSetting> {
  const edit = (setting: GroupSetting): GroupSetting => edited(setting, options)
  const isWriting = hasChange(options) && !options.dryRun
  const { max, policy } = isWriting ? (await configureGroup(await open(), group, edit)).after : edit(await read())
  return { max, policy }
}

const hasChange = (options: PolicyOptions): boolean => {
  const { days, from, to, timeZone, max, vetoOnHold, vetoAfterRollback, lease, expire, releaseOnReboot } = options
  const given = [days, from, to, timeZone, max, vetoOnHold, vetoAfterRollback, lease, expire, releaseOnReboot]
  return options.windows === false || given.some((one) => one !== undefined)
}

/** @throws PlatteError('usage') for a policy without effect. */
function edited({ max, policy }: GroupSetting, options: PolicyOptions): GroupSetting {
  const set = {
    windows: windowsOf(policy, options),
    vetoOnHold: chosen(options.vetoOnHold, policy.vetoOnHold),
    vetoAfterRollback: chosen(options.vetoAfterRollback, policy.vetoAfterRollback),
    lease: chosen(options.lease, policy.lease),
    expirePerDay: chosen(options.expire, policy.expirePerDay),
    releaseOnReboot: chosen(options.releaseOnReboot, policy.releaseOnReboot),
  }
  if (set.expirePerDay !== undefined && set.lease === undefined)
    throw new PlatteError('usage', '--expire needs a lease: give --lease, too, or --no-expire')
  const kept = Object.fromEntries(Object.entries(set).filter(([, one]) => one !== undefined))
  return { max: options.max ?? max, policy: kept }
}

const chosen = <T>(given: T | false | undefined, before: T | undefined): T | undefined =>
  given === undefined ? before : given || undefined

function windowsOf({ windows = [] }: LockPolicy, options: PolicyOptions): LockPolicy['windows'] {
  const { days, from, to, timeZone, add } = options
  if (options.windows === false) return undefined
  if (!days && !from && !to && !timeZone) return windows.length > 0 ? windows : undefined
  const window = windowOf(options, '--no-windows')
  const problem = windowProblem(window)
  if (problem !== undefined) throw new PlatteError('usage', problem)
  return [...(add ? windows : []), { ...window, days: [...window.days] }]
}

function parseExpire(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= maxExpiries) return count
  throw new InvalidArgumentError(`Use a whole number from 1 to ${maxExpiries}.`)
}

/** A policy for people. */
export function policyLines({ max, policy }: GroupSetting): readonly string[] {
  const { windows, vetoOnHold, vetoAfterRollback, lease, expirePerDay, releaseOnReboot } = policy
  const lines: readonly (string | undefined | false)[] = [
    `Max: ${max}`,
    windows && `Slots only: ${windowsText(windows)}`,
    vetoOnHold && 'No slots while a release is held in a channel of the group',
    vetoAfterRollback && `No slots for ${vetoAfterRollback} after a machine fell back`,
    lease && `Overdue after: ${lease}${expirePerDay ? `; then freed, at most ${expirePerDay} a day` : ''}`,
    releaseOnReboot && 'Freed when an update check reports a new version',
  ]
  return lines.filter((line) => typeof line === 'string')
}
