import { type Command, Option } from 'commander'
import {
  collect,
  command,
  type Options,
  oneOf,
  openReadingOf,
  parseChannel,
  parseDuration,
  readFlags,
} from '../../cli/options.ts'
import { show, table, warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { weekdays } from '../../release/channel.ts'
import { liveChannels } from '../plan.ts'
import { changing } from './editing.ts'

export function channelCommand(): Command {
  const channel = command('channel', 'create, describe, rename, delete and list channels', [])
  channel.addCommand(describing('create', 'create a channel'))
  channel.addCommand(describing('edit', 'describe a channel; an empty value removes a field'))
  for (const make of [rename, remove, list]) channel.addCommand(make())
  return channel
}

interface DescribeFields {
  readonly channel: string
  readonly description?: string
  readonly cadence?: string
  readonly on?: string
  readonly alias?: readonly string[]
}

const describing = (name: 'create' | 'edit', description: string): Command =>
  changing(name, description, `channel-${name}`, described)
    .argument('<channel>', 'its name: the GROUP of its clients', parseChannel)
    .option('--description <words>', 'what it is for')
    .addOption(new Option('--cadence <duration>', 'how often a release is due, such as 28d').argParser(parseCadence))
    .option('--on <day>', 'the usual day of the week, such as Tue; with --cadence', oneOf(weekdays))
    .option('--alias <name>', 'another GROUP of its clients; repeatable; replaces the existing aliases', collect)

const parseCadence = (value: string): string => (value === '' ? '' : parseDuration(value))

/** An empty value removes a field. */
function described({ channel, description, cadence, on, alias }: DescribeFields) {
  if (on && !cadence) throw new PlatteError('usage', '--on needs --cadence')
  return {
    channel,
    description: description === '' ? null : description,
    cadence: cadence === '' ? null : cadence && { every: cadence, ...(on && { on }) },
    aliases: alias?.join('') === '' ? null : alias,
  }
}

const rename = (): Command =>
  changing('rename', 'rename a channel; the old name keeps working', 'channel-rename')
    .argument('<channel>', 'its name', parseChannel)
    .argument('<name>', 'its new name', parseChannel)

const remove = (): Command =>
  changing('delete', 'delete a channel: its machines get no more updates', 'channel-delete')
    .argument('<channel>', 'its name', parseChannel)
    .option('--force', 'delete it although it has releases')

function list(): Command {
  return command('list', 'list the channels of an app', [...readFlags, 'app']).action(async (options: Options) => {
    const { store, settings } = await openReadingOf(options, warn, ['app'])
    const channels = await liveChannels(store, settings.app)
    const rows = channels.map(({ channel, seq, releases, follow, cadence, aliases = [], description = '' }) => [
      channel,
      String(seq),
      String(releases.length),
      releases[0]?.version ?? '-',
      follow?.channel ?? '-',
      cadence?.every ?? '-',
      aliases.join(',') || '-',
      description,
    ])
    const heading = ['CHANNEL', 'SEQ', 'RELEASES', 'NEWEST', 'FOLLOWS', 'CADENCE', 'ALIASES', 'DESCRIPTION']
    const data = channels.map(({ releases, ...channel }) => ({ ...channel, releases: releases.length }))
    show(options.json, data, table([heading, ...rows]))
  })
}
