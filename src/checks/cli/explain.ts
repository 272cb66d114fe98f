import { type Command, Option } from 'commander'
import { type CatalogCache, newCatalogCache } from '../../catalog/cache.ts'
import { withApp } from '../../cli/app.ts'
import { command, type Options, openReadingOf, parseInstant, parseShare, readFlags } from '../../cli/options.ts'
import { openReview } from '../../cli/registered.ts'
import { notice, show } from '../../cli/terminal.ts'
import { parseRunning } from '../../cli/version.ts'
import { groupOf } from '../../kernel/group.ts'
import { defined } from '../../kernel/json.ts'
import { nearestOf } from '../../kernel/nearest.ts'
import type { Scheme } from '../../release/channel.ts'
import { explainRamp } from '../../release/explanation.ts'
import { explain } from '../explain.ts'
import { appKey } from '../update-check.ts'

interface ExplainOptions extends Options {
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly machine?: string
  readonly oem?: string
  readonly os?: string
  readonly manual?: boolean
  readonly syncer?: boolean
  readonly prefix?: string
  readonly scheme?: Scheme
  readonly wariness?: number
  readonly browser?: string
  readonly at?: string
}

/** An operator waits longer than a machine. */
const maxWaitMs = 60_000

/** Explains the answer to a machine, by the code that answers machines. */
export function explainCommand(): Command {
  return command('explain', 'show which update a machine gets, why, and when that will change', [...readFlags, 'app'])
    .requiredOption('--channel <channel>', 'what the machine has as GROUP')
    .requiredOption('--version <version>', 'what it runs, such as 4081.2.0', parseRunning)
    .requiredOption('--board <board>', 'its board, such as amd64-usr')
    .option('--machine <id>', 'its machine id: ramps and windows depend on it')
    .option('--oem <oem>', 'its OEM, such as azure')
    .option('--os <version>', 'the version of its operating system, such as 10.0.19045')
    .option('--manual', 'as if a person requested the update on the machine')
    .option('--syncer', 'as a Nebraska that copies the channel')
    .option('--prefix <versions>', 'as if the machine asked for these versions only, such as 4152.')
    .option('--browser <version>', 'the version of the browser that it is in, such as 156.0', parseRunning)
    .addOption(
      new Option('--scheme <scheme>', 'as a machine with Zincati, which installs these').choices(['checksum', 'oci']),
    )
    .option('--wariness <share>', 'the rollout_wariness of that machine, such as 0.5', parseShare)
    .option('--at <instant>', 'at another time, such as 2026-11-24T13:12:00Z', parseInstant)
    .action(async (options: ExplainOptions) => {
      const { store, settings } = await openReadingOf(await withApp(options), () => {}, ['app'])
      const { at } = options
      const query = queryOf(settings.app, options)
      const review = await openReview(options)
      const answering = { cache: newCatalogCache(maxWaitMs), reader: store, background: undefined, review }
      const explanation = await explain(answering, { query, at: at ? Date.parse(at) : undefined, audience: 'operator' })
      const { sentence, numbers = {}, next } = explanation
      const behind = explainRamp(numbers)
      const lines = [sentence, ...(behind ? [behind] : []), ...(next ? [next.sentence] : [])]
      show(options.json, { asked: query, ...explanation }, lines)
      const known = knownInstead(answering.cache, explanation.reason, query)
      for (const note of [known, options.json ? undefined : explanation.note]) if (note) notice(`note: ${note}`)
    })
}

function queryOf(app: string, { channel, version, board, machine = '', oem = '', ...more }: ExplainOptions) {
  const { manual: isManual = false, syncer, prefix, browser, os, scheme, wariness } = more
  return {
    ...{ app, channel: groupOf(channel), version, board, machineId: machine, oem, isManual },
    ...(syncer && { isSyncer: true }),
    ...(prefix && { limits: { versionPrefix: prefix } }),
    ...defined({ scheme, wariness, os, browser }),
  }
}

const meant = (typed: string, known: readonly string[]): string => {
  const nearest = nearestOf(typed, known)
  return nearest ? `; did you mean ${nearest}?` : ''
}

/** What there is instead, where a channel or a board is not there. */
function knownInstead(
  { apps, channels }: CatalogCache,
  reason: string | undefined,
  { app, channel, board }: Readonly<Record<'app' | 'channel' | 'board', string>>,
): string | undefined {
  if (reason === 'unknown-app') {
    const names = [...apps.keys()].sort()
    return names.length > 0 ? `the apps are ${names.join(', ')}${meant(app, names)}` : undefined
  }
  if (reason === 'unknown-channel') {
    const names = [...(apps.get(appKey(app))?.channels.keys() ?? [])].filter((one) => one !== channel).sort()
    return names.length > 0 ? `its channels are ${names.join(', ')}${meant(channel, names)}` : undefined
  }
  if (reason !== 'no-release-for-board') return undefined
  const index = apps.get(appKey(app))
  const loaded = channels.get(`${appKey(app)}/${index?.aliases.get(channel) ?? channel}`)
  const boards = loaded && 'view' in loaded ? [...loaded.view.boards.keys()].sort() : []
  return boards.length > 0 ? `its boards are ${boards.join(', ')}${meant(board, boards)}` : undefined
}
