/** Commands that look at a store, or sign its catalog again. */
import type { Command } from 'commander'
import {
  command,
  type Options,
  openReadingOf,
  openStoreOf,
  parseChannel,
  parseCount,
  readFlags,
  writeFlags,
} from '../../cli/options.ts'
import { progress, show, warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { timeText } from '../../kernel/format.ts'
import { changeLine } from '../../release/diff.ts'
import { inspectStore } from '../audit.ts'
import { channelHistory, type HistoryEntry } from '../commit-channel.ts'
import { refresh } from '../edit-catalog.ts'

export function verifyCommand(): Command {
  return command('verify', 'check the whole store: chain, digests, packages, orphans', readFlags)
    .option('--partial', 'for a partial mirror: missing objects are notes, not errors')
    .action(async ({ partial, ...options }: Options & { readonly partial?: true }) => {
      const { store } = await openReadingOf(options, warn)
      const onPackage = ({ name, size }: { readonly name: string; readonly size: number }) => progress(name, size)
      const inspection = await inspectStore({ ...store, isPartial: partial, onPackage })
      const { findings, channels, manifests, packages, unchecked } = inspection
      show(options.json, inspection, [
        ...findings.map(({ level, key, problem }) => `${level}: ${key}: ${problem}`),
        ...unchecked.map((what) => `not checked: ${what}`),
        `channels ${channels}, manifests ${manifests}, packages ${packages}`,
      ])
      const errors = findings.filter(({ level }) => level === 'error').length
      if (errors === 0) return
      throw new PlatteError(
        'mismatch',
        `${errors} ${errors === 1 ? 'object is' : 'objects are'} lost, or not what was signed`,
        {
          hint: 'what was changed or lost comes back from a copy of the store, a package by publishing it again; a catalog that expired by `platte refresh --force`',
        },
      )
    })
}

export function refreshCommand(): Command {
  return command('refresh', 'sign the catalog again and name what was committed', writeFlags)
    .option('--force', 'sign it again though it is young, expired or of the future')
    .action(async (options: Options & { force?: boolean }) => {
      const { store } = await openStoreOf(options, warn)
      const result = await refresh(store, { force: options.force ?? false })
      const done = result.kind === 'refreshed' ? 'refreshed' : 'young enough'
      show(options.json, result, [
        ...result.rolled.map(({ app, channel }) => `${app}/${channel}: rolled forward`),
        `${done}; the catalog expires ${timeText(result.expires)}`,
      ])
      const { length } = result.problems
      if (length === 0) return
      throw new PlatteError('mismatch', `${length} ${length === 1 ? 'channel' : 'channels'} cannot be verified`, {
        hint: '`platte verify` names what is wrong; the other channels were refreshed',
      })
    })
}

export function historyCommand(): Command {
  return command('history', 'show who changed a channel, when, and what: verified', [...readFlags, 'app'])
    .requiredOption('--channel <channel>', 'the channel', parseChannel)
    .option('--limit <count>', 'show this many of the newest', parseCount, 20)
    .action(async (options: Options & { channel: string; limit: number }) => {
      const { store, settings } = await openReadingOf(options, warn, ['app'])
      const found: HistoryEntry[] = []
      try {
        for await (const one of channelHistory(store, { app: settings.app, channel: options.channel })) {
          found.push(one)
          if (found.length === options.limit) break
        }
      } finally {
        if (found.length > 0) show(options.json, found, found.flatMap(linesOf))
      }
    })
}

const linesOf = ({ seq, issuedAt, keyIds, provenance = {}, changes }: HistoryEntry): readonly string[] => [
  `${seq}  ${timeText(issuedAt)}  signed by ${keyIds.map((id) => id.slice(0, 8)).join(', ')}`,
  ...Object.entries(provenance).map(([name, value]) => `    ${name}: ${value}`),
  ...(changes.length === 0
    ? [seq === 1 ? '    created, empty' : '    signed again, content unchanged']
    : changes.map((one) => `    ${changeLine(one)}`)),
]
