import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { command, type Options, openReadingOf, parseDuration, settingsOf } from '../../cli/options.ts'
import { show, table, warn } from '../../cli/terminal.ts'
import { durationMs, isInstant } from '../../documents/fields.ts'
import { systemClock } from '../../kernel/clock.ts'
import { messageOf, PlatteError } from '../../kernel/errors.ts'
import type { ChannelReport, Counts } from '../model.ts'
import { type Report, reportOn, storedEvents } from '../report.ts'

type ReportOptions = Options & { readonly since: string; readonly channel?: string }

export function reportCommand(): Command {
  return command('report', 'what the machines did: versions, updates, failures', ['store', 'root', 'app'])
    .argument('[files...]', "files of a server's log, or - for what is piped in; without any, the store's")
    .option('--since <time>', 'a duration such as 24h or 7d, or an instant', parseSince, 'PT24H')
    .option('--channel <channel>', 'only this one')
    .action(async (files: readonly string[], options: ReportOptions) => {
      const until = systemClock()
      const since = isInstant(options.since) ? Date.parse(options.since) : until - durationMs(options.since)
      if (!(since < until && until - since <= maxSinceMs))
        throw new PlatteError('usage', `--since ${options.since} is not within the last 400 days`)
      const { app } = settingsOf(options, [])
      const wanted = { since, until, app, channel: options.channel }
      const texts =
        files.length > 0 ? fileLines(files) : storedEvents((await openReadingOf(options, warn)).store.documents, wanted)
      const report = await reportOn(texts, wanted)
      show(options.json, report, linesOf(report))
    })
}

/** Each day costs a listing of the store. */
const maxSinceMs = 400 * 24 * 60 * 60 * 1000

const parseSince = (value: string): string => (isInstant(value) ? value : parseDuration(value))

async function* fileLines(files: readonly string[]): AsyncIterable<string> {
  for (const file of files) {
    const input = file === '-' ? process.stdin : createReadStream(file)
    try {
      yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
    } catch (cause) {
      throw new PlatteError('usage', `${file} cannot be read: ${messageOf(cause)}`, { cause })
    }
  }
}

function linesOf({ since, until, channels, lost, refused, unreadable }: Report): readonly string[] {
  const heading = ['APP', 'CHANNEL', 'MACHINES', 'CHECKS', 'BEGUN', 'FINISHED', 'REBOOTED', 'FAILED', 'ROLLBACKS']
  const rows = channels.map(({ app, channel, machines, isAtLeast, ...one }) => [
    ...[app, channel, `${isAtLeast ? '>=' : ''}${machines}`],
    ...[one.checks, one.begun, one.finished, one.rebooted, one.failed, one.rollbacks].map(String),
  ])
  return [
    `from ${since} to ${until}`,
    ...(rows.length === 0 ? ['no events'] : table([heading, ...rows])),
    ...channels.flatMap(detailsOf),
    ...(lost > 0 ? [`lost: ${lost} events that servers could not keep`] : []),
    ...(refused > 0 ? [`refused requests: ${refused} (lines with "refused" in the log say why)`] : []),
    ...(unreadable > 0 ? [`unreadable: ${unreadable} lines or files`] : []),
  ]
}

function detailsOf({ app, channel, machines, versions, answers, errors, ...more }: ChannelReport): readonly string[] {
  const share = (count: number): string => `${count} (${Math.round((count / Math.max(1, machines)) * 100)} %)`
  const line = (label: string, counts: Counts, text: (count: number) => string = String): readonly string[] => {
    const parts = Object.entries(counts).map(([name, count]) => `${name || '-'} ${text(count)}`)
    return parts.length === 0 ? [] : [`  ${label}: ${parts.join(', ')}`]
  }
  return [
    `${app} ${channel}`,
    ...line('versions', versions, share),
    ...line('answers', answers),
    ...line('failures', errors),
    ...line('came from', more.movedFrom),
    ...(more.syncers > 0 ? [`  syncers: ${more.syncers} (their checks: ${more.syncerChecks}, not counted above)`] : []),
  ]
}
