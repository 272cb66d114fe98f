/** The order in which a mirror writes roots, so that its readers can use the store after every single write. */
import type { CatalogState } from '../catalog/read.ts'
import { catalogKey, rootKey } from '../documents/paths.ts'
import type { Root } from '../documents/root.ts'
import { PlatteError } from '../kernel/errors.ts'
import { verifyCatalog } from '../trust/verify-documents.ts'
import { type TrustedRoot, verifyNextRoot } from '../trust/verify-root.ts'
import type { Pass } from './mirror-pass.ts'

/** Keys of roots that were read from the upstream. */
export interface RootOrder {
  /** Under these, what the own store offers verifies as before. */
  readonly early: readonly string[]
  /** These take keys away: they wait until their manifests are there. */
  readonly beforeCatalog: readonly string[]
  readonly afterCatalog: readonly string[]
}

export const noRoots: RootOrder = { early: [], beforeCatalog: [], afterCatalog: [] }

/** @param mark what the own store has; without it nothing there can be used yet. */
export async function orderRoots(pass: Pass, state: CatalogState, mark: CatalogState | undefined): Promise<RootOrder> {
  const newest = state.root.root.version
  const keys: string[] = []
  for (let version = 1; version <= newest; version++) if (pass.read.has(rootKey(version))) keys.push(rootKey(version))
  const own = mark && (await lastHarmless(pass, mark.root, newest))
  if (own === undefined || own.root.version === newest) return { ...noRoots, early: keys }
  const at = keys.indexOf(rootKey(own.root.version + 1))
  const [early, late] = [keys.slice(0, at), keys.slice(at)]
  return (await isCatalogOf(pass, own))
    ? { ...noRoots, early, afterCatalog: late }
    : { ...noRoots, early, beforeCatalog: late }
}

/** The last root that only adds keys: whatever verified before still does. */
async function lastHarmless({ read }: Pass, start: TrustedRoot, newest: number): Promise<TrustedRoot> {
  let root = start
  while (root.root.version < newest) {
    const next = await verifyNextRoot(read.get(rootKey(root.root.version + 1)) ?? new Uint8Array(), root)
    if (!keepsKeys(root.root, next.root)) return root
    root = next
  }
  return root
}

const keepsKeys = (before: Root, next: Root): boolean =>
  (['release', 'timestamp'] as const).every((role) => {
    const [one, other] = [before.roles[role], next.roles[role]]
    return other.threshold <= one.threshold && one.keyIds.every((id) => other.keyIds.includes(id))
  })

/** Whether the upstream's catalog verifies under a root before the newest, as after a rotation. */
async function isCatalogOf({ read, from }: Pass, root: TrustedRoot): Promise<boolean> {
  const bytes = read.get(catalogKey)
  try {
    if (bytes) await verifyCatalog(bytes, root, { now: from.clock(), anyTime: true })
    return bytes !== undefined
  } catch (error) {
    if (error instanceof PlatteError) return false
    throw error
  }
}
