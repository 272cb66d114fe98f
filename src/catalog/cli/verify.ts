import type { Command } from 'commander'
import { command, type Options, openReadingOf, readFlags } from '../../cli/options.ts'
import { progress, show, warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { inspectStore } from '../audit.ts'

/** Goes through the whole store. */
export function verifyCommand(): Command {
  return command('verify', 'check the whole store: chain, digests, packages, orphans', readFlags)
    .option('--partial', 'for a mirror of a part: what is not there is a note, and no error')
    .action(async ({ partial, ...options }: Options & { readonly partial?: true }) => {
      const { store } = await openReadingOf(options, warn)
      const onPackage = ({ name, size }: { readonly name: string; readonly size: number }) => progress(name, size)
      const inspection = await inspectStore({ ...store, isPartial: partial, onPackage })
      const { findings, channels, manifests, packages, unchecked } = inspection
      show(options.json, inspection, [
        ...findings.map(({ level, key, problem }) => `${level}: ${key}: ${problem}`),
        ...unchecked.map((what) => `not checked: ${what}`),
        `channels ${channels}, manifests ${manifests}, packages ${packages}`,
      ])
      const errors = findings.filter(({ level }) => level === 'error').length
      if (errors === 0) return
      throw new PlatteError(
        'mismatch',
        `${errors} ${errors === 1 ? 'object is' : 'objects are'} lost, or not what was signed`,
        {
          hint: 'what was changed or lost comes back from a copy of the store, a package by publishing it again; a catalog that expired by `platte refresh --force`',
        },
      )
    })
}
