/** What the commands that edit a channel share: their options, and how their results are told. */
import type { Command } from 'commander'
import {
  command,
  endpointFlags,
  type Options,
  openStoreOf,
  parseChannel,
  settingsOf,
  writeFlags,
} from '../../cli/options.ts'
import { show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { openEndpoint } from '../../publish-api/cli/endpoint.ts'
import { changeLine } from '../../release/diff.ts'
import { readCommand } from '../commands.ts'
import { type CommandResult, type Edit, type EditCommand, executeCommand } from '../execute-command.ts'
import type { Publisher } from '../publish.ts'

/** What every editing command takes. */
export interface EditingOptions extends Options {
  readonly channel: string
  readonly dryRun?: boolean
}

/** A command that edits channels, here or by a publish function. */
export const changing = (name: string, description: string): Command =>
  command(name, description, [...writeFlags, ...endpointFlags, 'app']).option(
    '--dry-run',
    'say what would change, and write nothing',
  )

/** A command that edits the one channel that a flag names. */
export const editing = (name: string, description: string): Command =>
  changing(name, description).requiredOption('--channel <channel>', 'the channel', parseChannel)

/**
 * Carries out an order, here or by a publish function, and tells what it did.
 * @param said what the order says beside its place; `undefined` is not said.
 */
export async function runOrder(options: EditingOptions, action: Edit, said: object = {}): Promise<void> {
  const { app, endpoint } = settingsOf(options, ['app'])
  const { channel, dryRun } = options
  const order = readCommand(action, defined({ app, channel, dryRun, ...said })) as EditCommand
  const result = endpoint
    ? await (await openEndpoint(options)).send<CommandResult>(order)
    : await editHere(options, (store) => executeCommand(store, order))
  report(options, order.action === 'channel-rename' ? order.name : channel, result)
}

/** Runs an edit that only a store takes, and tells what it did. */
export const runHere = async (
  options: EditingOptions,
  edit: (store: Publisher) => Promise<CommandResult>,
): Promise<void> => report(options, options.channel, await editHere(options, edit))

async function editHere(
  options: EditingOptions,
  edit: (store: Publisher) => Promise<CommandResult>,
): Promise<CommandResult> {
  const { store } = await openStoreOf(options, warn)
  // Who has the timestamp key alone writes one object, and in a hurry: as a refresh does.
  if (!options.dryRun && store.release.length > 0) await refuseUnsafe(store)
  return edit(store)
}

function report({ json }: Options, channel: string, result: CommandResult): void {
  const packages = (result.packages ?? []).map(({ key, size }) => `- ${key}: ${size} bytes`)
  show(json, result, [...result.changes.map(changeLine), ...packages, sentenceOf(channel, result)])
}

const defined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

function sentenceOf(channel: string, { kind, seq, inForce }: CommandResult): string {
  if (kind === 'dry-run') return `${channel}: would be so as ${seq}; nothing was written`
  const later = inForce ? '' : '; in force after the next refresh'
  if (kind === 'unchanged') return `${channel}: it was so before, as ${seq}${later}`
  return `${channel}: ${inForce ? `in force as ${seq}: everywhere within a minute` : `committed as ${seq}`}${later}`
}
