import { createWriteStream } from 'node:fs'
import type { Command } from 'commander'
import {
  collect,
  command,
  type Options,
  oneOf,
  openReadingOf,
  parseCount,
  readFlags,
  settingsOf,
} from '../../cli/options.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { refuseUnsafe } from '../../doctor/examine.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { makeStore } from '../../runtime/store.ts'
import { exportBundle, importBundle } from '../bundle.ts'
import { type Want, wants } from '../mirror-pass.ts'
import { sentenceOf, warnAbsent } from './mirror.ts'

interface ExportFlags extends Options {
  readonly channel?: readonly string[]
  readonly packages: Want
  readonly since?: number
  readonly out?: string
}

/** Writes a bundle for an air gap. */
export function exportCommand(): Command {
  return command('export', 'write the store, verified, as a tar archive', readFlags)
    .option('--channel <channel>', 'only this one, or APP/CHANNEL; may be repeated', collect)
    .option('--packages <which>', 'all, current or none, as for `platte mirror`', oneOf(wants), 'all')
    .option('--since <seq>', 'leave out what a copy with each channel up to this number has', parseCount)
    .option('--out <file>', 'write to this file instead of stdout')
    .action(async ({ channel, packages, since = 0, out, ...options }: ExportFlags) => {
      if (out === undefined && process.stdout.isTTY)
        throw new PlatteError('usage', 'a bundle is not text: use --out FILE, or > FILE')
      const { store } = await openReadingOf(options, warn)
      const stream = out === undefined ? process.stdout : createWriteStream(out)
      const result = await exportBundle(store, stream, { packages, channels: channel, since })
      if (out !== undefined) await new Promise<void>((resolve) => stream.end(resolve))
      warnAbsent('not in this store', result.absent)
      notice(options.json ? JSON.stringify(result) : sentenceOf('exported', result))
    })
}

/** Copies a bundle into a store. */
export function importCommand(): Command {
  return command('import', 'copy a bundle of `platte export` into the store, verified', readFlags)
    .argument('<bundle>', 'the tar archive')
    .action(async (bundle: string, options: Options) => {
      await makeStore(settingsOf(options, ['store', 'pin']).store)
      const { store } = await openReadingOf(options, warn)
      await refuseUnsafe(store)
      const result = await importBundle(bundle, store, { packages: 'all' })
      if (!options.json) warnAbsent('neither here nor in the bundle', result.absent)
      show(options.json, result, [sentenceOf(importedAs[result.kind], result)])
    })
}

const importedAs = {
  mirrored: 'imported',
  unchanged: 'nothing new',
  'not-newer': 'the bundle is not newer than this store, whose catalog stays',
  more: 'not done yet',
} as const
