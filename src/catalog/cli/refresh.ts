import type { Command } from 'commander'
import { command, type Options, openStoreOf, writeFlags } from '../../cli/options.ts'
import { show, warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { timeText } from '../../kernel/format.ts'
import { refresh } from '../refresh.ts'

/** Signs the catalog again where that is due, and names what was committed. */
export function refreshCommand(): Command {
  return command('refresh', 'sign the catalog again and name what was committed', writeFlags)
    .option('--force', 'sign it again though it is young, expired or of the future')
    .action(async (options: Options & { force?: boolean }) => {
      const { store } = await openStoreOf(options, warn)
      const result = await refresh(store, { force: options.force ?? false })
      const done = result.kind === 'refreshed' ? 'refreshed' : 'young enough'
      show(options.json, result, [
        ...result.rolled.map(({ app, channel }) => `${app}/${channel}: rolled forward`),
        `${done}; the catalog expires ${timeText(result.expires)}`,
      ])
      const { length } = result.problems
      if (length === 0) return
      throw new PlatteError('mismatch', `${length} ${length === 1 ? 'channel' : 'channels'} could not be looked at`, {
        hint: '`platte verify` names what is wrong; the others are as they should be',
      })
    })
}
