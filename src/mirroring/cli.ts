/** `platte mirror`, `export` and `import`. */
import type { Command } from 'commander'
import type { Publisher } from '../channels/publish.ts'
import {
  collect,
  command,
  environmentOf,
  type Options,
  oneOf,
  openReadingOf,
  parseCount,
  parseDuration,
  readFlags,
  settingsOf,
} from '../cli/options.ts'
import { progress } from '../cli/progress.ts'
import { notice, show, warn } from '../cli/terminal.ts'
import { repeat } from '../cli/watch.ts'
import { refuseUnsafe } from '../doctor/examine.ts'
import { durationMs } from '../documents/fields.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { timeText } from '../kernel/format.ts'
import { parseStore, type StoreSetting } from '../runtime/own-settings.ts'
import { openStore } from '../runtime/store.ts'
import { coreUpdateCommand, nebraskaCommand } from '../upstreams/cli/import.ts'
import { endBundle, exportBundle, importBundle } from './bundle.ts'
import { makeOnFirstRun } from './cli/first-run.ts'
import { writeWhole } from './cli/whole-file.ts'
import { type MirrorMemory, type MirrorResult, mirror } from './mirror.ts'
import type { Mirroring, MirrorOptions } from './mirror-pass.ts'
import { type Want, wants } from './settings.ts'

interface Flags extends Options {
  readonly channel?: readonly string[]
  readonly packages: Want
  readonly watch?: string
  readonly since?: number
  readonly out?: string
}

const copying = (name: string, description: string, which: string): Command =>
  command(name, description, readFlags)
    .option('--channel <channel>', 'only this one, or APP/CHANNEL; may be repeated', collect)
    .option('--packages <which>', which, oneOf(wants), 'all')

export function mirrorCommand(): Command {
  const which = 'all (of current manifests), current (only those that may still be offered), or none'
  return copying('mirror', 'copy the channels of another Platte or a public bucket, verified', which)
    .argument('<upstream>', 'the URL of a Platte or of a bucket, or a store as --store takes it')
    .option('--watch <duration>', 'repeat at this interval, such as 10m, until stopped', parseDuration)
    .action(async (upstream: string, options: Flags) => {
      const setting = parseUpstreamSetting(upstream)
      const settings = settingsOf(options, ['store', 'pin'])
      if (settings.store.kind === 'http')
        throw new PlatteError('refused', 'a mirror writes its store: --store must name a folder or a bucket', {
          hint: 'to answer from an upstream without a copy: platte serve --store URL',
        })
      await makeOnFirstRun(settings.store, environmentOf(options))
      const { store } = await openReadingOf(options, warn)
      await refuseUnsafe(store)
      const mirroring = await openMirroring(setting, store)
      const wanted = { packages: options.packages, channels: options.channel, onPackage: bars() }
      if (options.watch !== undefined) return await watchUpstream(mirroring, wanted, options, options.watch)
      const result = await mirror(mirroring, wanted)
      report(options, result)
      refuseMissing(result, 'until a later pass gets them; to leave packages to the upstream, use --packages none')
    })
}

/** @param until when the hint says that the rest is offered. @throws PlatteError('missing') */
function refuseMissing({ missing }: MirrorResult, until?: string): void {
  const [first] = missing
  if (first === undefined) return
  const others = missing.length === 1 ? '' : `; and ${missing.length - 1} more`
  throw new PlatteError('missing', `not copied: ${first.problem}${others}`, {
    hint: until
      ? `releases without packages and channels without a manifest are withheld here (not-mirrored) ${until}`
      : 'the bundle has everything else, and can be imported: what it lacks is withheld there',
  })
}

async function watchUpstream(
  mirroring: Mirroring,
  wanted: MirrorOptions,
  options: Flags,
  every: string,
): Promise<void> {
  const lookEveryMs = Math.min(durationMs(every), 60_000)
  const memory: MirrorMemory = {}
  await repeat(every, async () => report(options, await mirror(mirroring, { ...wanted, lookEveryMs }, memory)))
}

/** One bar at a time: that of the first package of those copied side by side. */
function bars(): MirrorOptions['onPackage'] {
  let isShown = false
  const silent = { add: () => {}, end: () => {} }
  return ({ name, size }) => {
    if (isShown) return silent
    isShown = true
    const bar = progress(name, size)
    const end = (): void => {
      isShown = false
      bar.end()
    }
    return { ...bar, end }
  }
}

const mirrorWords = {
  absent: 'not at the upstream',
  mirrored: 'mirrored',
  unchanged: 'nothing new',
  'not-newer': 'the upstream is not newer than this store: nothing was changed',
  more: 'not done yet',
}

const importWords: typeof mirrorWords = {
  ...mirrorWords,
  absent: 'neither here nor in the bundle',
  mirrored: 'imported',
  'not-newer': 'the bundle is not newer than this store, whose catalog stays',
}

function report({ json }: Options, result: MirrorResult, words = mirrorWords): void {
  if (!json) warnLacking(result, words.absent)
  show(json, result, [sentenceOf(words[result.kind], result)])
}

function warnLacking({ absent, missing }: MirrorResult, where: string): void {
  const failed = missing.map(({ key }) => key)
  warnAbsent(
    where,
    absent.filter((key) => !failed.includes(key)),
  )
  warnAbsent(
    'not copied',
    missing.map(({ problem }) => problem),
  )
}

/** Warns about the first ten objects that verified documents name and the store lacks. */
function warnAbsent(where: string, absent: readonly string[]): void {
  for (const key of absent.slice(0, 10)) notice(`warning: ${where}: ${key}`)
  if (absent.length > 10) notice(`warning: ${where}: ${absent.length - 10} more`)
}

/** What was copied, in one line. */
function sentenceOf(done: string, { documents, packages, bytes, issuedAt = '-', expires = '-' }: MirrorResult): string {
  const copied = `documents ${documents}, packages ${packages}, ${(bytes / 1e6).toFixed(1)} MB`
  return `${done}: ${copied}; the catalog is of ${timeText(issuedAt)} and expires ${timeText(expires)}`
}

export function exportCommand(): Command {
  const which = 'all, current or none, as for `platte mirror`'
  return copying('export', 'write the store, verified, as a tar archive', which)
    .option('--since <seq>', 'omit everything up to this revision of each channel', parseCount)
    .option('--out <file>', 'write to this file instead of stdout')
    .action(async ({ channel, packages, since = 0, out, ...options }: Flags) => {
      if (out === undefined && (process.stdout.isTTY || options.json))
        throw new PlatteError('usage', 'stdout is where the bundle goes: use --out FILE, or > FILE without --json')
      const { store } = await openReadingOf(options, warn)
      const write = (to: NodeJS.WritableStream) => exportBundle(store, to, { packages, channels: channel, since })
      const writeAndEnd = async (to: NodeJS.WritableStream) => {
        const done = await write(to)
        await endBundle(to)
        return done
      }
      const result = await (out === undefined ? write(process.stdout) : writeWhole(out, writeAndEnd))
      warnLacking(result, 'not in this store')
      if (options.json) show(true, result, [])
      else notice(sentenceOf('exported', result))
      refuseMissing(result)
    })
}

/** Of a bundle; what else can be imported has commands of its own below it. */
export function importCommand(): Command {
  const made = command('import', 'copy a bundle of `platte export` into the store, verified', readFlags)
    .argument('<bundle>', 'the tar archive')
    .option('--packages <which>', 'all, current or none, as for `platte export`', oneOf(wants), 'all')
    .action(async (bundle: string, options: Pick<Flags, 'packages'> & Options) => {
      const { store, settings } = await openReadingOf(options, warn)
      const result = await importBundle(bundle, store, { packages: options.packages }, async () => {
        await makeOnFirstRun(settings.store, environmentOf(options))
        await refuseUnsafe(store)
      })
      report(options, result, importWords)
      refuseMissing(result, 'until a later bundle has them; to leave packages out, use --packages none')
    })
  return made.enablePositionalOptions().addCommand(nebraskaCommand()).addCommand(coreUpdateCommand())
}

/** @throws PlatteError('usage') */
export function parseUpstreamSetting(text: string): StoreSetting {
  try {
    return parseStore(text)
  } catch (cause) {
    throw new PlatteError('usage', `the upstream ${messageOf(cause)}`, { cause })
  }
}

/** Opens an upstream of this store. */
export async function openMirroring(upstream: StoreSetting, to: Publisher): Promise<Mirroring> {
  const { pin, log, acceptStaleMs } = to
  const from = { ...(await openStore(upstream)), pin, log, acceptStaleMs }
  if (upstream.kind !== 'http') return { from, to }
  const { tokenOfCopy } = await import('../store/http/upstream.ts')
  return { from, to, tokenOf: tokenOfCopy }
}
