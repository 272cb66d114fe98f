import type { Command } from 'commander'
import { command, openReadingOf, readFlags } from '../../cli/options.ts'
import { notice, show, warn } from '../../cli/terminal.ts'
import { firstReaderOf, newestFormat } from '../../documents/format.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { compareVersions, parseVersion } from '../../release/version.ts'
import { loadRoot } from '../read.ts'
import { type DraftOptions, outOption, writeDraft } from './draft.ts'

/** Lets a store use what older readers refuse: a root edit, so the root keys sign it. */
export function formatCommand(): Command {
  return command('format', 'write a draft of a root that allows a newer format', readFlags)
    .argument('<format>', `the format, at most ${newestFormat}`, Number)
    .option('--oldest-reader <version>', 'the oldest version of Platte that reads this store, anywhere')
    .option(...outOption)
    .action(async (format: number, options: DraftOptions & { readonly oldestReader?: string }) => {
      const { store } = await openReadingOf(options, warn)
      const current = await loadRoot(store)
      checkFormat(format, current.root.format)
      if (format === current.root.format) {
        notice(`this store is at format ${format} already`)
        return show(options.json, current.root, [])
      }
      for (const line of beforehand(format, current.root.roles.timestamp.maxValidity)) notice(line)
      confirm(format, options.oldestReader)
      await writeDraft(store, current, { format }, options)
    })
}

function checkFormat(format: number, current: number): void {
  if (!Number.isSafeInteger(format) || format < 1 || format > newestFormat)
    throw new PlatteError('usage', `this version of Platte knows format 1 to format ${newestFormat}`)
  if (format < current)
    throw new PlatteError('refused', `this store is at format ${current}, and a store never goes back`, {
      hint: 'readers may rely on the newer format already; start a new store for older readers',
    })
}

const beforehand = (format: number, maxValidity: string): readonly string[] => [
  `Only Platte ${firstReaderOf(format)} and later read a store at format ${format}.`,
  'Upgrade these first: servers, Workers, Lambda functions, sidecars, mirrors and their readers, pipelines that publish, and places that import bundles.',
  `A reader that is too old refuses the new root. It answers from its last catalog until that expires (at most ${maxValidity}), then it offers nothing.`,
  'A store never goes back to an earlier format.',
]

/** @throws PlatteError('refused') unless every reader is known to read the format. */
function confirm(format: number, oldest: string | undefined): void {
  const first = firstReaderOf(format)
  if (oldest === undefined)
    throw new PlatteError('refused', 'not confirmed, so no draft was written', {
      hint: `once everything is upgraded, run it again with --oldest-reader VERSION (${first} or later)`,
    })
  const version = parseVersion(oldest)
  if (version === undefined)
    throw new PlatteError('usage', `--oldest-reader must be a version such as ${first}, not ${JSON.stringify(oldest)}`)
  if (compareVersions(version, parseVersion(first)) < 0)
    throw new PlatteError('refused', `Platte ${oldest} does not read format ${format}, so no draft was written`, {
      hint: `upgrade that reader to ${first} or later first`,
    })
}
