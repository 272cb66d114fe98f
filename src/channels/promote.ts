/** Puts a release of one channel into another: the same bytes under the same keys, so nothing is copied. */

import { packagesOf } from '../catalog/channels.ts'
import { channelEntry } from '../catalog/read.ts'
import { dateOf, instantText, loadForWriting } from '../catalog/write.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { addRelease, findRelease } from '../release/add-release.ts'
import type { Hold, RampStep, Release } from '../release/channel.ts'
import { isHoldOf, markRelease, requireRelease } from '../release/edits.ts'
import { type EditOptions, type EditResult, editChannel, requireChannel } from './edit-channel.ts'
import { type Publisher, requirePackages } from './publish.ts'

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
 *   the newest release of the other channel has and it has not; for what publishing refuses. 'missing' where its
 *   packages are not in the store, or were taken out meanwhile.
 */
export async function promote(
  publisher: Publisher,
  promotion: Promotion,
  options: EditOptions = {},
): Promise<EditResult> {
  const { app, version, from, to, ramp } = promotion
  const state = await loadForWriting(publisher)
  const source = await requireChannel(publisher, state, { app, channel: from })
  const release = requireRelease(source, version)
  const holds = channelEntry(state.catalog.catalog, app, from)?.holds ?? []
  const at = instantText(dateOf(publisher))
  let promoted: readonly string[] = []
  const edit = (current: ChannelManifest): ChannelManifest => {
    promoted = boardsOf(release, promotion, current)
    refuseBraked(release, promoted, { holds, from })
    const added = promoted.reduce((channel, board) => addBoard(channel, release, { board, at, ramp }), current)
    return added === current ? current : withMarks(added, release)
  }
  await requirePackages(publisher, keysOf(source, release, promotion.boards), version)
  const edited = await editChannel(publisher, { app, channel: to }, edit, options)
  // Somebody may have pruned the other channel in between.
  await requirePackages(publisher, keysOf(source, release, promoted), version)
  return edited
}

/** Where the packages of a release are that are in the store. */
function keysOf(
  source: ChannelManifest,
  release: Release,
  boards: readonly string[] = Object.keys(release.boards),
): Iterable<string> {
  const kept = Object.entries(release.boards).filter(([board]) => boards.includes(board))
  return packagesOf({ ...source, releases: [{ ...release, boards: Object.fromEntries(kept) }] }).keys()
}

function refuseBraked(
  { version, withdrawn }: Release,
  boards: readonly string[],
  { holds, from }: { readonly holds: readonly Hold[]; readonly from: string },
): void {
  if (withdrawn) throw new PlatteError('refused', `${version} was withdrawn from ${from}: ${withdrawn.reason}`)
  const hold = holds.find(isHoldOf(version, boards))
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
export const withMarks = (channel: ChannelManifest, release: Release): ChannelManifest =>
  (['floor', 'deadEnd'] as const).reduce((marked, mark) => {
    const [because, there] = [release[mark], findRelease(marked, release.version)?.[mark]]
    return because && !there ? markRelease(marked, release.version, { mark, because }) : marked
  }, channel)
