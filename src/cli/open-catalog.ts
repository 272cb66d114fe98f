/** Opens the store for commands that sign the catalog alone. */
import { openPublishing } from '../runtime/store.ts'
import { askSecret, environmentOf, openingWith } from './options.ts'

/** Release keys are left where they are, but for one that a flag names: an encrypted one would want its passphrase. */
export const openCatalogOf = openingWith((settings, options, log) =>
  openPublishing(settings, environmentOf(options), log, {
    ask: askSecret,
    roles: options.releaseKey === undefined ? ['timestamp'] : ['release', 'timestamp'],
  }),
)
