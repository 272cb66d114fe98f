/** Commands that create, describe and list channels. */
import { Command, Option } from 'commander'
import { withApp } from '../../cli/app.ts'
import * as cli from '../../cli/options.ts'
import { show, table, warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { readPayloadKey } from '../../payload/keys.ts'
import { type Guard, weekdays } from '../../release/channel.ts'
import { readShortText } from '../../runtime/files.ts'
import { liveChannels } from '../live.ts'
import { changing } from './editing.ts'

export function channelCommand(): Command {
  const create = describing('create', 'create a channel')
  const edit = describing('edit', 'describe a channel; an empty value removes a field')
  const about = 'create, describe, rename, delete and list channels'
  const channel = new Command('channel').description(about).exitOverride()
  for (const one of [create, edit, rename(), remove(), list()]) channel.addCommand(one)
  return channel
}

type DescribeFields = Readonly<{ channel: string; guard?: Guard | false; keep?: number | '' }> &
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
    .option('--keep <count>', 'how many of the newest releases of each board prune leaves', parseKeep)

const parseCadence = (value: string): string => (value === '' ? '' : cli.parseDuration(value))

const parseKeep = (value: string): number | '' => (value === '' ? '' : cli.parseCount(value))

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
  keep,
}: DescribeFields) {
  if (on && !cadence) throw new PlatteError('usage', '--on needs --cadence')
  return {
    channel,
    description: description === '' ? null : description,
    cadence: cadence === '' ? null : cadence && { every: cadence, ...(on && { on }) },
    aliases: alias?.join('') === '' ? null : alias,
    guard: guard === false ? null : guard,
    defaultRamp: defaultRamp === '' ? null : defaultRamp,
    keep: keep === '' ? null : keep,
    payloadKeys: files?.join('') === '' ? null : files && (await Promise.all(files.map(payloadKeyOf))),
  }
}

const payloadKeyOf = async (file: string) => readPayloadKey(await readShortText(file), file)

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
    .action(async (given: cli.Options) => {
      const options = await withApp(given)
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
