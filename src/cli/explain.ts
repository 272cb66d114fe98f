import type { Command } from 'commander'
import { explainDecision } from '../core/explain.ts'
import { newCatalogCache } from '../service/catalog-cache.ts'
import { checkForUpdate } from '../service/update-check.ts'
import { command, type Options, openReadingOf, readFlags } from './options.ts'
import { show } from './terminal.ts'

interface ExplainOptions extends Options {
  readonly channel: string
  readonly version: string
  readonly board: string
  readonly machine?: string
}

/** Says what a machine would get, and why, by the code that answers machines. */
export function explainCommand(): Command {
  return command('explain', 'say what a machine would get, and why', [...readFlags, 'app'])
    .requiredOption('--channel <channel>', 'what the machine has as GROUP')
    .requiredOption('--version <version>', 'what it runs')
    .requiredOption('--board <board>', 'its board, such as amd64-usr')
    .option('--machine <id>', 'its machine id')
    .action(async (options: ExplainOptions) => {
      const { store, settings } = await openReadingOf(options, () => {}, ['app'])
      const { channel, version, board, machine } = options
      const query = { app: settings.app, channel, version, board, ...(machine && { machineId: machine }) }
      const answering = { cache: newCatalogCache(), reading: store, background: undefined }
      const decision = await checkForUpdate(answering, query)
      const sentence = explainDecision(decision)
      const result =
        decision.kind === 'update'
          ? { decision: 'update', offered: decision.offer.release.version }
          : { decision: 'no-update', ...decision, kind: undefined }
      show(options.json, { ...query, machine, ...result, sentence }, [sentence])
    })
}
