/** What the commands that edit a channel share: their options, and how their results are told. */
import type { Command } from 'commander'
import { changeLine } from '../core/diff.ts'
import { refuseUnsafe } from '../service/doctor.ts'
import type { Edited } from '../service/edit-channel.ts'
import type { Publishing } from '../service/publish.ts'
import type { Place } from '../service/reading.ts'
import { command, type Options, openStoreOf, parseChannel, writeFlags } from './options.ts'
import { show, talk } from './terminal.ts'

/** What every editing command takes. */
export interface EditingOptions extends Options {
  readonly channel: string
  readonly dryRun?: boolean
}

/** A command that edits one channel. */
export const editing = (name: string, description: string): Command =>
  command(name, description, [...writeFlags, 'app'])
    .requiredOption('--channel <channel>', 'the channel', parseChannel)
    .option('--dry-run', 'say what would change, and write nothing')

/** Where an edit is to happen, and with what. */
export interface Bench {
  readonly store: Publishing
  readonly place: Place
}

/** Runs an edit, and tells what it did. */
export async function runEdit<Result extends Edited>(
  options: EditingOptions,
  edit: (bench: Bench, options: { readonly dryRun: boolean }) => Promise<Result>,
  moreLines: (result: Result) => readonly string[] = () => [],
): Promise<void> {
  const { store, settings } = await openStoreOf(options, talk, ['app'])
  const { dryRun = false, channel } = options
  if (!dryRun) await refuseUnsafe(store)
  const place = { app: settings.app, channel }
  const result = await edit({ store, place }, { dryRun })
  show(options.json, result, [...result.changes.map(changeLine), ...moreLines(result), sentenceOf(channel, result)])
}

function sentenceOf(channel: string, { kind, seq, inForce }: Edited): string {
  if (kind === 'dry-run') return `${channel}: would be so as ${seq}; nothing was written`
  const later = inForce ? '' : '; in force after the next refresh'
  if (kind === 'unchanged') return `${channel}: it was so before, as ${seq}${later}`
  return `${channel}: ${inForce ? `in force as ${seq}: everywhere within a minute` : `committed as ${seq}`}${later}`
}
