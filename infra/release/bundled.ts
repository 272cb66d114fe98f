/** What the lock file says of packages that bundles contain: neither tools nor what a package takes where it is there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Locked {
  readonly version: string
  readonly dev?: true
  readonly optional?: true
  readonly devOptional?: true
}

/** @returns the lock file, and its entries for bundled packages by path, such as `node_modules/hono`. */
export function readLock(root: string) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const entries = Object.entries<Locked>(lock.packages)
  const isBundled = ([path, one]: (typeof entries)[number]): boolean =>
    path !== '' && !one.dev && !one.optional && !one.devOptional
  return { lock, bundled: entries.filter(isBundled) }
}
