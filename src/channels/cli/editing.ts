/** What the commands that edit a channel share: their options, and how results are printed. */
import type { Command } from 'commander'
import { openEndpoint } from '../../cli/endpoint.ts'
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
import { changeLine } from '../../release/diff.ts'
import { readCommand } from '../commands.ts'
import { commit, preview } from '../commit.ts'
import { type EditAction, type EditCommand, planCommand } from '../execute-command.ts'
import type { EditResult, Plan } from '../plan.ts'
import type { Publisher } from '../publish.ts'

/** Options of every editing command. */
export interface EditingOptions extends Options {
  readonly channel: string
  readonly dryRun?: boolean
}

/** A command that edits channels, in the store or by a publish function. */
export const changing = (name: string, description: string): Command =>
  command(name, description, [...writeFlags, ...endpointFlags, 'app']).option(
    '--dry-run',
    'print what would change; write nothing',
  )

/** A command that edits the one channel that a flag names. */
export const editing = (name: string, description: string): Command =>
  changing(name, description).requiredOption('--channel <channel>', 'the channel', parseChannel)

/**
 * Runs a command, here or by a publish function, and prints the result.
 * @param said what the command says beside its channel; `undefined` members are left out.
 */
export async function runCommand(options: EditingOptions, action: EditAction, said: object = {}): Promise<void> {
  const { app } = settingsOf(options, ['app'])
  const { channel } = options
  const command = readCommand(action, defined({ app, channel, ...said })) as EditCommand
  const name = command.action === 'channel-rename' ? command.name : channel
  const endpoint = await openEndpoint(options)
  if (endpoint) return print(options, name, await endpoint.send<EditResult>(command, options))
  await runHere({ ...options, channel: name }, async (store) => {
    const planned = await planCommand(store, command)
    return { planned, commit: () => commit(store, planned) }
  })
}

/** A plan, and what carries it out. */
interface Planned {
  readonly planned: Plan
  commit(): Promise<EditResult>
}

/** Plans and, without `--dry-run`, commits in the store; prints the result. */
export async function runHere(
  options: EditingOptions,
  planHere: (store: Publisher) => Promise<Planned>,
): Promise<void> {
  const { store } = await openStoreOf(options, warn)
  const change = await planHere(store)
  if (options.dryRun) return print(options, options.channel, await preview(store, change.planned))
  // The timestamp key alone writes one object, and often in a hurry: as a refresh does.
  if (store.release.length > 0) await refuseUnsafe(store)
  print(options, options.channel, await change.commit())
}

function print({ json }: Options, channel: string, result: EditResult): void {
  const packages = (result.packages ?? []).map(({ key, size }) => `- ${key}: ${size} bytes`)
  show(json, result, [...result.changes.map(changeLine), ...packages, sentenceOf(channel, result)])
}

const defined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

function sentenceOf(channel: string, { kind, seq, inForce }: EditResult): string {
  if (kind === 'dry-run') return `Dry run: ${channel} would become revision ${seq}. Nothing written.`
  const live = inForce ? '' : ' Live after the next refresh.'
  if (kind === 'unchanged') return `No change: ${channel} is already at revision ${seq}.${live}`
  return `${channel} updated (revision ${seq}).${live || ' Live within 1 minute.'}`
}
