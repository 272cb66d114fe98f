/** `platte adopt`: from another Platte here; from other servers by the room `upstreams`. */
import { type Command, InvalidArgumentError } from 'commander'
import type { ChannelRef } from '../../catalog/read.ts'
import { marksOf, type PlacingOptions, placing, runHere } from '../../channels/cli/editing.ts'
import {
  command,
  endpointFlags,
  type Options,
  oneOf,
  parseDuration,
  parseList,
  settingsOf,
  writeFlags,
} from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { repeat } from '../../cli/watch.ts'
import { durationMs } from '../../documents/fields.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { rampOver } from '../../release/edits.ts'
import { openStore } from '../../runtime/store.ts'
import { type AdoptFlags, adoptThere, isOtherServer } from '../../upstreams/cli/adopt.ts'
import { adopt, planAdoption } from '../adopt.ts'
import { parseUpstreamSetting } from '../cli.ts'

interface AdoptOptions extends Options, PlacingOptions, AdoptFlags {
  readonly watch?: string
}

export function adoptCommand(): Command {
  const about = "publish an upstream's newest release under your own release key"
  return placing(command('adopt', about, [...writeFlags, ...endpointFlags, 'app', 'upstreamRoot']))
    .argument(
      '<upstream>',
      'a Platte, as a URL or as --store takes it; or omaha:URL, gupdate:URL, omaha-json:URL, fcos:URL',
    )
    .argument(
      '[app/channel]',
      'of a Platte: the channel there, such as e96281a6-d1af-4bde-9a0a-97b76e56dc57/stable',
      parseRef,
    )
    .requiredOption('--as <channel>', 'your channel of the same app')
    .option('--channel <channel>', 'of another server: the channel there, such as stable')
    .option('--boards <boards>', 'of another server: the boards, such as amd64-usr,arm64-usr', parseList)
    .option(
      '--packages <which>',
      'of another server: copy them, or reference them at their URLs',
      oneOf(['copy', 'reference']),
    )
    .option(
      '--releases-json <place>',
      "of omaha: Flatcar's or CoreOS's list of releases: components, notes and CVEs; of fcos: where releases.json is",
    )
    .option('--after <duration>', 'how old a release must be, such as 7d', parseDuration)
    .option('--ramp-over <duration>', 'ramp it from 0 to 100 % over this time, such as 48h', parseDuration)
    .option('--held', 'of another server: withhold a new release until `platte withdraw VERSION --undo`')
    .option('--raw', 'allow packages that their clients would refuse')
    .option('--create', 'create your channel if it does not exist')
    .option('--create-board', 'of another server: give the app a board that it does not have')
    .option('--watch <duration>', 'repeat at this interval, such as 1h, until stopped', parseDuration)
    .option('--dry-run', 'print what would change; write nothing')
    .action(async (upstream: string, from: ChannelRef | undefined, options: AdoptOptions) => {
      const run = isOtherServer(upstream)
        ? () => adoptThere(upstream, from, options)
        : () => adoptPlatte(upstream, from, options)
      await (options.watch === undefined ? run() : repeat(options.watch, run))
    })
}

const onlyOmaha = ['channel', 'boards', 'packages', 'releasesJson', 'held', 'createBoard', 'endpoint'] as const

async function adoptPlatte(upstream: string, from: ChannelRef | undefined, options: AdoptOptions): Promise<void> {
  const other = onlyOmaha.find((name) => name in options)
  if (from === undefined || other)
    throw new PlatteError(
      'usage',
      from
        ? `--${other?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is for other servers than a Platte`
        : 'APP/CHANNEL of the upstream is missing',
      {
        hint: 'platte adopt URL APP/CHANNEL --as CHANNEL; an Omaha server is written omaha:URL',
      },
    )
  const { upstreamRoot: pin } = settingsOf(options, ['upstreamRoot'])
  const opened = { ...(await openStore(parseUpstreamSetting(upstream))), pin, log: warn }
  const { as: to, after, rampOver: over, create, raw, skipFloors, belowNewest, floor, reason } = options
  const placed = { create, raw, ...marksOf({ skipFloors, belowNewest, floor, reason }) }
  await runHere({ ...options, app: from.app, channel: to }, async (store) => {
    const ramp = over && rampOver({ start: store.clock(), overMs: durationMs(over), from: 0 })
    const afterMs = after === undefined ? 0 : durationMs(after)
    const adoption = await planAdoption(store, opened, { from, to, afterMs, ...placed, ...(ramp && { ramp }) })
    return { planned: adoption.planned, commit: () => adopt(store, opened, adoption) }
  })
}

function parseRef(text: string): ChannelRef {
  const [, app, channel] = /^\{?([^/{}]+)\}?\/([^/]+)$/.exec(text) ?? []
  if (app === undefined || channel === undefined) throw new InvalidArgumentError('Use APP/CHANNEL.')
  return { app: app.toLowerCase(), channel }
}
