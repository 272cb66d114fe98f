/** Puts a release of one channel into another: the same bytes under the same keys, so nothing is copied. */
import type { RampStep, Release } from '../core/channel.ts'
import { addRelease } from '../core/edit.ts'
import { editRelease, requireRelease, withField } from '../core/release-edits.ts'
import { compareVersions, parseVersion } from '../core/version.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../errors.ts'
import { type Edited, type EditOptions, editChannel, requireChannel } from './edit-channel.ts'
import { channelEntry, type Place } from './reading.ts'
import { dateOf, instantText, loadForWriting, type Writing } from './writing.ts'

export interface Promotion {
  readonly app: string
  readonly version: string
  readonly from: string
  readonly to: string
  /** Only these; without it all that the release has. */
  readonly boards?: readonly string[] | undefined
  /** The ramp of the release in its new channel. */
  readonly ramp?: readonly RampStep[] | undefined
}

/**
 * @throws PlatteError('refused') for a release that is not there, withdrawn or held; for boards that it lacks, or that
 *   the newest release of the other channel has and it has not; for what publishing refuses.
 */
export async function promote(writing: Writing, promotion: Promotion, options: EditOptions = {}): Promise<Edited> {
  const { app, version, from, to, ramp } = promotion
  const state = await loadForWriting(writing)
  const release = requireRelease(await requireChannel(writing, state, { app, channel: from }), version)
  refuseBraked(release, channelEntry(state.catalog.catalog, app, from)?.holds ?? [], from)
  const at = instantText(dateOf(writing))
  const place: Place = { app, channel: to }
  return editChannel(
    writing,
    place,
    (current) => {
      const boards = boardsOf(release, promotion, current)
      const added = boards.reduce((channel, board) => addBoard(channel, release, { board, at, ramp }), current)
      return added === current ? current : withMarks(added, release)
    },
    options,
  )
}

function refuseBraked(
  { version, withdrawn }: Release,
  holds: readonly { version: string; reason: string }[],
  from: string,
): void {
  if (withdrawn) throw new PlatteError('refused', `${version} was withdrawn from ${from}: ${withdrawn.reason}`)
  const hold = holds.find((one) => compareVersions(parseVersion(one.version), parseVersion(version)) === 0)
  if (hold)
    throw new PlatteError('refused', `${version} is held in ${from}: ${hold.reason}`, {
      hint: 'lift the hold first: platte unhold',
    })
}

/**
 * The boards of a release that go into a channel.
 * @throws PlatteError('refused') for boards that it lacks, or that the newest release of the channel has and it has not.
 */
export function boardsOf(
  release: Release,
  { boards, to }: Pick<Promotion, 'boards' | 'to'>,
  current: ChannelManifest,
): readonly string[] {
  const has = Object.keys(release.boards)
  const lacking = (boards ?? []).filter((board) => !has.includes(board))
  if (lacking.length > 0)
    throw new PlatteError('refused', `${release.version} has no board ${lacking.join(', ')}`, {
      hint: `it has ${has.join(', ')}`,
    })
  if (boards) return boards
  const left = Object.keys(current.releases[0]?.boards ?? {}).filter((board) => !has.includes(board))
  if (left.length > 0)
    throw new PlatteError('refused', `${to} has ${left.join(', ')}, and ${release.version} has not`, {
      hint: `publish it for ${left.join(', ')} first, or say --board ${has.join(' --board ')}`,
    })
  return has
}

/** Adds one board of a release. */
export function addBoard(
  channel: ChannelManifest,
  { version, components, cves, notes, boards }: Release,
  { board, at, ramp }: { readonly board: string; readonly at: string; readonly ramp: Promotion['ramp'] },
): ChannelManifest {
  const packages = boards[board]
  if (packages === undefined) return channel
  return addRelease(channel, {
    ...{ version, board, packages, publishedAt: at },
    ...(components && { components }),
    ...(cves && { cves }),
    ...(notes && { notes }),
    ...(ramp && { ramp }),
  })
}

/** What machines must pass through, or do not get away from, is so in every channel. */
export const withMarks = (channel: ChannelManifest, { version, floor, deadEnd }: Release): ChannelManifest =>
  editRelease(channel, version, (added) =>
    withField(withField(added, 'floor', added.floor ?? floor), 'deadEnd', added.deadEnd ?? deadEnd),
  )
