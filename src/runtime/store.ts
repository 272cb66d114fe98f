/** The store that a setting names, on a machine with files: Node and Deno. */
import { mkdir } from 'node:fs/promises'
import { folderDocuments } from '../adapters/folder-documents.ts'
import { folderPackages } from '../adapters/folder-packages.ts'
import { nodeHasher } from '../adapters/hashers.ts'
import { systemClock, systemRandom } from '../adapters/system.ts'
import { PlatteError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import type { Publishing } from '../service/publish.ts'
import type { Environment, SettingsWith, StoreSetting } from './config.ts'
import { loadOnlineKeys } from './keys.ts'

/** What a store setting stands for. */
export const openStore = ({ dir }: StoreSetting) => ({
  documents: folderDocuments(dir, { clock: systemClock }),
  packages: folderPackages(dir, { clock: systemClock, newHasher: nodeHasher }),
  newHasher: nodeHasher,
  clock: systemClock,
  random: systemRandom,
})

/** Makes the folder of a store; one that is there stays. Reading never does: a store that is not mounted is not empty. */
export async function makeStore({ dir }: StoreSetting): Promise<void> {
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw new PlatteError(
      'store-unavailable',
      `${dir} cannot be made: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
      },
    )
  })
}

/** Everything that reads and writes the store, with the keys at hand. */
export async function openPublishing(
  settings: SettingsWith<'store' | 'pin'>,
  env: Environment,
  log: Log,
): Promise<Publishing> {
  return { ...openStore(settings.store), ...(await loadOnlineKeys(settings, env)), pin: settings.pin, log }
}
