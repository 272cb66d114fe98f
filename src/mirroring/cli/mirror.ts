import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import {
  collect,
  command,
  type Options,
  oneOf,
  openReadingOf,
  parseDuration,
  readFlags,
  settingsOf,
} from '../../cli/options.ts'
import { notice, noticeError, progress, show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { durationMs } from '../../documents/fields.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { timeText } from '../../kernel/format.ts'
import { makeStore } from '../../runtime/store.ts'
import { type MirrorMemory, type MirrorResult, mirror } from '../mirror.ts'
import { type Mirroring, type MirrorOptions, type Want, wants } from '../mirror-pass.ts'
import { openMirroring, parseUpstreamSetting } from './upstream.ts'

interface Flags extends Options {
  readonly channel?: readonly string[]
  readonly packages: Want
  readonly watch?: string
}

/** Copies the channels of another deployment into a store. */
export function mirrorCommand(): Command {
  return command('mirror', 'copy the channels of another Platte or a public bucket, verified', readFlags)
    .argument('<upstream>', 'the URL of a Platte or of a bucket, or a store as --store takes it')
    .option('--channel <channel>', 'only this one, or APP/CHANNEL; may be repeated', collect)
    .option(
      '--packages <which>',
      'all that current manifests name, those that may still be offered (current), or none',
      oneOf(wants),
      'all',
    )
    .option('--watch <duration>', 'look again after this time, such as 10m, until stopped', parseDuration)
    .action(async (upstream: string, options: Flags) => {
      const setting = parseUpstreamSetting(upstream)
      const settings = settingsOf(options, ['store', 'pin'])
      if (settings.store.kind === 'http')
        throw new PlatteError('refused', 'a mirror writes its store: --store must name a folder or a bucket', {
          hint: 'to answer from an upstream without a copy: platte serve --store URL',
        })
      await makeStore(settings.store)
      const { store } = await openReadingOf(options, warn)
      await refuseUnsafe(store)
      const mirroring = await openMirroring(setting, store)
      const wanted = { packages: options.packages, channels: options.channel, onPackage: bars() }
      if (options.watch === undefined) return report(options, await mirror(mirroring, wanted))
      await watchUpstream(mirroring, wanted, { ...options, everyMs: durationMs(options.watch) })
    })
}

/** Passes until a signal to stop; a failed pass does not end them. */
async function watchUpstream(
  mirroring: Mirroring,
  wanted: MirrorOptions,
  { everyMs, ...options }: Flags & { readonly everyMs: number },
): Promise<void> {
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
  const onError = (error: unknown): void => {
    if (!(error instanceof PlatteError)) throw error
    noticeError(error)
  }
  const memory: MirrorMemory = {}
  while (!stop.signal.aborted) {
    await mirror(mirroring, wanted, memory).then((result) => report(options, result), onError)
    await setTimeout(everyMs, undefined, { signal: stop.signal }).catch(() => {})
  }
}

/** One bar at a time: that of the first package of those copied side by side. */
function bars(): MirrorOptions['onPackage'] {
  let isShown = false
  const silent = { add: () => {}, end: () => {} }
  return ({ name, size }) => {
    if (isShown) return silent
    isShown = true
    const { add, end } = progress(name, size)
    const endBar = (): void => {
      isShown = false
      end()
    }
    return { add, end: endBar }
  }
}

const sentences: Readonly<Record<MirrorResult['kind'], string>> = {
  mirrored: 'mirrored',
  unchanged: 'nothing new',
  'not-newer': 'the upstream is not newer than this store: nothing was changed',
  more: 'not done yet',
}

/** Keys listed for people. */
const maxAbsent = 10

/** Warns of what a verified document names and is not there; of some of it. */
export function warnAbsent(where: string, absent: readonly string[]): void {
  for (const key of absent.slice(0, maxAbsent)) notice(`warning: ${where}: ${key}`)
  if (absent.length > maxAbsent) notice(`warning: ${where}: ${absent.length - maxAbsent} more`)
}

/** What was copied, in one line. */
export const sentenceOf = (
  done: string,
  { documents, packages, bytes, issuedAt = '-', expires = '-' }: MirrorResult,
): string =>
  `${done}: documents ${documents}, packages ${packages}, ${(bytes / 1e6).toFixed(1)} MB; the catalog is of ${timeText(issuedAt)} and expires ${timeText(expires)}`

function report({ json }: Options, result: MirrorResult): void {
  if (!json) warnAbsent('not at the upstream', result.absent)
  show(json, result, [sentenceOf(sentences[result.kind], result)])
}
