/** Commands that withhold a release, or move it between channels. */
import { collect, parseChannel, parseCount, parseDuration } from '../../cli/options.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { changing, editing } from './editing.ts'

export const holdCommand = () =>
  editing('hold', 'withhold a release until unhold; needs only the timestamp key')
    .argument('<version>', 'the release')
    .requiredOption('--reason <words>', 'why, best with a link; shown to machines and people')
    .option('--board <board>', 'only this board')

export const unholdCommand = () =>
  editing('unhold', 'lift a hold')
    .argument('<version>', 'the release')
    .option('--board <board>', 'the board of the hold')

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
  changing('promote', 'put a release of one channel into another: same bytes', 'promote', promotion)
    .argument('<version>', 'the release')
    .requiredOption('--from <channel>', 'the channel that has it', parseChannel)
    .requiredOption('--to <channel>', 'the channel that gets it', parseChannel)
    .option('--board <board>', 'only this board; repeatable', collect)
    .option('--ramp-over <duration>', 'ramp it from 0 to 100 % over this time, such as 48h', parseDuration)

const promotion = ({ to, board, ...given }: { readonly to: string; readonly board?: readonly string[] }) => ({
  ...given,
  channel: to,
  boards: board,
})

export const followCommand = () =>
  editing('follow', 'let a channel offer the releases of another one, later', following)
    .argument('[source]', 'the channel to follow', parseChannel)
    .option('--after <duration>', 'how old a release must be there, such as 7d', parseDuration)
    .option('--over <duration>', 'then ramp it over this time, such as 48h', parseDuration)
    .option('--none', 'stop following')

function following(given: { readonly source?: string; readonly none?: true }): object {
  if ((given.none ?? false) !== (given.source !== undefined)) return given
  throw new PlatteError('usage', 'name the channel to follow, or use --none')
}

export const pruneCommand = () =>
  editing('prune', 'remove old releases from a channel, and their packages from the store').option(
    '--keep <count>',
    'how many of the newest releases of each board stay',
    parseCount,
    20,
  )
