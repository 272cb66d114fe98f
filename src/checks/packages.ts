/** Finds the packages that may be served: only what a verified manifest names, by the key that it gives. */

import { currentCatalog, findChannel, reload } from '../catalog/cache.ts'
import type { Loaded, Problem } from '../catalog/channels.ts'
import type { Package } from '../release/channel.ts'
import type { Answering } from './update-check.ts'

/** Channels read for one request: a Worker may ask a store 50 times. */
const readAtMost = 20
/** An older catalog is read again before a package counts as missing: a mirror may know a newer one. */
const anewMs = 2_000

/**
 * Finds a package by its key, also one that was published just now.
 * An expired catalog stops offers, not downloads: the packages stay what was signed.
 * @returns `undefined` where no verified manifest names it. Never throws.
 */
export async function findPackage(answering: Answering, key: string): Promise<Package | Problem | undefined> {
  const found = await lookUp(answering, key)
  const { cache, reader } = answering
  const lookedAt = Math.max(cache.checkedAt, cache.failure?.at ?? 0)
  if (found !== undefined || reader.clock() - lookedAt < anewMs) return found
  await reload(cache, reader)
  return lookUp(answering, key)
}

/**
 * Searches the channels of the key's app, those in the cache first. Reads a few others for each request: with more
 * of them, the first requests get 'store-unavailable'.
 */
async function lookUp(answering: Answering, key: string): Promise<Package | Problem | undefined> {
  const { cache, reader, background } = answering
  const current = await currentCatalog(cache, reader, background)
  if (cache.state === undefined) return 'reason' in current ? current : undefined
  const app = key.split('/')[1] ?? ''
  const names = [...(cache.apps.get(app)?.channels.keys() ?? [])]
  const loadedOf = (channel: string) => cache.channels.get(`${app}/${channel}`)
  const packageIn = (loaded: Loaded | Problem | undefined) =>
    loaded && 'packages' in loaded ? loaded.packages.get(key) : undefined
  for (const channel of names) {
    const found = packageIn(loadedOf(channel))
    if (found) return found
  }
  const unread = names.filter((channel) => loadedOf(channel) === undefined)
  const failed = names.filter((channel) => 'reason' in (loadedOf(channel) ?? {}))
  const read = [...unread, ...failed].slice(0, readAtMost)
  for (const loaded of await Promise.all(read.map((channel) => findChannel(cache, reader, { app, channel })))) {
    const found = packageIn(loaded)
    if (found) return found
  }
  return unread.length > readAtMost
    ? { reason: 'store-unavailable', message: 'not every channel was read yet' }
    : undefined
}
