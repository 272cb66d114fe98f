/** Commands that move releases between channels, or back. */
import type { Command } from 'commander'
import type { Release } from '../core/channel.ts'
import { isHoldOf, rampOver, rollBack, undoRollBack } from '../core/release-edits.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { PlatteError } from '../errors.ts'
import { followChannel } from '../service/channel-life.ts'
import { editChannel } from '../service/edit-channel.ts'
import { promote } from '../service/promote.ts'
import { pruneChannel } from '../service/prune.ts'
import { channelEntry } from '../service/reading.ts'
import { type EditingOptions, editing, runEdit } from './editing.ts'
import { collect, command, parseChannel, parseCount, parseDuration, writeFlags } from './options.ts'

/** Puts a release of one channel into another. */
export function promoteCommand(): Command {
  return command('promote', 'put a release of one channel into another: the same bytes', [...writeFlags, 'app'])
    .argument('<version>', 'the release')
    .requiredOption('--from <channel>', 'the channel that has it', parseChannel)
    .requiredOption('--to <channel>', 'the channel that gets it', parseChannel)
    .option('--board <board>', 'only this board; may be repeated', collect)
    .option('--ramp-over <duration>', 'offer it to a share that rises over so long, such as 48h', parseDuration)
    .option('--dry-run', 'say what would change, and write nothing')
    .action((version: string, options: EditingOptions & PromoteOptions) =>
      runEdit({ ...options, channel: options.to }, ({ store, place }, more) => {
        const { from, to, board, rampOver: over } = options
        const ramp = over && rampOver({ start: store.clock(), overMs: durationMs(over), from: 0 })
        return promote(store, { app: place.app, version, from, to, boards: board, ...(ramp && { ramp }) }, more)
      }),
    )
}

interface PromoteOptions {
  readonly from: string
  readonly to: string
  readonly board?: readonly string[]
  readonly rampOver?: string
}

interface RollbackOptions extends EditingOptions {
  readonly reason?: string
  readonly to?: string
  readonly undo?: boolean
}

/** Sends machines back from a release. */
export function rollbackCommand(): Command {
  return editing('rollback', 'send machines that run a bad release back to the newest that is left')
    .argument('<version>', 'the bad release')
    .option('--reason <words>', 'why, best with a link')
    .option('--to <version>', 'refuse where they would go elsewhere')
    .option('--undo', 'offer it again, and nothing lower to those that run it')
    .action((version: string, options: RollbackOptions) =>
      runEdit(options, ({ store, place }, more) => {
        const { reason, to, undo } = options
        if (undo) return editChannel(store, place, (current) => undoRollBack(current, version), more)
        const because = { reason: required(reason, '--reason') }
        return editChannel(
          store,
          place,
          (current, state) => {
            const holds = channelEntry(state.catalog.catalog, place.app, place.channel)?.holds ?? []
            const isHeld = ({ version }: Release, board: string) => holds.some(isHoldOf(version, [board]))
            const said = { because, now: store.clock(), isHeld, ...(to && { to }) }
            return rollBack<ChannelManifest>(current, version, said)
          },
          more,
        )
      }),
    )
}

/** @throws PlatteError('usage') */
export function required(value: string | undefined, flag: string): string {
  if (value) return value
  throw new PlatteError('usage', `${flag} is missing`, { hint: 'say it, or take it back with --undo' })
}

interface FollowOptions extends EditingOptions {
  readonly after?: string
  readonly over?: string
  readonly none?: boolean
}

/** Lets a channel follow another. */
export function followCommand(): Command {
  return editing('follow', 'let a channel offer what another one of the app does, later')
    .argument('[source]', 'the channel that it follows', parseChannel)
    .option('--after <duration>', 'a release is seen when it is so old there, such as 7d', parseDuration)
    .option('--over <duration>', 'and then ramped over so long, such as 48h', parseDuration)
    .option('--none', 'follow none')
    .action((source: string | undefined, options: FollowOptions) =>
      runEdit(options, ({ store, place }, more) => {
        const { after, over, none = false } = options
        if (none === (source !== undefined)) throw new PlatteError('usage', 'name the channel to follow, or say --none')
        const follow =
          source === undefined ? undefined : { channel: source, ...(after && { after }), ...(over && { over }) }
        return followChannel(store, place, follow, more)
      }),
    )
}

/** Takes old releases out of a channel. */
export function pruneCommand(): Command {
  return editing('prune', 'take old releases out of a channel, and their packages out of the store')
    .option('--keep <count>', 'so many of the newest of each board stay', parseCount, 20)
    .action((options: EditingOptions & { keep: number }) =>
      runEdit(
        options,
        ({ store, place }, more) => pruneChannel(store, place, { ...more, keep: options.keep }),
        ({ packages }) => packages.map(({ key, size }) => `- ${key}: ${size} bytes`),
      ),
    )
}
