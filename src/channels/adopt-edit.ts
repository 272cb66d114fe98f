/** Brings the releases of an upstream into a channel: floors as floors, and the newest of each board once it is old enough. */
import { refuseOtherName } from '../catalog/channels.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { notesKey, packageFolder } from '../documents/paths.ts'
import { textDigest } from '../kernel/digest.ts'
import { lengthText } from '../kernel/format.ts'
import { boardOf, checkSameBytes, findRelease } from '../release/add-release.ts'
import {
  type Channel,
  type DetailedRelease,
  isDetailed,
  isImage,
  packagesFor,
  type Release,
} from '../release/channel.ts'
import { editRelease, markRelease, rampOver, withField } from '../release/edits.ts'
import { floorsBetween } from '../release/floors-between.ts'
import { newestFirst, oldestFirst } from '../release/version.ts'
import type { CommandOf } from './commands.ts'
import type { EditState, ManifestEdit, Plan } from './plan.ts'
import { addBoards, effectiveOf, ofVersions, packagesIn, passFloors } from './promote.ts'
import { checkBoard } from './release-edit.ts'

export type AdoptCommand = CommandOf<'adopt'>

/** A release waits as one that is withdrawn, for this reason. Its date tells when it was seen first. */
const waitingReason = (after: string): string => `adopted: it is offered ${lengthText(durationMs(after))} after this`
const isWaiting = ({ withdrawn }: Release): boolean =>
  /^adopted: it is offered .+ after this$/.test(withdrawn?.reason ?? '')

interface Adopting extends AdoptCommand {
  readonly state: EditState
  readonly at: string
  readonly offered: Channel
  /** Versions that are offered beside newer ones. */
  readonly beside: ReadonlySet<string>
}

/**
 * Refused for other bytes of a known version, for a lower version without `belowNewest`, and as publishing refuses.
 * @param now milliseconds since 1970: the date of the command.
 */
export function adoptEdit(command: AdoptCommand, now: number): ManifestEdit {
  const { app, channel, create, createBoard } = command
  const offered = { releases: command.releases.map((one) => releaseOf(one, now)).sort(newestFirst) }
  const beside = new Set(command.releases.flatMap((one) => (one.offered ? [one.version] : [])))
  return {
    ref: { app, channel },
    create,
    others: 'readable',
    details: ofVersions(offered.releases.map(({ version }) => version)),
    check: (state) => {
      if (state.head === undefined) refuseOtherName(state.catalog, command)
      for (const { version, boards } of offered.releases)
        for (const [board, packages] of Object.entries(boards)) {
          checkBoard(state, { app, board, createBoard })
          for (const other of state.others.values())
            checkSameBytes(other, `channel ${other.channel}`, { version, board, packages })
        }
    },
    apply: (current, state, at) => {
      const adopting = { ...command, state, at, offered, beside }
      const added = targetsOf(offered, beside).reduce((one, target) => bring(one, target, adopting), current)
      return command.held === undefined ? offerOldEnough(added, adopting) : added
    },
    packages: ({ head }, edited) => packagesIn(edited, head?.manifest),
    notes: new Map(command.releases.flatMap(notesOf)),
  }
}

const notesOf = ({ notes }: AdoptCommand['releases'][number]) =>
  notes === undefined ? [] : [[notesKey(textDigest(notes)), new TextEncoder().encode(notes)] as const]

function releaseOf(given: AdoptCommand['releases'][number], now: number): DetailedRelease {
  const { notes, floor, deadEnd, offered: _, ...release } = given
  const size = new TextEncoder().encode(notes).length
  return {
    ...release,
    publishedAt: new Date(now).toISOString(),
    ...(notes !== undefined && { notes: { sha256: textDigest(notes), size } }),
    ...(floor !== undefined && { floor: { reason: floor } }),
    ...(deadEnd !== undefined && { deadEnd: { reason: deadEnd } }),
  }
}

/** The newest release of each board, with the boards that it is the newest of, and what is beside it; oldest first. */
function targetsOf({ releases }: Channel, beside: Adopting['beside']): readonly Release[] {
  const ends = releases.filter(({ deadEnd }) => !deadEnd)
  return ends
    .map((one, i) => {
      const isNewest = (board: string): boolean => !ends.slice(0, i).some((newer) => packagesFor(newer, board))
      return beside.has(one.version) ? one : onlyBoards(one, isNewest)
    })
    .filter(({ boards }) => Object.keys(boards).length > 0)
    .sort(oldestFirst)
}

const onlyBoards = (release: Release, isKept: (board: string) => boolean): Release => ({
  ...release,
  boards: Object.fromEntries(Object.entries(release.boards).filter(([board]) => isKept(board))),
})

function bring(channel: ChannelManifest, target: Release, adopting: Adopting): ChannelManifest {
  const { after, held, at, offered } = adopting
  const { version } = target
  const known = findRelease(channel, version)
  const isNewest = targetsOf(offered, new Set()).some((one) => one.version === version)
  // Machines go below only what nobody is offered any more, or where the newest is offered, too.
  const belowNewest =
    adopting.belowNewest ?? (!isNewest || !channel.releases.some((one) => isOfferedAbove(one, target)))
  const add = (to: ChannelManifest, release: Release) =>
    addBoards(to, release, { boards: Object.keys(target.boards), at, ramp: rampOf(adopting, target), belowNewest })
  const withheld = held ?? (after && waitingReason(after))
  if (known?.withdrawn || (known === undefined && held === undefined && withheld)) {
    // No floor yet: nobody is led to it.
    const added = add(channel, withField(target, 'floor', undefined))
    return known || withheld === undefined ? added : withhold(added, version, withheld)
  }
  const added = add(withFloors(channel, target, adopting), held ? withField(target, 'floor', undefined) : target)
  return known === undefined && held !== undefined ? withhold(added, version, held) : added
}

const isOfferedAbove = (one: Release, target: Release): boolean =>
  !one.withdrawn && newestFirst(one, target) < 0 && Object.keys(target.boards).some((board) => packagesFor(one, board))

const withhold = (channel: ChannelManifest, version: string, reason: string): ChannelManifest =>
  markRelease(channel, version, { mark: 'withdrawn', because: { reason } })

/** A ramp of the command goes before the upstream's. */
const rampOf = ({ rampOver: over, at }: Adopting, { ramp }: Pick<Release, 'ramp'>) =>
  over === undefined ? ramp : rampOver({ start: Date.parse(at), overMs: durationMs(over) })

/** Floors below a release that is offered are offered, too. */
function withFloors(channel: ChannelManifest, { version, boards }: Release, adopting: Adopting): ChannelManifest {
  const { state, offered, skipFloors, at } = adopting
  if (skipFloors) return channel
  const arriving = { version, boards: Object.keys(boards) }
  const between = floorsBetween(effectiveOf(state, channel), arriving, [
    { name: 'the upstream', channel: offered, holds: [] },
  ])
  // The upstream has floors for some boards only.
  const missing = between.filter((one) => one.release || !findRelease(offered, one.version)?.floor)
  const begun = missing.reduce((one, floor) => endWaiting(one, floor.version, adopting), channel)
  return missing.reduce((one, floor) => {
    const ramp = rampOf(adopting, floor.release ?? {})
    return passFloors(one, [floor], { withFloors: true, ramp, version, at })
  }, begun)
}

function endWaiting(channel: ChannelManifest, version: string, adopting: Adopting): ChannelManifest {
  const known = findRelease(channel, version)
  if (known === undefined || !isWaiting(known)) return channel
  const offered = markRelease(channel, version, { mark: 'withdrawn', because: undefined })
  const there = findRelease(adopting.offered, version) ?? known
  return editRelease(offered, version, (one) => withField(one, 'ramp', rampOf(adopting, there)))
}

/** Of the releases that wait and are old enough, offers the newest that the upstream has not gone back from. */
function offerOldEnough(channel: ChannelManifest, adopting: Adopting): ChannelManifest {
  const { offered, after, at } = adopting
  const until = Date.parse(at) - (after === undefined ? 0 : durationMs(after))
  const reaches = (one: Release, board: string): boolean =>
    offered.releases.some((other) => packagesFor(other, board) && newestFirst(other, one) <= 0)
  const isPassed = (one: Release): boolean =>
    channel.releases.some((other) => !other.withdrawn && newestFirst(other, one) < 0 && hasBoardsOf(other, one))
  const found = channel.releases.find(
    (one) =>
      isWaiting(one) &&
      Date.parse(one.publishedAt) <= until &&
      Object.keys(one.boards).every((board) => reaches(one, board)),
  )
  if (found === undefined || isPassed(found)) return channel
  const begun = endWaiting(withFloors(channel, found, adopting), found.version, adopting)
  const mark = findRelease(offered, found.version)?.floor
  return mark ? markRelease(begun, found.version, { mark: 'floor', because: mark }) : begun
}

/** What a plan adds that no channel of the app has: packages with their keys, or the URL where they stay. */
export function newPackages({ edited: manifest, state }: Plan) {
  const { head, others } = state
  const known = [...(head ? [head.manifest] : []), ...others.values()]
  return (manifest?.releases ?? []).filter(isDetailed).flatMap(({ version, boards }) =>
    Object.entries(boards).flatMap(([board, of]) => {
      if (isImage(of) || known.some((one) => boardOf(findRelease(one, version), board))) return []
      const folder = packageFolder({ app: manifest?.app ?? '', version, board }, of.packages)
      return of.packages.map((one) => ({ ...one, key: folder + one.name, codebase: of.codebases[0] }))
    }),
  )
}

const hasBoardsOf = (one: Release, other: Release): boolean =>
  Object.keys(other.boards).every((board) => packagesFor(one, board))
