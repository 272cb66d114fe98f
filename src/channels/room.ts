import { boardOf, findRelease } from '../release/add-release.ts'
import type { Image, Package } from '../release/channel.ts'
import { type EditState, plan } from './plan.ts'
import { type ReleaseOrder, releaseEdit } from './release-edit.ts'

type Ordered = ReleaseOrder & { readonly image?: Image }
type Files = readonly Pick<Package, 'name' | 'size'>[]
const [sha256, sha1] = ['0'.repeat(64), '0'.repeat(40)]

/** Refuses files that a channel has no room for, before they are read or uploaded: digests have one length. */
export async function requireRoom(state: EditState, order: Ordered, files: Files, at: number): Promise<void> {
  if (boardOf(state.head && findRelease(state.head.manifest, order.version), order.board)) return
  const packages = files.map(({ name, size }) => ({ name, size, sha256, sha1, required: false }))
  const { image, codebases = [] } = order
  const content = image ?? { codebases, packages: packages as [Package, ...Package[]] }
  const { ref, apply } = await releaseEdit({ ...order, content })
  plan({ ref, create: true, apply }, state, { at })
}
