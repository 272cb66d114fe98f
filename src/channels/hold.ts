/** Brakes of the timestamp key: they can only withhold, and need no release key. */
import type { ChannelRef } from '../catalog/read.ts'
import { checkHold } from '../documents/catalog.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { findRelease, refusal } from '../release/add-release.ts'
import type { Channel, Hold, Release } from '../release/channel.ts'
import { requireRelease } from '../release/edits.ts'
import { isSameVersion } from '../release/version.ts'
import type { BrakeEdit, EditState } from './plan.ts'

/** A version, of one board or (no `board`) of all. */
export type HeldVersion = Readonly<{ version: string; board?: string | undefined }>

const sourceOf = (current: ChannelManifest | undefined): readonly string[] =>
  current?.follow ? [current.follow.channel] : []

/** Refused for a version or a board that neither the channel nor its source has. */
export const holdEdit = (ref: ChannelRef, { reason, ...held }: HeldVersion & Pick<Hold, 'reason'>): BrakeEdit => ({
  ref,
  others: sourceOf,
  brake: ({ entry, manifest }, state, at) => {
    const release = requireRelease(withSource(manifest, state), held.version)
    const { board } = held
    if (board !== undefined && !Object.hasOwn(release.boards, board))
      throw refusal(
        `${release.version} has no board ${JSON.stringify(board)}`,
        `it has ${Object.keys(release.boards).join(', ')}`,
      )
    const { holds = [] } = entry
    const known = holds.find((hold) => isSameHold(hold, held))
    if (known?.reason === reason) return entry
    const hold = checkHold({ version: release.version, ...(board && { board }), reason, at })
    return { ...entry, holds: [...holds.filter((one) => one !== known), hold] }
  },
})

/** Refused for an unknown version, and for one of which another board is held. */
export const unholdEdit = (ref: ChannelRef, held: HeldVersion): BrakeEdit => ({
  ref,
  others: sourceOf,
  brake: ({ entry, manifest }, state) => {
    const { holds = [] } = entry
    const kept = holds.filter((hold) => !isSameHold(hold, held))
    if (kept.length < holds.length) return { ...entry, holds: kept }
    const others = holds.filter(({ version }) => isSameVersion(version, held.version))
    if (others.length > 0) throw refusal(`${nameOf(held)} is not held`, `on hold: ${others.map(nameOf).join(', ')}`)
    requireRelease(withSource(manifest, state), held.version)
    return entry
  },
})

const nameOf = ({ version, board }: HeldVersion): string => (board ? `${version} for ${board}` : version)

/** Stops the clock of the ramps of a channel, or lets it run on. */
export const stopRampsEdit = (ref: ChannelRef, isStopped: boolean): BrakeEdit => ({
  ref,
  brake: ({ entry: { holds = [], rampAsOf } }, _, at) => ({ holds, ...(isStopped && { rampAsOf: rampAsOf ?? at }) }),
})

export const isSameHold = (hold: HeldVersion, other: HeldVersion): boolean =>
  hold.board === other.board && isSameVersion(hold.version, other.version)

/** The releases of a channel and of its source, each with the boards that it has in either. */
function withSource(manifest: ChannelManifest, { others }: EditState): Channel {
  const source = manifest.follow && others.get(manifest.follow.channel)
  if (source === undefined) return manifest
  const followed = source.releases.filter(({ version }) => findRelease(manifest, version) === undefined)
  const boardsOf = ({ version, boards }: Release) => ({ ...findRelease(source, version)?.boards, ...boards })
  return { releases: [...manifest.releases.map((one) => ({ ...one, boards: boardsOf(one) })), ...followed] }
}
