import type { ChannelRef } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { defined } from '../kernel/json.ts'
import { findRelease } from '../release/add-release.ts'
import type { Package, Release } from '../release/channel.ts'
import { type EditState, plan } from './plan.ts'

type Files = readonly Pick<Package, 'name' | 'size'>[]
type Wanted = ChannelRef &
  Pick<Release, 'version' | 'components' | 'cves'> & {
    readonly board: string
    readonly ramp?: Release['ramp'] | undefined
  }
const [sha256, sha1] = ['0'.repeat(64), '0'.repeat(40)]

/** Refuses files that a channel has no room for, before they are read or uploaded: digests have one length. */
export function requireRoom(
  state: EditState,
  order: Wanted & { readonly notes?: Uint8Array },
  files: Files,
  at: number,
): void {
  const { app, channel, board, version, notes, components, cves, ramp } = order
  const packages = files.map(({ name, size }) => ({ name, size, sha256, sha1, required: false })) as [
    Package,
    ...Package[],
  ]
  const details = defined({ components, cves, ramp, notes: notes && { sha256, size: notes.length } })
  const apply = (current: ChannelManifest, _: EditState, publishedAt: string): ChannelManifest => {
    const known = findRelease(current, version)
    if (Object.hasOwn(known?.boards ?? {}, board)) return current
    const boards = { ...known?.boards, [board]: { codebases: [], packages } }
    const release = { version, publishedAt, ...details, ...known, boards }
    return { ...current, releases: [release, ...current.releases.filter((one) => one !== known)] }
  }
  plan({ ref: { app, channel }, create: true, apply }, state, { at })
}
