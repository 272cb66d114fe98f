/** `platte show`: apart from commands that change something, because it starts sooner without them. */
import type { Command } from 'commander'
import { findNamed, type Named } from '../../catalog/named.ts'
import { type ChannelSummary, summarise } from '../../catalog/summary.ts'
import * as cli from '../../cli/options.ts'
import { notice, show, table, warn } from '../../cli/terminal.ts'
import type { Catalog } from '../../documents/catalog.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { guardText } from '../../release/diff.ts'

export function showCommand(): Command {
  return cli
    .command('show', 'show apps, channels and releases', cli.readFlags)
    .argument('[name]', 'one app, one channel with its releases, or APP/CHANNEL')
    .argument('[channel]', 'the channel, after its app')
    .action(async (first: string | undefined, second: string | undefined, options: cli.Options) => {
      const { store, settings } = await cli.openReadingOf(options, warn)
      const words = [first, second].flatMap((word) => word || [])
      let named: Named = {}
      const choose = (catalog: Catalog): Named => {
        named = findNamed(catalog, words, settings.app)
        return named
      }
      const summary = await summarise(store, choose)
      for (const problem of [...summary.problems, ...summary.warnings]) notice(`warning: ${problem}`)
      const [only] = summary.channels
      if (words.length > 0 && only === undefined && summary.problems.length === 0)
        throw new PlatteError('usage', `no such channel: ${words.join('/')}`, {
          hint: '`platte show` lists what there is',
        })
      show(options.json, summary, named.channel !== undefined && only ? releasesOf(only) : channelsOf(summary.channels))
    })
}

function channelsOf(channels: readonly ChannelSummary[]): string[] {
  const rows = channels.flatMap(({ app, channel, seq, boards }) =>
    boards.map(({ board, offered = '-', newest, state }) => [app, channel, `${seq}`, board, offered, newest, state]),
  )
  return table([['APP', 'CHANNEL', 'REVISION', 'BOARD', 'OFFERED', 'NEWEST', 'STATE'], ...rows])
}

function releasesOf({ releases, boards, payloadKeys = [], guard }: ChannelSummary): string[] {
  const rows = releases.map(({ version, offeredFrom, boards, state, components = {} }) => {
    const named = Object.entries(components).map(([name, value]) => `${name} ${value}`)
    return [version, offeredFrom.slice(0, 10), Object.keys(boards).join(','), state, named.join(', ')]
  })
  const sentBack = boards.flatMap(({ rollbacks = [], board }) =>
    rollbacks.map(({ from, to }) => `${board}: machines on ${from.join(', ')} are being sent back to ${to}`),
  )
  const more = [
    ...payloadKeys.map((sha256) => `payload key: ${sha256}`),
    ...(guard ? [`guard: ${guardText(guard)}`] : []),
  ]
  return [...table([['VERSION', 'FROM', 'BOARDS', 'STATE', 'COMPONENTS'], ...rows]), ...sentBack, ...more]
}
