/** Bundles: a store, or the newer part of one, as a tar archive for an air gap. */
import { finished } from 'node:stream/promises'
import { packagesOf } from '../catalog/channels.ts'
import { loadDetails } from '../catalog/details.ts'
import { channelEntry, loadCatalog, type StoreReader } from '../catalog/read.ts'
import type { Publisher } from '../channels/publish.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey, detailsKey, notesKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Release } from '../release/channel.ts'
import { sha256Hex } from '../trust/digest.ts'
import { verifyPast } from '../trust/verify-documents.ts'
import { type MirrorResult, mirror } from './mirror.ts'
import { channelsToCopy } from './mirror-channels.ts'
import type { MirrorOptions } from './mirror-pass.ts'
import { openTar } from './tar-read.ts'
import { tarStore } from './tar-write.ts'

type ExportOptions = MirrorOptions & { readonly since: number }

/**
 * Writes a bundle of a store, verified as it is read.
 * @param options.since omits what a copy with each channel up to this revision has already.
 * @throws as `mirror` does; no reader accepts what was written until then.
 */
export async function exportBundle(store: Publisher, out: NodeJS.WritableStream, { since, ...options }: ExportOptions) {
  // The first: writes after it only say that the stream is gone.
  let failure: Error | undefined
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      out.write(bytes, (cause) => {
        if (cause) reject(unwritten(failure ?? cause))
        else resolve()
      })
    })
  out.on('error', (cause) => {
    failure ??= cause
  })
  const known = await keysUpTo(store, since, options.channels)
  const { end, ...to } = tarStore(write, { newHasher: store.newHasher, known })
  // With one at a time, the same store always makes the same bytes.
  const result = await mirror({ from: store, to }, { ...options, packagesAtOnce: 1, bundle: 'export' })
  await end()
  return result
}

/** What was written last may fail only here: a full disk, or one that is gone. */
export async function endBundle(out: NodeJS.WritableStream): Promise<void> {
  out.end()
  await finished(out).catch((cause: Error) => Promise.reject(unwritten(cause)))
}

const unwritten = (cause: Error): PlatteError =>
  new PlatteError('store-unavailable', `the bundle cannot be written: ${cause.message}`, { cause })

/**
 * Copies a bundle as a mirror copies an upstream: the same verifier, the same order.
 * @param prepare makes the store ready, once the file is known to be a bundle.
 */
export async function importBundle(
  path: string,
  store: Publisher,
  options: MirrorOptions,
  prepare = async (): Promise<void> => {},
): Promise<MirrorResult> {
  const { close, ...bundle } = await openTar(path)
  try {
    await prepare()
    return await mirror({ from: { ...store, ...bundle }, to: store }, { ...options, bundle: 'import' })
  } finally {
    await close()
  }
}

/**
 * The manifests, notes and packages that a copy of the store has which knows each channel up to a revision.
 * The current manifests are never among them, nor what a missing manifest names.
 */
async function keysUpTo(reader: StoreReader, most: number, channels: readonly string[] | undefined): Promise<string[]> {
  const { catalog } = (await loadCatalog(reader)).catalog
  const keys: string[] = []
  for (const { app, channel } of channelsToCopy(catalog, channels)) {
    const seq = Math.min(most, (channelEntry(catalog, app, channel)?.seq ?? 1) - 1)
    for (let one = 1; one <= seq; one++) keys.push(channelKey(app, channel, one))
    const stored = seq > 0 ? await reader.documents.get(channelKey(app, channel, seq), maxChannelBytes) : undefined
    if (stored === undefined) continue
    const { manifest } = await verifyPast(stored.bytes, await sha256Hex(stored.bytes), { app, channel, seq })
    for (const release of manifest.releases) keys.push(...(await keysOf(reader, app, release)))
  }
  return keys
}

/** Details, notes and packages; none where the details are missing. */
async function keysOf(reader: StoreReader, app: string, release: Release): Promise<readonly string[]> {
  const found = await loadDetails(reader, app, release).catch((error: unknown) => {
    if (!(error instanceof PlatteError && error.code === 'missing')) throw error
  })
  if (found === undefined) return []
  const { notes } = found
  const documents = [release.details && detailsKey(release.details.sha256), notes && notesKey(notes.sha256)]
  return [...documents.filter((key) => key !== undefined), ...packagesOf({ app, releases: [found] }).keys()]
}
