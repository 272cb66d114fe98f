/** The order in which a mirror writes roots, so that its readers can use the store after every single write. */
import type { CatalogState } from '../catalog/read.ts'
import { rootKey, stagedRootKey } from '../documents/paths.ts'
import type { Root } from '../documents/root.ts'
import { type TrustedRoot, verifyNextRoot } from '../trust/verify-root.ts'
import type { Pass } from './mirror-pass.ts'

/** Keys of roots that were read from the upstream. */
export interface RootOrder {
  /** Under these, what the own store offers verifies as before. */
  readonly early: readonly string[]
  /** Copies of the late ones, which readers find once the catalog names them. */
  readonly staged: readonly string[]
  /** From the first that takes a key away. */
  readonly late: readonly string[]
}

export const noRoots: RootOrder = { early: [], staged: [], late: [] }

/** @param mark what the own store has; without it nothing there can be used yet. */
export async function orderRoots(pass: Pass, state: CatalogState, mark: CatalogState | undefined): Promise<RootOrder> {
  const newest = state.root.root.version
  const keys: string[] = []
  for (let version = 1; version <= newest; version++) if (pass.read.has(rootKey(version))) keys.push(rootKey(version))
  const own = mark && (await lastHarmless(pass, mark.root, newest))
  if (own === undefined || own.root.version === newest) return { ...noRoots, early: keys }
  const at = keys.indexOf(rootKey(own.root.version + 1))
  const [early, late] = [keys.slice(0, at), keys.slice(at)]
  // The own catalog needs the keys that they take away, the upstream's those that they add.
  const staged = late.map((key, i) => {
    const copy = stagedRootKey(own.root.version + 1 + i)
    pass.read.set(copy, pass.read.get(key) ?? new Uint8Array())
    return copy
  })
  return { early, staged, late }
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
