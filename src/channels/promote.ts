/** Puts a release of one channel into another: the same bytes under the same keys, so nothing is copied. */

import { packagesOf, unknownChannel } from '../catalog/channels.ts'
import { channelEntry } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { addRelease, findRelease } from '../release/add-release.ts'
import type { Hold, RampStep, Release } from '../release/channel.ts'
import { isHoldOf, markRelease, requireRelease } from '../release/edits.ts'
import type { EditState, ManifestEdit } from './plan.ts'

export interface Promotion {
  readonly app: string
  readonly version: string
  readonly from: string
  readonly to: string
  /** Only these boards; by default all of the release. */
  readonly boards?: readonly string[] | undefined
  readonly ramp?: readonly RampStep[] | undefined
}

/**
 * Refused for an unknown, withdrawn or held release; for boards that it lacks, or that only the newest release of the
 * other channel has; and for what publishing refuses.
 */
export function promoteEdit({ app, version, from, to, boards, ramp }: Promotion): ManifestEdit {
  const sourceOf = ({ catalog, head, others }: EditState): ChannelManifest => {
    const source = from === to ? head?.manifest : others.get(from)
    if (source === undefined) throw unknownChannel(catalog, { app, channel: from }, '`platte channel list` shows them')
    return source
  }
  return {
    ref: { app, channel: to },
    others: () => [from],
    check: (state) => void requireRelease(sourceOf(state), version),
    apply: (current, state, at) => {
      const release = requireRelease(sourceOf(state), version)
      const promoted = boardsOf(release, { boards, to }, current)
      const { holds = [] } = channelEntry(state.catalog.catalog.catalog, app, from) ?? {}
      refuseWithheld(release, promoted, { holds, from })
      const added = promoted.reduce((channel, board) => addBoard(channel, release, { board, at, ramp }), current)
      return added === current ? current : withMarks(added, release)
    },
    packages: (state) => {
      const source = sourceOf(state)
      const release = requireRelease(source, version)
      const kept = Object.entries(release.boards).filter(([board]) => boards?.includes(board) ?? true)
      const releases = [{ ...release, boards: Object.fromEntries(kept) }]
      return [...packagesOf({ ...source, releases }).keys()]
    },
  }
}

function refuseWithheld(
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

/** Refused for boards that it lacks, or that only the newest release of the channel has. */
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
    throw new PlatteError('refused', `${to} has ${left.join(', ')}, but ${release.version} does not`, {
      hint: `publish it for ${left.join(', ')} first, or use --board ${has.join(' --board ')}`,
    })
  return has
}

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

export const withMarks = (channel: ChannelManifest, release: Release): ChannelManifest =>
  (['floor', 'deadEnd'] as const).reduce((marked, mark) => {
    const [because, there] = [release[mark], findRelease(marked, release.version)?.[mark]]
    return because && !there ? markRelease(marked, release.version, { mark, because }) : marked
  }, channel)
