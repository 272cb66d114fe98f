/** Puts a release of one channel into another: the same bytes under the same keys, so nothing is copied. */
import { packagesOf, unknownChannel } from '../catalog/channels.ts'
import { channelEntry } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { addRelease, findRelease, refusal } from '../release/add-release.ts'
import { packagesFor, type RampStep, type Release } from '../release/channel.ts'
import { isHoldOf, markRelease, requireRelease } from '../release/edits.ts'
import type { EditState, ManifestEdit } from './plan.ts'

export interface Promotion extends Readonly<Record<'app' | 'version' | 'from' | 'to', string>> {
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
      if (release.withdrawn) throw refusal(`${release.version} was withdrawn from ${from}: ${release.withdrawn.reason}`)
      const hold = holds.find(isHoldOf(release.version, promoted))
      if (hold)
        throw refusal(`${release.version} is held in ${from}: ${hold.reason}`, 'lift the hold first: platte unhold')
      return addBoards(current, release, { boards: promoted, at, ramp })
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

/** Refused for boards that it lacks, or that only the newest release of the channel has. */
export function boardsOf(
  release: Release,
  { boards, to }: Pick<Promotion, 'boards' | 'to'>,
  current: ChannelManifest,
): readonly string[] {
  const has = Object.keys(release.boards)
  const lacking = (boards ?? []).filter((board) => !has.includes(board))
  if (lacking.length > 0)
    throw refusal(`${release.version} has no board ${lacking.join(', ')}`, `it has ${has.join(', ')}`)
  if (boards) return boards
  const left = Object.keys(current.releases[0]?.boards ?? {}).filter((board) => !has.includes(board))
  if (left.length > 0)
    throw refusal(
      `${to} has ${left.join(', ')}, but ${release.version} does not`,
      `publish it for ${left.join(', ')} first, or use --board ${has.join(' --board ')}`,
    )
  return has
}

type Copied = Pick<Promotion, 'ramp'> & Readonly<{ boards: readonly string[]; at: string }>

/** Adds boards of another channel's release, and marks it here as there. */
export function addBoards(current: ChannelManifest, release: Release, { boards, at, ramp }: Copied): ChannelManifest {
  const { version, components, cves, notes } = release
  const added = boards.reduce((channel, board) => {
    const packages = packagesFor(release, board)
    if (packages === undefined) return channel
    return addRelease(channel, { version, board, packages, publishedAt: at, components, cves, notes, ramp })
  }, current)
  if (added === current) return current
  return (['floor', 'deadEnd'] as const).reduce((marked, mark) => {
    const [because, there] = [release[mark], findRelease(marked, version)?.[mark]]
    return because && !there ? markRelease(marked, version, { mark, because }) : marked
  }, added)
}
