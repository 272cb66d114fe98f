/** Commands that keep a release from machines: holds of the timestamp key, and marks of the release key. */
import type { Command } from 'commander'
import { PlatteError } from '../../kernel/errors.ts'
import { type EditingOptions, editing, runCommand } from './editing.ts'

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
    .action((version: string, options: HoldOptions) => {
      const { reason, board } = options
      return runCommand(options, 'hold', { version, reason, board })
    })
}

/** Lifts a hold. */
export function unholdCommand(): Command {
  return editing('unhold', 'lift a hold')
    .argument('<version>', 'the release')
    .option('--board <board>', 'the board that was named in the hold')
    .action((version: string, options: HoldOptions) => runCommand(options, 'unhold', { version, board: options.board }))
}

/** What takes a reason, or is taken back. */
export interface MarkOptions extends EditingOptions {
  readonly reason?: string
  readonly undo?: true
}

const marking = (name: 'withdraw' | 'floor' | 'dead-end', description: string) => (): Command =>
  editing(name, description)
    .argument('<version>', 'the release')
    .option('--reason <words>', 'why, best with a link')
    .option('--undo', 'take it back')
    .action((version: string, options: MarkOptions) => runCommand(options, name, { version, ...reasonOrUndo(options) }))

/** @throws PlatteError('usage') where there is neither. */
export function reasonOrUndo({ reason, undo }: MarkOptions): Pick<MarkOptions, 'reason' | 'undo'> {
  if (undo) return { undo }
  if (reason) return { reason }
  throw new PlatteError('usage', '--reason is missing', { hint: 'say it, or take it back with --undo' })
}

/** Withdraws a release. */
export const withdrawCommand = marking('withdraw', 'offer a release to nobody any more')
/** Makes a release one that older machines must pass through. */
export const floorCommand = marking('floor', 'make older machines pass through a release')
/** Makes a release one from which nothing is offered. */
export const deadEndCommand = marking('dead-end', 'offer nothing to machines that run a release')
