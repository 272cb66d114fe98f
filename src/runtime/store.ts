/** The store that a setting names, on a machine with files: Node and Deno. */
import { mkdir } from 'node:fs/promises'
import type { Publisher } from '../channels/publish.ts'
import { maxOverlayBytes, parseOverlay } from '../documents/overlay.ts'
import type { RoleName } from '../documents/root.ts'
import { systemClock } from '../kernel/clock.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import { systemRandom } from '../kernel/random.ts'
import type { Environment } from '../kernel/setting.ts'
import type { Overlay } from '../release/view.ts'
import { folderDocuments } from '../store/folder/documents.ts'
import { checkRoot } from '../store/folder/files.ts'
import { folderPackages } from '../store/folder/packages.ts'
import type { Packages } from '../store/packages.ts'
import type { Uploads } from '../store/uploads.ts'
import { nodeHasher } from './hasher-node.ts'
import type { OverlaySource, S3Setting, StoreSetting } from './own-settings.ts'
import { type Ask, type KeyAccess, keyAccess } from './passphrase.ts'
import { type Settings, type SettingsWith, settingRows } from './settings.ts'
import { readTextFile } from './text-file.ts'
import { transport } from './transport.ts'

const machine = { newHasher: nodeHasher, clock: systemClock, random: systemRandom, transport }

/** What only one kind of store needs is loaded only for that. */
export const openStore = async (setting: StoreSetting) => ({ ...(await openPorts(setting)), ...machine })

async function openPorts(setting: StoreSetting): Promise<Pick<Publisher, 'documents' | 'packages'>> {
  if (setting.kind === 'file')
    return { documents: folderDocuments(setting.dir, machine), packages: folderPackages(setting.dir, machine) }
  if (setting.kind === 's3') {
    const s3 = await openBucket(setting)
    const { s3Documents } = await import('../store/s3/documents.ts')
    const { s3Packages } = await import('../store/s3/packages.ts')
    return { documents: s3Documents(s3), packages: s3Packages(s3, nodeHasher) }
  }
  const { upstreamDocuments, upstreamPackages } = await import('../store/http/upstream.ts')
  return { documents: upstreamDocuments(setting.url, machine), packages: upstreamPackages(setting.url, machine) }
}

/** The SDK takes a while to load. */
const openBucket = async (setting: S3Setting) => (await import('../store/s3/client.ts')).openS3(setting, machine)

/** @param packages of the same store. @throws PlatteError('configuration') for a store that is only read. */
export async function openUploadsOf(setting: StoreSetting, packages: Packages): Promise<Uploads> {
  if (setting.kind === 'file') return (await import('../store/folder/uploads.ts')).folderUploads(setting.dir, machine)
  if (setting.kind === 's3')
    return (await import('../store/s3/uploads.ts')).s3Uploads(await openBucket(setting), { packages })
  throw new PlatteError('configuration', 'PLATTE_STORE: a store at a URL is only read, and takes no uploads', {
    hint: 'publish to the store that it is a copy of',
  })
}

/** Makes the folder of a store; an existing one stays. Reading never makes it: a store that is not mounted is not empty. */
export async function makeStore(setting: StoreSetting): Promise<void> {
  if (setting.kind !== 'file') return
  await mkdir(setting.dir, { recursive: true }).catch((cause: unknown) => {
    throw new PlatteError('store-unavailable', `${setting.dir} cannot be made: ${messageOf(cause)}`, { cause })
  })
}

/** Opens the store without keys, so a damaged key does no harm. */
export async function openReading(settings: SettingsWith<'store' | 'pin'>, log: Log): Promise<Publisher> {
  const { pin, acceptStaleMs } = settings
  const overlay = await loadOverlay(settings.overlay)
  return { ...(await openStore(settings.store)), pin, acceptStaleMs, overlay, log, release: [], timestamp: [] }
}

/** Opens the store with the keys that settings name. @param ask asks for passphrases that they lack. */
export const openPublishing = async (
  settings: SettingsWith<'store' | 'pin'>,
  env: Environment,
  log: Log,
  { ask, roles }: { readonly ask?: Ask; readonly roles?: readonly RoleName[] } = {},
): Promise<Publisher> => ({
  ...(await openReading(settings, log)),
  ...(await loadKeys(settings, roles, () => keyAccess(() => settings, env, ask))),
  operator: settings.operator,
})

/** What reads keys is loaded only where settings name some. */
async function loadKeys(settings: Settings, roles: readonly RoleName[] | undefined, access: () => KeyAccess) {
  const { keysDir, releaseKey, timestampKey } = settings
  if (!keysDir && !releaseKey && !timestampKey) return { release: [], timestamp: [] }
  return (await import('./keys.ts')).loadOnlineKeys(settings, access(), roles)
}

/**
 * Opens the store with the keys that a server uses: the release key only where it publishes, or where a flag names it.
 * @throws PlatteError('store-unavailable') where the folder of the store is not there, as `loadPinnedRoot` refuses an empty one:
 *   what supervises the server starts it again. A bucket that is down may come back meanwhile.
 */
export async function openServing(
  settings: SettingsWith<'store' | 'pin'>,
  env: Environment,
  log: Log,
  { isNamed = false, ...more }: { readonly ask?: Ask; readonly isNamed?: boolean } = {},
): Promise<Publisher> {
  if (settings.store.kind === 'file') await checkRoot(settings.store.dir)
  const signs = settingRows.some(([name, row]) => row.signs && settings[name] !== undefined)
  const roles: readonly RoleName[] = signs || isNamed ? ['release', 'timestamp'] : ['timestamp']
  return openPublishing(settings, env, log, { ...more, roles })
}

/** @throws PlatteError('configuration') naming the file: a broken overlay must not offer what it withholds. */
async function loadOverlay(source: OverlaySource | undefined): Promise<Overlay | undefined> {
  if (source === undefined || 'overlay' in source) return source?.overlay
  const text = readTextFile(source.file, maxOverlayBytes)
  return text.then(parseOverlay).catch((cause: unknown) => {
    const problem = `${source.file}: ${messageOf(cause)}`
    throw new PlatteError('configuration', problem, { hint: 'correct it, or PLATTE_OVERLAY', cause })
  })
}
