/** Commands that withhold a release, move it between channels, or say when and to which machines it is offered. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { gone } from '../../cli/gone.ts'
import * as cli from '../../cli/options.ts'
import { type WindowOptions, windowOf, withWindow } from '../../cli/window.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { defined } from '../../kernel/json.ts'
import type { Target } from '../../release/channel.ts'
import { machineHash } from '../../release/target.ts'
import { readShortText } from '../../runtime/files.ts'
import type { CommandOf } from '../commands.ts'
import { changing, editing, marksOf, placing } from './editing.ts'

const forHistory = 'a sentence for `platte history`'

export const holdCommand = () =>
  editing('hold', 'withhold a release until unhold; needs only the timestamp key')
    .argument('<version>', 'the release')
    .requiredOption('--reason <words>', 'why, best with a link; shown to machines and people')
    .option('--board <board>', 'only this board')
    .option('--message <words>', forHistory)

export const unholdCommand = () =>
  editing('unhold', 'lift a hold', versionOrReason)
    .argument('[version]', 'the release')
    .option('--board <board>', 'the board of the hold')
    .option('--message <words>', forHistory)
    .option('--reason <words>', 'in place of a version: all holds of this reason')

function versionOrReason<T extends { readonly version?: string; readonly reason?: string }>(given: T): T {
  if ((given.version === undefined) !== (given.reason === undefined)) return given
  throw new PlatteError('usage', 'name the release, or give the reason of the holds with --reason')
}

function reasonOrUndo({ reason, undo, ...given }: { readonly reason?: string; readonly undo?: true }) {
  if (undo) return { ...given, undo }
  if (reason) return { ...given, reason }
  throw new PlatteError('usage', '--reason is missing', { hint: 'give a reason, or remove the mark with --undo' })
}

const marking = (action: 'withdraw' | 'floor' | 'dead-end', description: string) => () =>
  editing(action, description, reasonOrUndo)
    .argument('<version>', 'the release')
    .option('--reason <words>', 'why, best with a link; required without --undo')
    .option('--undo', 'remove the mark')

export const withdrawCommand = marking('withdraw', 'stop offering a release')
export const floorCommand = marking('floor', 'make older machines update to this release first')
export const deadEndCommand = marking('dead-end', 'offer no update to machines that run this release')

export const rollbackCommand = () =>
  editing('rollback', 'send machines back from a bad release to the newest other one', reasonOrUndo)
    .argument('<version>', 'the bad release')
    .option('--reason <words>', 'why, best with a link; required without --undo')
    .option('--to <version>', 'refuse if any machine would get another version')
    .option('--undo', 'offer the release again, and stop sending machines back')

export const promoteCommand = () =>
  placing(changing('promote', 'put a release of one channel into another: same bytes', 'promote', promotion))
    .argument('<version>', 'the release')
    .requiredOption('--from <channel>', 'the channel that has it', cli.parseChannel)
    .requiredOption('--to <channel>', 'the channel that gets it', cli.parseChannel)
    .option('--board <board>', 'only this board; repeatable', cli.collect)
    .option('--raw', 'allow packages that update_engine would refuse')
    .option('--ramp-over <duration>', 'ramp it from 0 to 100 % over this time, such as 48h', cli.parseDuration)

function promotion({ to, board, ...given }: { readonly to: string; readonly board?: readonly string[] }) {
  return { ...marksOf(given), channel: to, boards: board }
}

export const followCommand = () => {
  const made = editing('follow', 'let a channel offer the releases of another one, later', following)
    .argument('[source]', 'the channel to follow', cli.parseChannel)
    .option('--after <duration>', 'how old a release must be there, such as 7d', cli.parseDuration)
    .option('--over <duration>', 'then ramp it over this time, such as 48h', cli.parseDuration)
    .addOption(new Option('--stop', 'stop following').conflicts(['after', 'over']))
  return gone(made, '--none', '--stop stops following')
}

function following({ stop: none, ...given }: { readonly source?: string; readonly stop?: true }): object {
  if ((none ?? false) !== (given.source !== undefined)) return { ...given, none }
  throw new PlatteError('usage', 'name the channel to follow, or use --stop')
}

export function pruneCommand(): Command {
  const made = editing('prune', 'remove old releases from a channel, and their packages from the store')
  const about = 'how many of the newest releases of each board stay; by default as the channel says, or 20'
  return made.option('--keep <count>', about, cli.parseCount)
}

/** One of these says where the ramp goes. Each with the options that go with it. */
const ramps = {
  over: ['start', 'steps', 'from', 'lower'],
  share: ['start', 'lower'],
  finish: [],
  pause: ['message'],
  resume: ['message'],
} as const
const rampDetails = ['start', 'steps', 'from', 'lower', 'message'] as const

/** A kind of ramp: excludes the others, and the options that do not go with it. */
function rampOption(flags: string, about: string, parse?: (text: string) => unknown): Option {
  const made = new Option(flags, about)
  const name = made.attributeName() as keyof typeof ramps
  const strange = rampDetails.filter((one) => !(ramps[name] as readonly string[]).includes(one))
  made.conflicts([...Object.keys(ramps).filter((one) => one !== name), ...strange])
  return parse ? made.argParser(parse) : made
}

export const rampCommand = () => {
  const made = editing('ramp', 'offer a release to a rising share of machines', rampFields)
    .argument('[version]', 'the release; --pause and --resume without it are for all ramps of the channel')
    .addOption(rampOption('--over <duration>', 'from 0 to 100 % over this time, such as 48h', cli.parseDuration))
    .addOption(rampOption('--share <share>', 'this share from now on, such as 10%', cli.parseShare))
    .addOption(rampOption('--finish', 'offer it to 100 % now'))
    .addOption(rampOption('--pause', 'freeze the ramps of the channel; needs only the timestamp key'))
    .addOption(rampOption('--resume', 'continue the ramps from where they would be by now'))
    .option('--start <instant>', 'when the ramp begins; default: now', cli.parseInstant)
    .option('--steps <count>', 'in this many equal steps, at most 100, instead of a line', parseSteps)
    .option('--from <share>', 'share at the start, such as 1%', cli.parseShare)
    .option('--lower', 'allow a lower share than now')
    .option('--message <words>', `with --pause or --resume: ${forHistory}`)
    .addOption(new Option('--stop', 'the earlier name of --pause').hideHelp().implies({ pause: true }))
  return gone(made, '--none', '--finish offers the release to 100 % of machines; `platte hold` offers it to none')
}

/** A manifest takes 200 points; a step has two. */
function parseSteps(value: string): number {
  const steps = cli.parseCount(value)
  if (steps > 100) throw new InvalidArgumentError('Use at most 100.')
  return steps
}

type RampOptions = Partial<CommandOf<'ramp'>> & Readonly<{ finish?: true; pause?: true }>

function rampFields({ finish: none, pause, stop: _, ...given }: RampOptions): object {
  const { version, over, share, resume } = given
  if ([over, share, none, pause, resume].every((one) => one === undefined))
    throw new PlatteError('usage', 'use one of --finish, --pause, --share, --over and --resume')
  if ((pause ?? resume ?? version) === undefined) throw new PlatteError('usage', 'name the release')
  return { ...given, none, stop: pause }
}

export const windowCommand = () => {
  const made = editing('window', 'offer a channel, or one release, at certain times of the week only', windowFields)
  const about = 'remove the windows; a release then has those of its channel'
  withWindow(made.argument('[version]', "one release: its windows stand in for the channel's"))
    .option('--add', 'add to the existing windows')
    .addOption(new Option('--remove', about).conflicts(['add', 'days', 'from', 'to', 'timeZone']))
  return gone(made, '--none', '--remove removes the windows')
}

type Removal = Readonly<{ version?: string; remove?: true }>

const windowFields = ({ version, add, remove, ...window }: Removal & WindowOptions & Readonly<{ add?: true }>) =>
  remove ? { version, none: remove } : { version, windows: [windowOf(window, '--remove')], add }

const targetTexts = ['os', 'running', 'allowMachines', 'denyMachines'] as const
type TargetFields = Removal &
  Partial<Record<'oem' | 'notOem', readonly string[]> & Record<(typeof targetTexts)[number], string>>

export const targetCommand = () => {
  const made = editing('target', 'offer a channel, or one release, to certain machines only', targetFields)
    .argument('[version]', "one release: its target adds to the channel's")
    .option('--oem <names>', 'only to these OEMs, such as azure,ami', cli.parseList)
    .option('--not-oem <names>', 'to all OEMs but these, such as pxe', cli.parseList)
    .option('--os <range>', 'only to this version of the operating system, as browsers say it', cli.parseRange)
    .option('--running <range>', 'only to machines that run this, such as ">=4081.0.0 <4600.0.0"', cli.parseRange)
    .option('--allow-machines <file>', 'only to these: a file with one machine id per line; stored as hashes')
    .option('--deny-machines <file>', 'to all machines but these: a file as above')
    .addOption(new Option('--remove', 'remove the target').conflicts(targetOptions))
  return gone(made, '--none', '--remove removes the target')
}

const targetOptions = ['oem', 'notOem', ...targetTexts]

const targetFields = async ({ version, remove, ...given }: TargetFields) => ({
  version,
  ...(remove ? { none: remove } : { target: await targetOf(given) }),
})

async function targetOf({ oem, notOem, os, running, allowMachines, denyMachines }: TargetFields): Promise<Target> {
  const [allow, deny] = await Promise.all([allowMachines, denyMachines].map(readMachines))
  const target = {
    ...((oem || notOem) && { oem: defined({ only: oem, not: notOem }) }),
    ...defined({ os, from: running }),
    ...((allow || deny) && { machines: defined({ allow, deny }) }),
  }
  if (Object.keys(target).length > 0) return target
  throw new PlatteError('usage', 'name the machines with --oem, --running, …, or use --remove')
}

/** One id per line; blank lines and comments after # are ignored. */
async function readMachines(file: string | undefined): Promise<string[] | undefined> {
  if (file === undefined) return undefined
  const ids = (await readShortText(file)).split(/\r\n|\r|\n/).map((line) => line.replace(/#.*/, '').trim())
  const bad = ids.findIndex((id) => id !== '' && !/^[!-~]{1,128}$/.test(id))
  if (bad >= 0) throw new PlatteError('usage', `${file}: line ${bad + 1} is not a machine id`)
  const listed = [...new Set(ids.filter((id) => id !== '').map(machineHash))].sort()
  if (listed.length > 0) return listed
  throw new PlatteError('usage', `${file} names no machine`)
}
