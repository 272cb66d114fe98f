/** Commands that withhold a release: holds of the timestamp key, and marks of the release key. */
import type { Command } from 'commander'
import { PlatteError } from '../../kernel/errors.ts'
import { type EditingOptions, editing, runCommand } from './editing.ts'

interface HoldOptions extends EditingOptions {
  readonly reason: string
  readonly board?: string
}

/** Holds a release. */
export function holdCommand(): Command {
  return editing('hold', 'withhold a release until unhold; needs only the timestamp key')
    .argument('<version>', 'the release')
    .requiredOption('--reason <words>', 'why, best with a link; shown to machines and people')
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
    .option('--board <board>', 'the board of the hold')
    .action((version: string, options: HoldOptions) => runCommand(options, 'unhold', { version, board: options.board }))
}

/** Options of a mark: a reason, or its removal. */
export interface MarkOptions extends EditingOptions {
  readonly reason?: string
  readonly undo?: true
}

const marking = (name: 'withdraw' | 'floor' | 'dead-end', description: string) => (): Command =>
  editing(name, description)
    .argument('<version>', 'the release')
    .option('--reason <words>', 'why, best with a link')
    .option('--undo', 'remove the mark')
    .action((version: string, options: MarkOptions) => runCommand(options, name, { version, ...reasonOrUndo(options) }))

/** @throws PlatteError('usage') without either. */
export function reasonOrUndo({ reason, undo }: MarkOptions): Pick<MarkOptions, 'reason' | 'undo'> {
  if (undo) return { undo }
  if (reason) return { reason }
  throw new PlatteError('usage', '--reason is missing', { hint: 'give a reason, or remove the mark with --undo' })
}

/** Withdraws a release. */
export const withdrawCommand = marking('withdraw', 'stop offering a release')
/** Makes a release a floor: older machines must pass through it. */
export const floorCommand = marking('floor', 'make older machines update to this release first')
/** Makes a release a dead end. */
export const deadEndCommand = marking('dead-end', 'offer no update to machines that run this release')
