/** Commands that move releases between channels, or back. */
import type { Command } from 'commander'
import { collect, parseChannel, parseCount, parseDuration } from '../../cli/options.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { type MarkOptions, reasonOrUndo } from './brakes.ts'
import { changing, type EditingOptions, editing, runCommand } from './editing.ts'

/** Puts a release of one channel into another. */
export function promoteCommand(): Command {
  return changing('promote', 'put a release of one channel into another: same bytes')
    .argument('<version>', 'the release')
    .requiredOption('--from <channel>', 'the channel that has it', parseChannel)
    .requiredOption('--to <channel>', 'the channel that gets it', parseChannel)
    .option('--board <board>', 'only this board; repeatable', collect)
    .option('--ramp-over <duration>', 'ramp it from 0 to 100 % over this time, such as 48h', parseDuration)
    .action((version: string, options: EditingOptions & PromoteOptions) => {
      const { from, to, board, rampOver } = options
      return runCommand({ ...options, channel: to }, 'promote', { version, from, boards: board, rampOver })
    })
}

interface PromoteOptions {
  readonly from: string
  readonly to: string
  readonly board?: readonly string[]
  readonly rampOver?: string
}

/** Sends machines back from a release. */
export function rollbackCommand(): Command {
  return editing('rollback', 'send machines back from a bad release to the newest other one')
    .argument('<version>', 'the bad release')
    .option('--reason <words>', 'why, best with a link')
    .option('--to <version>', 'refuse if any machine would get another version')
    .option('--undo', 'offer the release again, and stop sending machines back')
    .action((version: string, options: MarkOptions & { readonly to?: string }) =>
      runCommand(options, 'rollback', { version, ...reasonOrUndo(options), to: options.to }),
    )
}

interface FollowOptions extends EditingOptions {
  readonly after?: string
  readonly over?: string
  readonly none?: true
}

/** Lets a channel follow another. */
export function followCommand(): Command {
  return editing('follow', 'let a channel offer the releases of another one, later')
    .argument('[source]', 'the channel to follow', parseChannel)
    .option('--after <duration>', 'how old a release must be there, such as 7d', parseDuration)
    .option('--over <duration>', 'then ramp it over this time, such as 48h', parseDuration)
    .option('--none', 'stop following')
    .action((source: string | undefined, options: FollowOptions) => {
      const { after, over, none } = options
      if ((none ?? false) === (source !== undefined))
        throw new PlatteError('usage', 'name the channel to follow, or use --none')
      return runCommand(options, 'follow', { source, after, over, none })
    })
}

/** Removes old releases from a channel. */
export function pruneCommand(): Command {
  return editing('prune', 'remove old releases from a channel, and their packages from the store')
    .option('--keep <count>', 'how many of the newest releases of each board stay', parseCount, 20)
    .action((options: EditingOptions & { keep: number }) => runCommand(options, 'prune', { keep: options.keep }))
}
