/** Commands that create, describe, list and show channels. */
import { Command, Option } from 'commander'
import { findNamed, type Named } from '../../catalog/named.ts'
import * as cli from '../../cli/options.ts'
import { notice, show, table, warn } from '../../cli/terminal.ts'
import type { Catalog } from '../../documents/catalog.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { readPayloadKey } from '../../payload/keys.ts'
import { type Guard, weekdays } from '../../release/channel.ts'
import { guardText } from '../../release/diff.ts'
import { readShort } from '../../runtime/files.ts'
import { liveChannels } from '../live.ts'
import { type ChannelSummary, summarise } from '../summary.ts'
import { changing } from './editing.ts'

export function channelCommand(): Command {
  const create = describing('create', 'create a channel')
  const edit = describing('edit', 'describe a channel; an empty value removes a field')
  const about = 'create, describe, rename, delete and list channels'
  const channel = new Command('channel').description(about).exitOverride()
  for (const one of [create, edit, rename(), remove(), list()]) channel.addCommand(one)
  return channel
}

type DescribeFields = Readonly<{ channel: string; guard?: Guard | false }> &
  Partial<
    Record<'description' | 'cadence' | 'on' | 'defaultRamp', string> & Record<'alias' | 'payloadKey', readonly string[]>
  >

const describing = (name: 'create' | 'edit', description: string): Command =>
  changing(name, description, `channel-${name}`, described)
    .argument('<channel>', 'its name: the GROUP of its clients', cli.parseChannel)
    .option('--description <words>', 'what it is for')
    .addOption(new Option('--cadence <duration>', 'how often a release is due, such as 28d').argParser(parseCadence))
    .option('--on <day>', 'the usual day of the week, such as Tue; with --cadence', cli.oneOf(weekdays))
    .option(
      '--alias <name>',
      'another GROUP of its clients, any text; repeatable; replaces the existing aliases',
      cli.collect,
    )
    .option(
      '--payload-key <file>',
      'PEM of a public key: later releases must be signed with it; repeatable; replaces the existing keys',
      cli.collect,
    )
    .option(
      '--guard <limits>',
      'hold a release that fails, such as failures=5%,fell-back=2%,at-least=20',
      cli.parseGuard,
    )
    .option('--no-guard', 'remove the guard')
    .option(
      '--default-ramp <duration>',
      'ramp what is published or promoted without a ramp over this time',
      parseCadence,
    )

const parseCadence = (value: string): string => (value === '' ? '' : cli.parseDuration(value))

/** An empty value removes a field. */
async function described({
  channel,
  description,
  cadence,
  on,
  alias,
  payloadKey: files,
  guard,
  defaultRamp,
}: DescribeFields) {
  if (on && !cadence) throw new PlatteError('usage', '--on needs --cadence')
  return {
    channel,
    description: description === '' ? null : description,
    cadence: cadence === '' ? null : cadence && { every: cadence, ...(on && { on }) },
    aliases: alias?.join('') === '' ? null : alias,
    guard: guard === false ? null : guard,
    defaultRamp: defaultRamp === '' ? null : defaultRamp,
    payloadKeys: files?.join('') === '' ? null : files && (await Promise.all(files.map(payloadKeyOf))),
  }
}

const payloadKeyOf = async (file: string) => readPayloadKey(new TextDecoder().decode(await readShort(file)), file)

const rename = (): Command =>
  changing('rename', 'rename a channel; the old name keeps working', 'channel-rename')
    .argument('<channel>', 'its name', cli.parseChannel)
    .argument('<name>', 'its new name', cli.parseChannel)

const remove = (): Command =>
  changing('delete', 'delete a channel: its machines get no more updates', 'channel-delete')
    .argument('<channel>', 'its name', cli.parseChannel)
    .option('--force', 'delete it although it has releases')

function list(): Command {
  return cli
    .command('list', 'list the channels of an app', [...cli.readFlags, 'app'])
    .action(async (options: cli.Options) => {
      const { store, settings } = await cli.openReadingOf(options, warn, ['app'])
      const channels = await liveChannels(store, settings.app)
      const rows = channels.map(({ channel, seq, releases, follow, cadence, aliases = [], description = '' }) => [
        ...[channel, `${seq}`, `${releases.length}`, releases[0]?.version ?? '-', follow?.channel ?? '-'],
        ...[cadence?.every ?? '-', aliases.join(',') || '-', description],
      ])
      const heading = ['CHANNEL', 'REVISION', 'RELEASES', 'NEWEST', 'FOLLOWS', 'CADENCE', 'ALIASES', 'DESCRIPTION']
      const data = channels.map(({ releases, ...channel }) => ({ ...channel, releases: releases.length }))
      show(options.json, data, table([heading, ...rows]))
    })
}

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
  return [...table([['VERSION', 'PUBLISHED', 'BOARDS', 'STATE', 'COMPONENTS'], ...rows]), ...sentBack, ...more]
}
