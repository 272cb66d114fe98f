/** `platte fleet forgive`: a machine that fell back is offered that release again. */
import type { Command } from 'commander'
import { command, type Options, settingsOf } from '../../cli/options.ts'
import { show } from '../../cli/terminal.ts'
import { disguiseOnce } from '../../fleet/ids.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { openStore } from '../../runtime/store.ts'
import { forgive, maxIdLength } from '../forgiven.ts'

interface ForgiveOptions extends Options {
  readonly release?: string
  readonly all?: true
}

/** Unsigned, so it needs no pin and no keys. */
export const forgiveCommand = (): Command =>
  command('forgive', 'offer a release again to machines that fell back from it', ['store', 'app', 'fleetIds'])
    .argument('[machine]', 'its id (/etc/machine-id)')
    .option('--release <version>', 'all machines that fell back from this release')
    .option('--all', 'all machines that fell back until now')
    .action(async (machine: string | undefined, options: ForgiveOptions) => {
      const { release: version, all } = options
      const whom = [machine, version, all].filter((one) => one !== undefined)
      if (whom.length !== 1 || [machine, version].includes(''))
        throw new PlatteError('usage', 'forgive: name either a machine, or --release VERSION, or --all')
      if (machine !== undefined && machine.length > maxIdLength)
        throw new PlatteError('usage', `forgive: an id has at most ${maxIdLength} characters`)
      const { store, app, fleetIds, fleetIdsKey = '' } = settingsOf(options, ['store'])
      const idOf = fleetIds === 'hmac' ? disguiseOnce(fleetIdsKey) : String
      const forgiven = await forgive(await openStore(store), {
        ...(app !== undefined && { app }),
        ...(machine !== undefined && { machine: idOf(machine) }),
        ...(version !== undefined && { version }),
      })
      const who = machine ?? (version === undefined ? 'all machines' : `machines that fell back from ${version}`)
      show(options.json, forgiven, [`${who}: forgiven. Servers offer the release again within 1 minute.`])
    })
