/** Brakes of the timestamp key: they can only withhold, and need no release key. */

import { type CatalogState, type ChannelRef, channelEntry, loadChannel } from '../catalog/read.ts'
import { instantText, type StoreWriter } from '../catalog/write.ts'
import { checkHold } from '../documents/catalog.ts'
import { PlatteError } from '../kernel/errors.ts'
import { findRelease } from '../release/add-release.ts'
import type { Channel, Hold } from '../release/channel.ts'
import { requireRelease } from '../release/edits.ts'
import { compareVersions, parseVersion } from '../release/version.ts'
import { type ChannelEntry, type EditOptions, type EditResult, editBrakes } from './edit-channel.ts'

/** A version, of one board or (no `board`) of all. */
export type HeldVersion = Pick<Hold, 'version' | 'board'>

/**
 * Holds a version in one channel.
 * @throws PlatteError('refused') for a version, or a board of it, that neither the channel nor what it follows has.
 */
export function holdRelease(
  writer: StoreWriter,
  ref: ChannelRef,
  { reason, ...held }: HeldVersion & Pick<Hold, 'reason'>,
  options: EditOptions = {},
): Promise<EditResult> {
  const edit = async ({ entry, manifest }: ChannelEntry, state: CatalogState) => {
    const channel = await withSource(writer, state, { entry, manifest })
    const release = requireRelease(channel, held.version)
    const { board } = held
    if (board !== undefined && !Object.hasOwn(release.boards, board))
      throw new PlatteError('refused', `${release.version} has no board ${JSON.stringify(board)}`, {
        hint: `it has ${Object.keys(release.boards).join(', ')}`,
      })
    const holds = entry.holds ?? []
    const known = holds.find((hold) => isSameHold(hold, held))
    if (known?.reason === reason) return entry
    const at = instantText(writer.clock())
    const hold = checkHold({ version: release.version, ...(board && { board }), reason, at })
    return { ...entry, holds: [...holds.filter((one) => one !== known), hold] }
  }
  return editBrakes(writer, ref, edit, options)
}

/**
 * Lifts a hold. A release that is not held stays as it is.
 * @throws PlatteError('refused') for a version that is not there; for one of which something else is held, naming that.
 */
export function unholdRelease(
  writer: StoreWriter,
  ref: ChannelRef,
  held: HeldVersion,
  options: EditOptions = {},
): Promise<EditResult> {
  const edit = async ({ entry, manifest }: ChannelEntry, state: CatalogState) => {
    const holds = entry.holds ?? []
    const kept = holds.filter((hold) => !isSameHold(hold, held))
    if (kept.length < holds.length) return { ...entry, holds: kept }
    const others = holds.filter(({ version }) => isSameHold({ version }, { version: held.version }))
    if (others.length > 0) throw notHeld(held, others)
    requireRelease(await withSource(writer, state, { entry, manifest }), held.version)
    return entry
  }
  return editBrakes(writer, ref, edit, options)
}

const nameOf = ({ version, board }: HeldVersion): string => (board ? `${version} for ${board}` : version)

const notHeld = (held: HeldVersion, others: readonly Hold[]): PlatteError =>
  new PlatteError('refused', `${nameOf(held)} is not held`, { hint: `held are ${others.map(nameOf).join(', ')}` })

/** Stops the clock of the ramps of a channel, or (`false`) lets them go on, from where they would be by now. */
export const stopRamps = (
  writer: StoreWriter,
  ref: ChannelRef,
  isStopped: boolean,
  options: EditOptions = {},
): Promise<EditResult> =>
  editBrakes(
    writer,
    ref,
    ({ entry: { holds = [], rampAsOf } }) => ({
      holds,
      ...(isStopped && { rampAsOf: rampAsOf ?? instantText(writer.clock()) }),
    }),
    options,
  )

/** Whether two holds are of the same version, and of the same board or both of all. */
export const isSameHold = (hold: HeldVersion, other: HeldVersion): boolean =>
  hold.board === other.board && compareVersions(parseVersion(hold.version), parseVersion(other.version)) === 0

/** The releases of a channel and of what it follows, each with the boards that it has in either. */
async function withSource(writer: StoreWriter, state: CatalogState, { manifest }: ChannelEntry): Promise<Channel> {
  const { app, follow, releases } = manifest
  const entry = follow && channelEntry(state.catalog.catalog, app, follow.channel)
  if (follow === undefined || entry === undefined) return manifest
  const source = (await loadChannel(writer, state, { app, channel: follow.channel, entry })).manifest
  const followed = source.releases.filter(({ version }) => findRelease(manifest, version) === undefined)
  const ours = releases.map((one) => ({
    ...one,
    boards: { ...findRelease(source, one.version)?.boards, ...one.boards },
  }))
  return { releases: [...ours, ...followed] }
}
