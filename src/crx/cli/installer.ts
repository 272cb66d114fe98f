/** What `publish` takes for browsers and desktop software: what is run in a package, and patches to it. */
import type { Command } from 'commander'
import { newCatalogCache } from '../../catalog/cache.ts'
import { findPackages } from '../../catalog/details.ts'
import type { StoreReader } from '../../catalog/read.ts'
import type { Source } from '../../channels/staging.ts'
import { findFor } from '../../checks/update-check.ts'
import { collect, type Options, openReadingOf, settingsOf } from '../../cli/options.ts'
import { warn } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { defined } from '../../kernel/json.ts'
import { boardOf, findRelease } from '../../release/add-release.ts'
import type { Patch } from '../../release/channel.ts'

export interface InstallerOptions {
  readonly run?: string
  readonly arguments?: string
  readonly minBrowser?: string
  readonly patchFrom?: readonly string[]
}

export const installerOptions = (made: Command): Command =>
  made
    .option('--run <program>', 'for software that a browser updater installs: the program in the CRX3 that is run')
    .option('--arguments <words>', 'what that program is run with, such as --silent')
    .option('--min-browser <version>', 'the first version of the browser that gets it')
    .option('--patch-from <version=file>', 'a puffin or zucchini patch from an earlier version; repeatable', collect)

/** Of each patch, the version that it is applied to, and its file. @throws PlatteError('usage') */
export const patchesOf = ({ patchFrom = [] }: InstallerOptions) =>
  patchFrom.map((text) => {
    const [, version, file] = /^([^=]+)=(.+)$/s.exec(text) ?? []
    if (version !== undefined && file !== undefined) return { version, file }
    throw new PlatteError('usage', `--patch-from ${text}: is not VERSION=FILE`)
  })

type Place = Readonly<{ app: string; channel: string; board: string }>

/**
 * @param sources none of an image; else the package, further ones, and at the end one for each patch.
 * @param endpoint the URL of the publish function, if there is one.
 * @throws PlatteError('usage') for a file that is no patch; 'missing' for one from a version that the channel does not have.
 */
export async function describeInstaller(
  sources: readonly Source[],
  options: InstallerOptions & Options & Omit<Place, 'app'>,
  endpoint: string | undefined,
): Promise<readonly Source[]> {
  const { run, arguments: given, minBrowser } = options
  const install = defined({ run, arguments: given, minBrowser })
  const [first, ...others] = sources
  if (first === undefined) return []
  const patches = patchesOf(options)
  const reading = patches.length > 0 ? await openReadingOf(withStore(options, endpoint), warn, ['app']) : undefined
  const at = others.length - patches.length
  const described = others.map(async (source, i) => {
    const one = patches[i - at]
    if (one === undefined || reading === undefined) return source
    const place = { ...options, app: reading.settings.app }
    const patch: Patch = { from: await digestOf(reading.store, place, one.version), kind: await kindOf(source) }
    return { ...source, patch }
  })
  const whole = Object.keys(install).length > 0 ? { ...first, install } : first
  return [whole, ...(await Promise.all(described))]
}

/** An endpoint serves the documents, too. */
const withStore = (options: Options, endpoint: string | undefined): Options =>
  endpoint === undefined || settingsOf(options, []).store ? options : { ...options, store: endpoint }

/** The SHA-256 of the file that clients of a version have. */
async function digestOf(reader: StoreReader, { app, channel, board }: Place, version: string): Promise<string> {
  const from = { cache: newCatalogCache(maxWaitMs), reader, background: undefined }
  const found = await findFor(from, { app, channel })
  const manifests = 'view' in found ? [found.manifest, ...(found.source ? [found.source.manifest] : [])] : []
  for (const manifest of manifests) {
    const release = findRelease(manifest, version)
    const set = boardOf(release, board)
    if (release === undefined || set === undefined) continue
    const packages = await findPackages(from, { app, board }, { release, packages: set })
    if ('packages' in packages) return packages.packages[0].sha256
  }
  throw new PlatteError('missing', `--patch-from ${version}: ${channel} has no such release for ${board}`, {
    hint: 'name a version that is in the channel, or leave the patch out',
  })
}

/** An operator waits longer than a client. */
const maxWaitMs = 60_000

/** @see Chromium, zucchini patch_utils.h; puffin puffpatch.cc */
const magics = { PUF1: 'puff', Zucc: 'zucc' } as const

async function kindOf({ name, open }: Source): Promise<Patch['kind']> {
  let start = ''
  for await (const chunk of open()) {
    start += String.fromCharCode(...chunk.subarray(0, 4))
    if (start.length >= 4) break
  }
  for (const [magic, kind] of Object.entries(magics)) if (start.startsWith(magic)) return kind
  throw new PlatteError('usage', `${name}: is no patch of puffin or zucchini`, {
    hint: 'make it with `puffin` or `zucchini -gen OLD NEW PATCH`, uncompressed',
  })
}
