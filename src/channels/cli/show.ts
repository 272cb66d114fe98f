import type { Command } from 'commander'
import { command, type Options, openReadingOf, readFlags } from '../../cli/options.ts'
import { notice, show, table, warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { type ChannelSummary, summarise } from '../summary.ts'

/** Shows what is published and what is offered. */
export function showCommand(): Command {
  return command('show', 'show apps, channels and releases', readFlags)
    .argument('[app]', 'one app only')
    .argument('[channel]', 'one channel of it, with its releases')
    .action(async (app: string | undefined, channel: string | undefined, options: Options) => {
      const { store } = await openReadingOf(options, warn)
      const summary = await summarise(store, { app: app?.replace(/^\{(.*)\}$/, '$1').toLowerCase(), channel })
      for (const problem of summary.problems) notice(`warning: ${problem}`)
      if (app !== undefined && summary.channels.length === 0 && summary.problems.length === 0)
        throw new PlatteError(
          'usage',
          `there is no ${channel === undefined ? `app ${app}` : `channel ${channel} of ${app}`}`,
          {
            hint: '`platte show` lists what there is',
          },
        )
      const [only] = summary.channels
      show(options.json, summary, channel !== undefined && only ? releasesOf(only) : channelsOf(summary.channels))
    })
}

function channelsOf(channels: readonly ChannelSummary[]): string[] {
  const rows = channels.flatMap(({ app, channel, seq, boards }) =>
    boards.map(({ board, offered, newest }) => [app, channel, String(seq), board, offered ?? '-', newest]),
  )
  return table([['APP', 'CHANNEL', 'SEQ', 'BOARD', 'OFFERED', 'NEWEST'], ...rows])
}

function releasesOf({ releases }: ChannelSummary): string[] {
  const rows = releases.map(({ version, publishedAt, boards, state, components = {} }) => [
    version,
    publishedAt.slice(0, 10),
    Object.keys(boards).join(','),
    state,
    Object.entries(components)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  ])
  return table([['VERSION', 'PUBLISHED', 'BOARDS', 'STATE', 'COMPONENTS'], ...rows])
}
