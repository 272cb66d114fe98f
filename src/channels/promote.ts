/** Puts a release of one channel into another: the same bytes under the same keys, so nothing is copied. */
import { packagesOf, unknownChannel } from '../catalog/channels.ts'
import { type ChannelManifest, defaultRampOf } from '../documents/channel.ts'
import { addRelease, findRelease, loadedBoard, refusal, withFollowed } from '../release/add-release.ts'
import {
  type Channel,
  isDetailed,
  type RampStep,
  type Reasoned,
  type Release,
  type Target,
} from '../release/channel.ts'
import { editRelease, isHoldOf, markRelease, requireRelease } from '../release/edits.ts'
import { type Between, floorsBetween, type Origin, refuseBetween } from '../release/floors-between.ts'
import { underEmbargo } from '../release/ramp.ts'
import { compareVersions, isSameVersion, oldestFirst, parseVersion } from '../release/version.ts'
import { type EditState, entryOf, type ManifestEdit } from './plan.ts'

/** What to do about floors and dead ends that machines would pass by; refused unless given. */
export interface FloorChoice {
  readonly withFloors?: boolean | undefined
  readonly skipFloors?: boolean | undefined
}

export interface Placing extends FloorChoice {
  readonly ramp?: readonly RampStep[] | undefined
  readonly belowNewest?: boolean | undefined
  /** Makes the release a floor, and says why. */
  readonly floor?: string | undefined
}

export interface Promotion extends Placing, Readonly<Record<'app' | 'version' | 'from' | 'to', string>> {
  /** Only these boards; by default all of the release. */
  readonly boards?: readonly string[] | undefined
}

/**
 * Refused for an unknown, withdrawn or held release; for boards that it lacks, or that only the newest release of the
 * other channel has; for floors that machines would pass by; and for what publishing refuses.
 */
export function promoteEdit({ app, version, from, to, boards, ...placing }: Promotion): ManifestEdit {
  const sourceOf = ({ catalog, head, others }: EditState): ChannelManifest => {
    const source = from === to ? head?.manifest : others.get(from)
    if (source === undefined) throw unknownChannel(catalog, { app, channel: from }, '`platte channel list` shows them')
    return source
  }
  return {
    ref: { app, channel: to },
    others: () => [from],
    withFollowed: true,
    details: withMarksBelow(version, placing.withFloors),
    check: (state) => void requireRelease(sourceOf(state), version),
    apply: (current, state, at) => {
      const source = sourceOf(state)
      const release = requireRelease(source, version)
      const promoted = boardsOf(release, { boards, to }, current)
      const origin = originOf(state, source)
      if (release.withdrawn) throw refusal(`${release.version} was withdrawn from ${from}: ${release.withdrawn.reason}`)
      const hold = origin.holds.find(isHoldOf(release.version, promoted))
      if (hold)
        throw refusal(`${release.version} is held in ${from}: ${hold.reason}`, 'lift the hold first: platte unhold')
      const ramp = placing.ramp ?? defaultRampOf(current, at)
      const arriving = { version: release.version, boards: promoted }
      const between = floorsBetween(effectiveOf(state, current), arriving, [origin])
      const passed = passFloors(current, between, { ...placing, ramp, version, at })
      return addBoards(passed, release, { ...placing, ramp, boards: promoted, at })
    },
    packages: ({ head }, edited) => packagesIn(edited, head?.manifest, version),
  }
}

type Wanted = NonNullable<ManifestEdit['details']>

export const ofVersions =
  (versions: readonly string[]): Wanted =>
  () => {
    const wanted = [...new Set(versions)].map(parseVersion)
    return ({ version }) => {
      const parsed = parseVersion(version)
      return wanted.some((one) => compareVersions(one, parsed) === 0)
    }
  }

/** A version, and with floors, the versions below it that any of the channels marks: a floor of one may come from another. */
export const withMarksBelow =
  (version: string, withFloors: boolean | undefined): Wanted =>
  (channels) => {
    const isMark = (one: Release): boolean =>
      (one.floor ?? one.deadEnd) !== undefined && oldestFirst(one, { version }) < 0
    const marks = withFloors ? channels.flatMap(({ releases }) => releases.filter(isMark)) : []
    return ofVersions([version, ...marks.map((one) => one.version)])(channels)
  }

/** Keys of the packages of a release, and of all that a plan adds besides. */
export function packagesIn(edited: ChannelManifest, before: Channel | undefined, version = ''): readonly string[] {
  const isMeant = (one: Release): boolean =>
    isSameVersion(one.version, version) || (before && findRelease(before, one.version))?.boards !== one.boards
  return [...packagesOf({ ...edited, releases: edited.releases.filter(isMeant).filter(isDetailed) }).keys()]
}

/** A channel with what it follows, if that was loaded. */
export const effectiveOf = ({ others }: EditState, manifest: ChannelManifest): Channel =>
  withFollowed(manifest, manifest.follow && others.get(manifest.follow.channel))

export function originOf(state: EditState, manifest: ChannelManifest): Origin {
  const { app, channel: name, follow } = manifest
  const names = [name, ...(follow ? [follow.channel] : [])]
  const holds = names.flatMap((channel) => entryOf(state, { app, channel }).holds ?? [])
  return { name, channel: effectiveOf(state, manifest), holds }
}

type Passing = Placing & Readonly<{ version: string; at: string }>

/**
 * Brings floors and dead ends along, oldest first, as far as that is wanted.
 * @throws PlatteError('refused') naming them, or one that is held or withdrawn where it comes from.
 */
export function passFloors(current: ChannelManifest, between: readonly Between[], passing: Passing): ChannelManifest {
  const { withFloors, skipFloors, version } = passing
  if (skipFloors) return current
  const missing = between.some(({ release }) => release === undefined)
  if (!withFloors || missing) refuseBetween(between, current.channel, version)
  return between.reduce((channel, one) => bringAlong(channel, one, passing), current)
}

function bringAlong(channel: ChannelManifest, one: Between, { ramp, at }: Passing): ChannelManifest {
  const { mark, version, boards, release, name, because } = one
  if (release === undefined) return channel
  if (because !== undefined)
    throw refusal(
      `machines must pass through ${version}: ${name} holds or withdrew it`,
      `its reason: ${because}; --skip-floors leaves it out`,
    )
  const known = findRelease(channel, version)
  const added = addBoards(channel, release, { boards, at, ramp, belowNewest: true })
  const reason = release[mark]
  const marked = markOnce(added, version, mark, reason)
  // It is here for its mark only: nobody shall be led there, not even while what is newer is held.
  return known || mark === 'floor' ? marked : markRelease(marked, version, { mark: 'withdrawn', because: reason })
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

type Copied = Omit<Placing, keyof FloorChoice> & Readonly<{ boards: readonly string[]; at: string }>

/** Adds boards of another channel's release, and marks it here as there. */
export function addBoards(current: ChannelManifest, release: Release, copied: Copied): ChannelManifest {
  const { boards, at, ramp, belowNewest, floor } = copied
  const { version, components, cves, notes } = release
  const begun = underEmbargo(release.ramp, ramp, at)
  const added = boards.reduce((channel, board) => {
    const packages = loadedBoard(release, board)
    if (packages === undefined) return channel
    const addition = { version, board, packages, publishedAt: at, components, cves, notes, ramp: begun }
    return addRelease(channel, addition, { belowNewest })
  }, current)
  const placed = floor === undefined ? added : markOnce(added, version, 'floor', { reason: floor })
  return added === current ? placed : markLike(current, placed, release)
}

/** Marks a release that is added here as it is marked in another channel. */
export function markLike(before: ChannelManifest, added: ChannelManifest, there: Release): ChannelManifest {
  const { version } = there
  const marked = (['floor', 'deadEnd'] as const).reduce(
    (channel, mark) => markOnce(channel, version, mark, there[mark]),
    added,
  )
  const isNew = findRelease(before, version) === undefined && findRelease(added, version)?.target === undefined
  const target = isNew ? ownTarget(there) : undefined
  return target ? editRelease(marked, version, (one) => ({ ...one, target })) : marked
}

/** Sets a mark that is not there; another reason stays. */
export const markOnce = (
  channel: ChannelManifest,
  version: string,
  mark: 'floor' | 'deadEnd',
  because: Reasoned | undefined,
): ChannelManifest =>
  because === undefined || findRelease(channel, version)?.[mark]
    ? channel
    : markRelease(channel, version, { mark, because })

/** What a release can run on goes with it; lists of machines belong to the channel. */
function ownTarget({ target }: Release): Target | undefined {
  const { machines: _, ...own } = target ?? {}
  return Object.keys(own).length > 0 ? own : undefined
}
