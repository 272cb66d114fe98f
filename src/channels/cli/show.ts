import type { Command } from 'commander'
import { command, type Options, openReadingOf, readFlags } from '../../cli/options.ts'
import { notice, show, table, warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { type ChannelSummary, summarise } from '../summary.ts'

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
          `no such ${channel === undefined ? 'app' : 'channel'}: ${[app, channel].filter(Boolean).join('/')}`,
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
    boards.map(({ board, offered, newest, state }) => [
      app,
      channel,
      String(seq),
      board,
      offered ?? '-',
      newest,
      state,
    ]),
  )
  return table([['APP', 'CHANNEL', 'SEQ', 'BOARD', 'OFFERED', 'NEWEST', 'STATE'], ...rows])
}

function releasesOf({ releases, boards }: ChannelSummary): string[] {
  const rows = releases.map(({ version, offeredFrom, boards, state, components = {} }) => [
    version,
    offeredFrom.slice(0, 10),
    Object.keys(boards).join(','),
    state,
    Object.entries(components)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  ])
  const sentBack = boards.flatMap(({ rollbacks = [], board }) =>
    rollbacks.map(({ from, to }) => `${board}: machines on ${from.join(', ')} are being sent back to ${to}`),
  )
  return [...table([['VERSION', 'PUBLISHED', 'BOARDS', 'STATE', 'COMPONENTS'], ...rows]), ...sentBack]
}
