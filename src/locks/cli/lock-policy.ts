/** `platte lock policy`: what a group's clients are held to, without their knowing of it. */
import { type Command, InvalidArgumentError } from 'commander'
import { type WindowOptions, windowOf, withWindow } from '../../channels/cli/conditions.ts'
import { parseDuration } from '../../cli/options.ts'
import { show } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { windowsText } from '../../release/diff.ts'
import { windowProblem } from '../../release/window.ts'
import { type Lock, maxExpiries } from '../document.ts'
import { configureGroup, type GroupSetting } from '../edits.ts'
import { emptyLock, readLock } from '../store.ts'
import { type LockOptions, locking, openLocking, parseGroup, parseMax } from './locking.ts'

/** `false` is the option's `--no-…`. */
interface PolicyOptions extends LockOptions, WindowOptions {
  readonly max?: number
  readonly add?: boolean
  readonly windows?: false
  readonly vetoOnHold?: boolean
  readonly vetoAfterRollback?: string | false
  readonly lease?: string | false
  readonly expire?: number | false
  readonly releaseOnReboot?: boolean
  readonly dryRun?: boolean
}

/** Shows and sets a group's policy. */
export function lockPolicyCommand(): Command {
  const made = locking('policy', 'show what a group is held to; with options, set it')
    .argument('[group]', 'the group, as --group', parseGroup)
    .option('--max <count>', 'how many may reboot at once', parseMax)
  return withWindow(made)
    .option('--add', 'a window beside those that there are')
    .option('--no-windows', 'slots at any time')
    .option('--veto-on-hold', 'no slots while something is held in a channel of the group')
    .option('--no-veto-on-hold', 'slots whatever is held')
    .option(
      '--veto-after-rollback <duration>',
      'no slots for so long after a machine fell back (error 44)',
      parseDuration,
    )
    .option('--no-veto-after-rollback', 'slots whoever falls back')
    .option('--lease <duration>', 'report holders that were not heard of for longer, such as 4h', parseDuration)
    .option('--no-lease', 'report none')
    .option('--expire <count>', 'free holders that are overdue, so many a day at most', parseExpire)
    .option('--no-expire', 'free none')
    .option(
      '--release-on-reboot',
      'free a holder of locksmith whose update check says that it came up in a new version',
    )
    .option('--no-release-on-reboot', 'wait until it does that itself')
    .option('--dry-run', 'say what would be so, and write nothing')
    .action(async (named: string | undefined, options: PolicyOptions) => {
      const group = named ?? options.group
      const setting = await configure(group, options)
      show(options.json, { group, ...setting }, [`group ${group}`, ...policyLines(setting)])
    })
}

async function configure(group: string, options: PolicyOptions): Promise<GroupSetting> {
  const edit = (setting: GroupSetting): GroupSetting => edited(setting, options)
  const isWriting = saysSomething(options) && !options.dryRun
  const opened = await openLocking(options, { isWriting })
  if (!isWriting) {
    const stored = await readLock(opened, group)
    const { max, policy } = edit(stored?.lock ?? emptyLock(group, opened.clock()))
    return { max, policy }
  }
  const { max, policy } = (await configureGroup(opened, group, edit)).after
  return { max, policy }
}

const told = [
  'max',
  'days',
  'from',
  'to',
  'timeZone',
  'windows',
  'vetoOnHold',
  'vetoAfterRollback',
  'lease',
  'expire',
  'releaseOnReboot',
] as const satisfies readonly (keyof PolicyOptions)[]

const saysSomething = (options: PolicyOptions): boolean => told.some((name) => options[name] !== undefined)

/** @throws PlatteError('usage') for a policy that could do nothing. */
function edited({ max, policy }: GroupSetting, options: PolicyOptions): GroupSetting {
  const set = {
    ...policy,
    windows: windowsOf(policy, options),
    vetoOnHold: flag(policy.vetoOnHold, options.vetoOnHold),
    vetoAfterRollback: value(policy.vetoAfterRollback, options.vetoAfterRollback),
    lease: value(policy.lease, options.lease),
    expirePerDay: value(policy.expirePerDay, options.expire),
    releaseOnReboot: flag(policy.releaseOnReboot, options.releaseOnReboot),
  }
  if (set.expirePerDay !== undefined && set.lease === undefined)
    throw new PlatteError('usage', 'who is overdue says the lease: give --lease, too, or --no-expire')
  const kept = Object.fromEntries(Object.entries(set).filter(([, one]) => one !== undefined))
  return { max: options.max ?? max, policy: kept }
}

const value = <T>(before: T | undefined, said: T | false | undefined): T | undefined =>
  said === undefined ? before : said === false ? undefined : said

const flag = (before: true | undefined, said: boolean | undefined): true | undefined =>
  said === undefined ? before : said || undefined

function windowsOf({ windows }: Lock['policy'], options: PolicyOptions): Lock['policy']['windows'] {
  const { days, from, to, timeZone, add } = options
  if (options.windows === false) return undefined
  if (!days && !from && !to && !timeZone) return windows
  const window = windowOf(options, '--no-windows')
  const problem = windowProblem(window)
  if (problem !== undefined) throw new PlatteError('usage', problem)
  return [...(add ? (windows ?? []) : []), { ...window, days: [...window.days] }]
}

function parseExpire(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (!(count >= 1 && count <= maxExpiries))
    throw new InvalidArgumentError(`Use a whole number from 1 to ${maxExpiries}.`)
  return count
}

/** A policy for people. */
export function policyLines({ max, policy }: GroupSetting): readonly string[] {
  const { windows, vetoOnHold, vetoAfterRollback, lease, expirePerDay, releaseOnReboot } = policy
  const lines: readonly (string | undefined | false)[] = [
    `Max: ${max}`,
    windows && `Slots only: ${windowsText(windows)}`,
    vetoOnHold && 'No slots while something is held in a channel of the group',
    vetoAfterRollback && `No slots for ${vetoAfterRollback} after a machine fell back`,
    lease && `Overdue after: ${lease}${expirePerDay ? `; then freed, ${expirePerDay} a day at most` : ''}`,
    releaseOnReboot && 'Freed when an update check says that it came up in a new version',
  ]
  return lines.filter((line) => typeof line === 'string')
}
