/** Lists CUP keys in the root: `platte root cup`. */
import type { Command } from 'commander'
import { type DraftOptions, outOption, writeDraft } from '../../catalog/cli/draft.ts'
import { loadRoot } from '../../catalog/walk-roots.ts'
import { command, type Options, openReadingOf, readFlags } from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { readCupKeys } from '../../runtime/cup-keys.ts'

type CupOptions = DraftOptions & Options & { readonly remove?: string }

export function cupDraft(): Command {
  return command('cup', 'write a draft of a root that lists CUP keys, which prove answers to browsers', readFlags)
    .argument('[file]', 'the keys, as `platte keygen FILE --cup ID` wrote them')
    .option('--remove <key-id>', 'a key that leaves the root, such as 16')
    .option(...outOption)
    .action(async (file: string | undefined, options: CupOptions) => {
      if (file === undefined && options.remove === undefined)
        throw new PlatteError('usage', 'name the file of the CUP keys, or a key id with --remove')
      const { publicHalf } = await import('../../cup/keys.ts')
      const { store } = await openReadingOf(options, warn)
      const add = file === undefined ? [] : await Promise.all((await readCupKeys(file)).map(publicHalf))
      const remove = options.remove === undefined ? [] : [options.remove]
      await writeDraft(store, await loadRoot(store), { cup: { add, remove } }, options)
    })
}
