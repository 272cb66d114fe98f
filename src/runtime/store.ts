/** The store that a setting names, on a machine with files: Node and Deno. */
import { mkdir } from 'node:fs/promises'
import { folderDocuments } from '../adapters/folder-documents.ts'
import { folderPackages } from '../adapters/folder-packages.ts'
import { nodeHasher } from '../adapters/hashers.ts'
import { systemClock, systemRandom } from '../adapters/system.ts'
import { PlatteError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import type { Publishing } from '../service/publish.ts'
import type { Environment, SettingsWith } from './config.ts'
import { loadOnlineKeys } from './keys.ts'
import { loadOverlay } from './overlays.ts'
import type { S3Setting, StoreSetting, UpstreamSetting } from './store-setting.ts'

/** The clock of this machine, for commands that need no store. */
export const machineClock = systemClock

/** What a store setting stands for. What only one kind of store needs is loaded only for that. */
export async function openStore(setting: StoreSetting) {
  return { ...(await openPorts(setting)), newHasher: nodeHasher, clock: systemClock, random: systemRandom }
}

async function openPorts(setting: StoreSetting): Promise<Pick<Publishing, 'documents' | 'packages'>> {
  switch (setting.kind) {
    case 'file':
      return {
        documents: folderDocuments(setting.dir, { clock: systemClock }),
        packages: folderPackages(setting.dir, { clock: systemClock, newHasher: nodeHasher }),
      }
    case 's3':
      return openBucket(setting)
    case 'http':
      return openUpstream(setting)
  }
}

async function openUpstream({ url }: UpstreamSetting): Promise<Pick<Publishing, 'documents' | 'packages'>> {
  const { upstreamDocuments, upstreamPackages } = await import('../adapters/upstream.ts')
  return { documents: upstreamDocuments(url), packages: upstreamPackages(url) }
}

/** The SDK takes a while to load, and only buckets need it. */
async function openBucket(setting: S3Setting): Promise<Pick<Publishing, 'documents' | 'packages'>> {
  const [{ openS3 }, { s3Documents }, { s3Packages }] = await Promise.all([
    import('../adapters/s3-client.ts'),
    import('../adapters/s3-documents.ts'),
    import('../adapters/s3-packages.ts'),
  ])
  const s3 = await openS3(setting, { random: systemRandom })
  return { documents: s3Documents(s3), packages: s3Packages(s3, nodeHasher) }
}

/** Makes the folder of a store; one that is there stays. Reading never does: a store that is not mounted is not empty. */
export async function makeStore(setting: StoreSetting): Promise<void> {
  if (setting.kind !== 'file') return
  const { dir } = setting
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
  return {
    ...(await openStore(settings.store)),
    ...(await loadOnlineKeys(settings, env)),
    pin: settings.pin,
    acceptStaleMs: settings.acceptStaleMs,
    overlay: await loadOverlay(settings.overlay),
    log,
  }
}
