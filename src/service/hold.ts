/** Brakes of the timestamp key: they can only withhold, and need no release key. */
import type { Channel, Hold } from '../core/channel.ts'
import { findRelease } from '../core/edit.ts'
import { requireRelease } from '../core/release-edits.ts'
import { compareVersions, parseVersion } from '../core/version.ts'
import { checkHold } from '../documents/catalog.ts'
import { PlatteError } from '../errors.ts'
import { type Braked, type Edited, type EditOptions, editBrakes } from './edit-channel.ts'
import { type CatalogState, channelEntry, loadChannel, type Place } from './reading.ts'
import { instantText, type Writing } from './writing.ts'

/** A version, of one board or (no `board`) of all. */
export type Held = Pick<Hold, 'version' | 'board'>

/**
 * Holds a version in one channel.
 * @throws PlatteError('refused') for a version, or a board of it, that neither the channel nor what it follows has.
 */
export function holdRelease(
  writing: Writing,
  place: Place,
  { reason, ...held }: Held & Pick<Hold, 'reason'>,
  options: EditOptions = {},
): Promise<Edited> {
  const edit = async ({ entry, manifest }: Braked, state: CatalogState) => {
    const channel = await withSource(writing, state, { entry, manifest })
    const release = requireRelease(channel, held.version)
    const { board } = held
    if (board !== undefined && !Object.hasOwn(release.boards, board))
      throw new PlatteError('refused', `${release.version} has no board ${JSON.stringify(board)}`, {
        hint: `it has ${Object.keys(release.boards).join(', ')}`,
      })
    const holds = entry.holds ?? []
    const known = holds.find((hold) => isSameHold(hold, held))
    if (known?.reason === reason) return entry
    const at = instantText(writing.clock())
    const hold = checkHold({ version: release.version, ...(board && { board }), reason, at })
    return { ...entry, holds: [...holds.filter((one) => one !== known), hold] }
  }
  return editBrakes(writing, place, edit, options)
}

/**
 * Lifts a hold. A release that is not held stays as it is.
 * @throws PlatteError('refused') for a version that is not there; for one of which something else is held, naming that.
 */
export function unholdRelease(writing: Writing, place: Place, held: Held, options: EditOptions = {}): Promise<Edited> {
  const edit = async ({ entry, manifest }: Braked, state: CatalogState) => {
    const holds = entry.holds ?? []
    const kept = holds.filter((hold) => !isSameHold(hold, held))
    if (kept.length < holds.length) return { ...entry, holds: kept }
    const others = holds.filter(({ version }) => isSameHold({ version }, { version: held.version }))
    if (others.length > 0) throw notHeld(held, others)
    requireRelease(await withSource(writing, state, { entry, manifest }), held.version)
    return entry
  }
  return editBrakes(writing, place, edit, options)
}

const nameOf = ({ version, board }: Held): string => (board ? `${version} for ${board}` : version)

const notHeld = (held: Held, others: readonly Hold[]): PlatteError =>
  new PlatteError('refused', `${nameOf(held)} is not held`, { hint: `held are ${others.map(nameOf).join(', ')}` })

/** Stops the clock of the ramps of a channel, or (`false`) lets them go on, from where they would be by now. */
export const stopRamps = (
  writing: Writing,
  place: Place,
  isStopped: boolean,
  options: EditOptions = {},
): Promise<Edited> =>
  editBrakes(
    writing,
    place,
    ({ entry: { holds = [], rampAsOf } }) => ({
      holds,
      ...(isStopped && { rampAsOf: rampAsOf ?? instantText(writing.clock()) }),
    }),
    options,
  )

/** Whether two holds are of the same version, and of the same board or both of all. */
export const isSameHold = (hold: Held, other: Held): boolean =>
  hold.board === other.board && compareVersions(parseVersion(hold.version), parseVersion(other.version)) === 0

/** The releases of a channel and of what it follows, each with the boards that it has in either. */
async function withSource(writing: Writing, state: CatalogState, { manifest }: Braked): Promise<Channel> {
  const { app, follow, releases } = manifest
  const entry = follow && channelEntry(state.catalog.catalog, app, follow.channel)
  if (follow === undefined || entry === undefined) return manifest
  const source = (await loadChannel(writing, state, { app, channel: follow.channel, entry })).manifest
  const followed = source.releases.filter(({ version }) => findRelease(manifest, version) === undefined)
  const ours = releases.map((one) => ({
    ...one,
    boards: { ...findRelease(source, one.version)?.boards, ...one.boards },
  }))
  return { releases: [...ours, ...followed] }
}
