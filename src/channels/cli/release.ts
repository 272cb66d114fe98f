/** Commands that move releases between channels, or back. */
import type { Command } from 'commander'
import { collect, parseChannel, parseCount, parseDuration } from '../../cli/options.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { type MarkOptions, reasonOrUndo } from './brakes.ts'
import { changing, type EditingOptions, editing, runCommand } from './editing.ts'

/** Puts a release of one channel into another. */
export function promoteCommand(): Command {
  return changing('promote', 'put a release of one channel into another: the same bytes')
    .argument('<version>', 'the release')
    .requiredOption('--from <channel>', 'the channel that has it', parseChannel)
    .requiredOption('--to <channel>', 'the channel that gets it', parseChannel)
    .option('--board <board>', 'only this board; may be repeated', collect)
    .option('--ramp-over <duration>', 'offer it to a share that rises over so long, such as 48h', parseDuration)
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
  return editing('rollback', 'send machines that run a bad release back to the newest that is left')
    .argument('<version>', 'the bad release')
    .option('--reason <words>', 'why, best with a link')
    .option('--to <version>', 'refuse where they would go elsewhere')
    .option('--undo', 'offer it again, and nothing lower to those that run it')
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
  return editing('follow', 'let a channel offer what another one of the app does, later')
    .argument('[source]', 'the channel that it follows', parseChannel)
    .option('--after <duration>', 'a release is seen when it is so old there, such as 7d', parseDuration)
    .option('--over <duration>', 'and then ramped over so long, such as 48h', parseDuration)
    .option('--none', 'follow none')
    .action((source: string | undefined, options: FollowOptions) => {
      const { after, over, none } = options
      if ((none ?? false) === (source !== undefined))
        throw new PlatteError('usage', 'name the channel to follow, or say --none')
      return runCommand(options, 'follow', { source, after, over, none })
    })
}

/** Takes old releases out of a channel. */
export function pruneCommand(): Command {
  return editing('prune', 'take old releases out of a channel, and their packages out of the store')
    .option('--keep <count>', 'so many of the newest of each board stay', parseCount, 20)
    .action((options: EditingOptions & { keep: number }) => runCommand(options, 'prune', { keep: options.keep }))
}
