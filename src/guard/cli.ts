/** The guard of `platte fleet`: beside functions, which keep no projection. */
import { newCatalogCache } from '../catalog/cache.ts'
import { type Options, openStoreOf } from '../cli/options.ts'
import { warn } from '../cli/terminal.ts'
import { openWatch } from './watch.ts'

/** @returns what judges all rollouts once. */
export async function openGuard(options: Options): Promise<() => Promise<void>> {
  const { store, settings } = await openStoreOf(options, warn, ['fleetFile'])
  return openWatch({ cache: newCatalogCache(), writer: store, file: settings.fleetFile }).once
}
