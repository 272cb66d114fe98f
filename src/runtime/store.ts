/** The store that a setting names, on a machine with files: Node and Deno. */
import { mkdir } from 'node:fs/promises'
import type { Publisher } from '../channels/publish.ts'
import { systemClock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { systemRandom } from '../kernel/random.ts'
import type { Environment } from '../kernel/setting.ts'
import { folderDocuments } from '../store/folder/documents.ts'
import { folderPackages } from '../store/folder/packages.ts'
import { folderUploads } from '../store/folder/uploads.ts'
import type { Packages } from '../store/packages.ts'
import type { Uploads } from '../store/uploads.ts'
import { nodeHasher } from './hasher-node.ts'
import { loadOnlineKeys } from './keys.ts'
import { loadOverlay } from './overlays.ts'
import type { SettingsWith } from './settings.ts'
import type { S3Setting, StoreSetting, UpstreamSetting } from './store-setting.ts'

/** The clock of this machine, for commands that need no store. */
export const machineClock = systemClock

/** Hashes on this machine, for commands that need no store. */
export const machineHasher = nodeHasher

/** What a store setting stands for. What only one kind of store needs is loaded only for that. */
export async function openStore(setting: StoreSetting) {
  return { ...(await openPorts(setting)), newHasher: nodeHasher, clock: systemClock, random: systemRandom }
}

async function openPorts(setting: StoreSetting): Promise<Pick<Publisher, 'documents' | 'packages'>> {
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

async function openUpstream({ url }: UpstreamSetting): Promise<Pick<Publisher, 'documents' | 'packages'>> {
  const { upstreamDocuments, upstreamPackages } = await import('../store/http/upstream.ts')
  return { documents: upstreamDocuments(url), packages: upstreamPackages(url) }
}

/** The SDK takes a while to load, and only buckets need it. */
async function openBucket(setting: S3Setting): Promise<Pick<Publisher, 'documents' | 'packages'>> {
  const [{ openS3 }, { s3Documents }, { s3Packages }] = await Promise.all([
    import('../store/s3/client.ts'),
    import('../store/s3/documents.ts'),
    import('../store/s3/packages.ts'),
  ])
  const s3 = await openS3(setting, { random: systemRandom })
  return { documents: s3Documents(s3), packages: s3Packages(s3, nodeHasher) }
}

/**
 * How a store takes uploads.
 * @param packages of the same store.
 * @throws PlatteError('configuration') for a store that is only read.
 */
export async function openUploadsOf(setting: StoreSetting, packages: Packages): Promise<Uploads> {
  switch (setting.kind) {
    case 'file':
      return folderUploads(setting.dir, { clock: systemClock })
    case 's3': {
      const [{ openS3 }, { s3Uploads }] = await Promise.all([
        import('../store/s3/client.ts'),
        import('../store/s3/uploads.ts'),
      ])
      return s3Uploads(await openS3(setting, { random: systemRandom }), { packages })
    }
    case 'http':
      throw new PlatteError('configuration', 'PLATTE_STORE: a store at a URL is only read, and takes no uploads', {
        hint: 'publish to the store that it is a copy of',
      })
  }
}

/** Makes the folder of a store; an existing one stays. Reading never makes it: a store that is not mounted is not empty. */
export async function makeStore(setting: StoreSetting): Promise<void> {
  if (setting.kind !== 'file') return
  const { dir } = setting
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : cause
    throw new PlatteError('store-unavailable', `${dir} cannot be made: ${why}`, { cause })
  })
}

/** Everything that reads and writes the store, with the keys at hand. */
export async function openPublishing(
  settings: SettingsWith<'store' | 'pin'>,
  env: Environment,
  log: Log,
): Promise<Publisher> {
  return {
    ...(await openStore(settings.store)),
    ...(await loadOnlineKeys(settings, env)),
    pin: settings.pin,
    acceptStaleMs: settings.acceptStaleMs,
    overlay: await loadOverlay(settings.overlay),
    log,
  }
}
