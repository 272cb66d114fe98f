import type { Command } from 'commander'
import { command, type Options, openReadingOf, parseChannel, parseCount, readFlags } from '../../cli/options.ts'
import { show, warn } from '../../cli/terminal.ts'
import { timeText } from '../../kernel/format.ts'
import { changeLine } from '../../release/diff.ts'
import { channelHistory, type HistoryEntry } from '../history.ts'

/** Shows the history of a channel. */
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
