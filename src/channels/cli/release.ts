/** Commands that withhold a release, move it between channels, or say when and to which machines it is offered. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import * as cli from '../../cli/options.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { defined } from '../../kernel/json.ts'
import { type Target, type Window, weekdays } from '../../release/channel.ts'
import { machineHash } from '../../release/target.ts'
import { readShort } from '../../runtime/files.ts'
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
  editing('unhold', 'lift a hold')
    .argument('[version]', 'the release')
    .option('--board <board>', 'the board of the hold')
    .option('--message <words>', forHistory)
    .option('--reason <words>', 'in place of a version: all holds of this reason')

function reasonOrUndo({ reason, undo, ...given }: { readonly reason?: string; readonly undo?: true }) {
  if (undo) return { ...given, undo }
  if (reason) return { ...given, reason }
  throw new PlatteError('usage', '--reason is missing', { hint: 'give a reason, or remove the mark with --undo' })
}

const marking = (action: 'withdraw' | 'floor' | 'dead-end', description: string) => () =>
  editing(action, description, reasonOrUndo)
    .argument('<version>', 'the release')
    .option('--reason <words>', 'why, best with a link')
    .option('--undo', 'remove the mark')

export const withdrawCommand = marking('withdraw', 'stop offering a release')
export const floorCommand = marking('floor', 'make older machines update to this release first')
export const deadEndCommand = marking('dead-end', 'offer no update to machines that run this release')

export const rollbackCommand = () =>
  editing('rollback', 'send machines back from a bad release to the newest other one', reasonOrUndo)
    .argument('<version>', 'the bad release')
    .option('--reason <words>', 'why, best with a link')
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

export const followCommand = () =>
  editing('follow', 'let a channel offer the releases of another one, later', following)
    .argument('[source]', 'the channel to follow', cli.parseChannel)
    .option('--after <duration>', 'how old a release must be there, such as 7d', cli.parseDuration)
    .option('--over <duration>', 'then ramp it over this time, such as 48h', cli.parseDuration)
    .option('--none', 'stop following')

function following(given: { readonly source?: string; readonly none?: true }): object {
  if ((given.none ?? false) !== (given.source !== undefined)) return given
  throw new PlatteError('usage', 'name the channel to follow, or use --none')
}

export function pruneCommand(): Command {
  const made = editing('prune', 'remove old releases from a channel, and their packages from the store')
  return made.option('--keep <count>', 'how many of the newest releases of each board stay', cli.parseCount, 20)
}

export const rampCommand = () =>
  editing('ramp', 'offer a release to a rising share of machines', rampFields)
    .argument('[version]', 'the release; omit it with --stop and --resume')
    .option('--over <duration>', 'from 0 to 100 % over this time, such as 48h', cli.parseDuration)
    .option('--start <instant>', 'when the ramp begins; default: now', cli.parseInstant)
    .option('--steps <count>', 'in this many equal steps, at most 100, instead of a line', parseSteps)
    .option('--from <share>', 'share at the start, such as 1%', cli.parseShare)
    .option('--share <share>', 'this share from now on', cli.parseShare)
    .option('--finish', 'offer it to 100 % now')
    .addOption(new Option('--none', 'the earlier name of --finish').hideHelp())
    .option('--lower', 'allow a lower share than now')
    .option('--stop', 'freeze the ramps of the channel; needs only the timestamp key')
    .option('--resume', 'continue the ramps from where they would be by now')
    .option('--message <words>', `with --stop or --resume: ${forHistory}`)

/** A manifest takes 200 points; a step has two. */
function parseSteps(value: string): number {
  const steps = cli.parseCount(value)
  if (steps > 100) throw new InvalidArgumentError('Use at most 100.')
  return steps
}

function rampFields({ finish, ...given }: Partial<CommandOf<'ramp'>> & { readonly finish?: true }): object {
  const { version, over, share, none = finish, stop, resume } = given
  const chosen = [over, share, none, stop, resume].filter((one) => one !== undefined)
  if (chosen.length !== 1) throw new PlatteError('usage', 'use one of --over, --share, --stop, --resume and --finish')
  if ((stop || resume) !== undefined && version !== undefined)
    throw new PlatteError('usage', '--stop and --resume apply to the whole channel: name no version', {
      hint: '`platte hold` withholds one version',
    })
  if ((stop || resume) === undefined && version === undefined) throw new PlatteError('usage', 'name the release')
  return { ...given, none }
}

export const windowCommand = () =>
  withWindow(editing('window', 'offer a channel, or one release, at certain times of the week only', windowFields))
    .argument('[version]', "one release: its windows stand in for the channel's")
    .option('--add', 'add to the existing windows')
    .option('--none', 'remove the windows; a release then has those of its channel')

const windowFields = ({ version, add, none, ...window }: WindowOptions & Partial<CommandOf<'window'>>) =>
  none ? { version, none } : { version, windows: [windowOf(window, '--none')], add }

type TargetFields = Pick<CommandOf<'target'>, 'version' | 'none'> &
  Partial<Record<'oem' | 'notOem', readonly string[]> & Record<'running' | 'allowMachines' | 'denyMachines', string>>

export const targetCommand = () =>
  editing('target', 'offer a channel, or one release, to certain machines only', targetFields)
    .argument('[version]', "one release: its target adds to the channel's")
    .option('--oem <names>', 'only to these OEMs, such as azure,ami', cli.parseList)
    .option('--not-oem <names>', 'to all OEMs but these, such as pxe', cli.parseList)
    .option('--running <range>', 'only to machines that run this, such as ">=4081.0.0 <4600.0.0"', cli.parseRange)
    .option('--allow-machines <file>', 'only to these: a file with one machine id per line; stored as hashes')
    .option('--deny-machines <file>', 'to all machines but these: a file as above')
    .option('--none', 'remove the target')

const targetFields = async ({ version, none, ...given }: TargetFields) => ({
  version,
  ...(none ? { none } : { target: await targetOf(given) }),
})

async function targetOf({ oem, notOem, running, allowMachines, denyMachines }: TargetFields): Promise<Target> {
  const allow = allowMachines ? await readMachines(allowMachines) : undefined
  const deny = denyMachines ? await readMachines(denyMachines) : undefined
  const target = {
    ...((oem || notOem) && { oem: defined({ only: oem, not: notOem }) }),
    ...(running && { from: running }),
    ...((allow || deny) && { machines: defined({ allow, deny }) }),
  }
  if (Object.keys(target).length > 0) return target
  throw new PlatteError('usage', 'name the machines with --oem, --running, …, or use --none')
}

/** One id per line; blank lines and comments after # are ignored. */
async function readMachines(file: string): Promise<string[]> {
  const lines = new TextDecoder().decode(await readShort(file)).split('\n')
  const ids = lines.map((line) => line.replace(/#.*/, '').trim())
  const bad = ids.findIndex((id) => id !== '' && !/^[!-~]{1,128}$/.test(id))
  if (bad >= 0) throw new PlatteError('usage', `${file}: line ${bad + 1} is not a machine id`)
  const listed = [...new Set(ids.filter((id) => id !== '').map(machineHash))].sort()
  if (listed.length > 0) return listed
  throw new PlatteError('usage', `${file} names no machine`)
}

export type WindowOptions = Partial<Window>

export const withWindow = (command: Command): Command =>
  command
    .option('--days <days>', 'such as Mon-Thu, or Sat,Sun', parseDays)
    .option('--from <time>', 'such as 22:00')
    .option('--to <time>', 'such as 04:00; on the next day if earlier than --from')
    .option('--time-zone <zone>', 'such as Europe/Berlin', cli.parseTimeZone)

/** @param away the option that removes windows. */
export function windowOf({ days, from, to, timeZone }: WindowOptions, away: '--none' | '--no-windows'): Window {
  if (days && from && to && timeZone) return { days, from, to, timeZone }
  throw new PlatteError('usage', `a window needs --days, --from, --to and --time-zone; ${away} removes it`)
}

function parseDays(value: string): Window['days'] {
  const days = value.split(',').flatMap((part) => {
    const [first = '', last = first] = part.split('-')
    const [from, to] = [first, last].map((day) => weekdays.findIndex((one) => one.toLowerCase() === day.toLowerCase()))
    if (from === undefined || to === undefined || from < 0 || to < 0)
      throw new PlatteError('usage', `${JSON.stringify(part)} is not a list of days: use Mon-Thu, or Sat,Sun`)
    return from <= to ? weekdays.slice(from, to + 1) : [...weekdays.slice(from), ...weekdays.slice(0, to + 1)]
  })
  return weekdays.filter((day) => days.includes(day))
}
