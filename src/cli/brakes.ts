/** Commands that keep a release from machines: holds of the timestamp key, and marks of the release key. */
import type { Command } from 'commander'
import { type Mark, markRelease } from '../core/release-edits.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { editChannel } from '../service/edit-channel.ts'
import { holdRelease, unholdRelease } from '../service/hold.ts'
import { type EditingOptions, editing, runEdit } from './editing.ts'
import { required } from './release.ts'

interface HoldOptions extends EditingOptions {
  readonly reason: string
  readonly board?: string
}

/** Holds a release. */
export function holdCommand(): Command {
  return editing('hold', 'offer a release to nobody until it is lifted; needs the timestamp key only')
    .argument('<version>', 'the release')
    .requiredOption('--reason <words>', 'why, best with a link: machines and people are told')
    .option('--board <board>', 'only this board')
    .action((version: string, { reason, board, ...options }: HoldOptions) =>
      runEdit(options, ({ store, place }, more) =>
        holdRelease(store, place, { version, reason, ...(board && { board }) }, more),
      ),
    )
}

/** Lifts a hold. */
export function unholdCommand(): Command {
  return editing('unhold', 'lift a hold')
    .argument('<version>', 'the release')
    .option('--board <board>', 'the board that was named in the hold')
    .action((version: string, { board, ...options }: HoldOptions) =>
      runEdit(options, ({ store, place }, more) =>
        unholdRelease(store, place, { version, ...(board && { board }) }, more),
      ),
    )
}

interface MarkOptions extends EditingOptions {
  readonly reason?: string
  readonly undo?: boolean
}

const marking = (name: string, description: string, mark: Mark) => (): Command =>
  editing(name, description)
    .argument('<version>', 'the release')
    .option('--reason <words>', 'why, best with a link')
    .option('--undo', 'take it back')
    .action((version: string, { reason, undo, ...options }: MarkOptions) =>
      runEdit(options, ({ store, place }, more) => {
        const because = undo ? undefined : { reason: required(reason, '--reason') }
        return editChannel(
          store,
          place,
          (current) => markRelease<ChannelManifest>(current, version, { mark, because }),
          more,
        )
      }),
    )

/** Withdraws a release. */
export const withdrawCommand = marking('withdraw', 'offer a release to nobody any more', 'withdrawn')
/** Makes a release one that older machines must pass through. */
export const floorCommand = marking('floor', 'make older machines pass through a release', 'floor')
/** Makes a release one from which nothing is offered. */
export const deadEndCommand = marking('dead-end', 'offer nothing to machines that run a release', 'deadEnd')
