/** Bundles: a store, or the newer part of one, as a tar archive that is carried to where no network reaches. */

import type { Publisher } from '../channels/publish.ts'
import { PlatteError } from '../kernel/errors.ts'
import { keysUpTo } from './bundle.ts'
import { type MirrorResult, mirror } from './mirror.ts'
import type { MirrorOptions } from './mirror-pass.ts'
import { openTar } from './tar/read.ts'
import { tarStore } from './tar/write.ts'

export interface ExportOptions extends MirrorOptions {
  /** Leaves out what a copy has that knows each channel up to here. */
  readonly since: number
}

/**
 * Writes a bundle of what a store holds, verified as it is read.
 * @throws as `mirror` does: then what was written is no bundle, and nobody reads it.
 */
export async function exportBundle(
  store: Publisher,
  out: NodeJS.WritableStream,
  { since, ...options }: ExportOptions,
): Promise<MirrorResult> {
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      out.write(bytes, (error) => (error ? reject(unwritable(error)) : resolve()))
    })
  out.on('error', () => {})
  const known = await keysUpTo(store, since, options.channels)
  const { end, ...to } = tarStore(write, { newHasher: store.newHasher, known })
  // One store makes one bundle, byte for byte.
  const result = await mirror({ from: store, to }, { ...options, packagesAtOnce: 1 })
  await end()
  return result
}

const unwritable = (cause: Error): PlatteError =>
  new PlatteError('store-unavailable', `the bundle cannot be written: ${cause.message}`, { cause })

/** Takes a bundle over as a mirror takes an upstream: the same verifier, and the same order. */
export async function importBundle(path: string, store: Publisher, options: MirrorOptions): Promise<MirrorResult> {
  const { close, ...bundle } = await openTar(path)
  try {
    return await mirror({ from: { ...store, ...bundle }, to: store }, { ...options, fillFromOlder: true })
  } finally {
    await close()
  }
}
