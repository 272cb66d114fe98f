/** Finds the packages that may be served: only what a verified manifest names, by the key that it gives. */
import type { Package } from '../core/channel.ts'
import { currentCatalog, findChannel } from './catalog-cache.ts'
import type { Problem } from './channels.ts'
import type { Answering } from './update-check.ts'

/**
 * Looks a key up in the channels of the app that it names; those that nobody asked for yet are read first.
 * An expired catalog stops offers, not downloads: what a verified manifest named stays what was signed.
 * @returns `undefined` where no verified manifest names it. Never throws.
 */
export async function findPackage(answering: Answering, key: string): Promise<Package | Problem | undefined> {
  const { cache, reading, background } = answering
  const current = await currentCatalog(cache, reading, background)
  if (cache.state === undefined) return 'reason' in current ? current : undefined
  const app = key.split('/')[1] ?? ''
  const names = [...(cache.apps.get(app)?.channels.keys() ?? [])]
  const packagesIn = (channel: string) => {
    const loaded = cache.channels.get(`${app}/${channel}`)
    return loaded && 'packages' in loaded ? loaded.packages : undefined
  }
  for (const channel of names) {
    const found = packagesIn(channel)?.get(key)
    if (found) return found
  }
  for (const channel of names.filter((name) => packagesIn(name) === undefined)) {
    const loaded = await findChannel(cache, reading, { app, channel })
    const found = 'packages' in loaded ? loaded.packages.get(key) : undefined
    if (found) return found
  }
  return undefined
}
