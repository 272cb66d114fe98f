import { type Command, InvalidArgumentError } from 'commander'
import type { ChannelRef } from '../../catalog/read.ts'
import { runHere } from '../../channels/cli/editing.ts'
import { command, type Options, parseDuration, settingsOf, writeFlags } from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { durationMs } from '../../documents/fields.ts'
import { rampOver } from '../../release/edits.ts'
import { openStore } from '../../runtime/store.ts'
import { adopt, planAdoption } from '../adopt.ts'
import { parseUpstreamSetting } from './upstream.ts'

interface AdoptOptions extends Options {
  readonly as: string
  readonly after?: string
  readonly rampOver?: string
  readonly create?: boolean
  readonly dryRun?: boolean
}

/** Publishes an upstream's release under the own key. */
export function adoptCommand(): Command {
  return command('adopt', "publish an upstream's newest release under your own release key", [
    ...writeFlags,
    'upstreamRoot',
  ])
    .argument('<upstream>', 'the URL of a Platte or of a public bucket, or a store as --store takes it')
    .argument('<app/channel>', 'the channel there, such as e96281a6-d1af-4bde-9a0a-97b76e56dc57/stable', parseRef)
    .requiredOption('--as <channel>', 'your channel of the same app')
    .option('--after <duration>', 'how old a release must be there, such as 7d', parseDuration)
    .option('--ramp-over <duration>', 'ramp it from 0 to 100 % over this time, such as 48h', parseDuration)
    .option('--create', 'create your channel if it does not exist')
    .option('--dry-run', 'print what would change; write nothing')
    .action(async (upstream: string, from: ChannelRef, options: AdoptOptions) => {
      const { upstreamRoot: pin } = settingsOf(options, ['upstreamRoot'])
      const opened = { ...(await openStore(parseUpstreamSetting(upstream))), pin, log: warn }
      const { as: to, after, rampOver: over, create } = options
      await runHere({ ...options, app: from.app, channel: to }, async (store) => {
        const ramp = over && rampOver({ start: store.clock(), overMs: durationMs(over), from: 0 })
        const afterMs = after === undefined ? 0 : durationMs(after)
        const adoption = await planAdoption(store, opened, { from, to, afterMs, create, ...(ramp && { ramp }) })
        return { planned: adoption.planned, commit: () => adopt(store, opened, adoption) }
      })
    })
}

function parseRef(text: string): ChannelRef {
  const [, app, channel] = /^\{?([^/{}]+)\}?\/([^/]+)$/.exec(text) ?? []
  if (app === undefined || channel === undefined) throw new InvalidArgumentError('Use APP/CHANNEL.')
  return { app: app.toLowerCase(), channel }
}
