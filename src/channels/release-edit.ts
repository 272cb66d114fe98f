/** What publishing a release changes, and what it refuses. Pure but for digests of the notes. */
import { checkNewName, isLive, refuseOtherName, unknownChannel } from '../catalog/channels.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { type ChannelManifest, checkOrder, defaultRampOf } from '../documents/channel.ts'
import { maxNotesBytes, notesKey, servedFolder } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import {
  addRelease,
  boardOf,
  checkSameBytes,
  checkVersionOrder,
  findRelease,
  isSameContent,
  loadedBoard,
  refusal,
  sameJson,
} from '../release/add-release.ts'
import {
  type BoardContent,
  type BoardPackages,
  filesOf,
  isImage,
  type Package,
  type Release,
} from '../release/channel.ts'
import { isHoldOf, markRelease } from '../release/edits.ts'
import { type Between, floorsBetween } from '../release/floors-between.ts'
import { embargo, embargoOf } from '../release/ramp.ts'
import { isSameVersion } from '../release/version.ts'
import { sha256Hex } from '../trust/digest.ts'
import { type EditState, entryOf, type ManifestEdit } from './plan.ts'
import {
  effectiveOf,
  markLike,
  markOnce,
  originOf,
  type Placing,
  packagesIn,
  passFloors,
  withMarksBelow,
} from './promote.ts'
import { requireWithheld } from './replace.ts'

/** A ramp is for a release that is new. */
export interface ReleaseOrder extends ChannelRef, Pick<Release, 'version' | 'components' | 'cves'>, Placing {
  readonly board: string
  /** Markdown. */
  readonly notes?: Uint8Array
  /** Whether a missing channel is created. */
  readonly create: boolean
  /** Whether the app gets a board that it does not have. */
  readonly createBoard?: boolean | undefined
  /** Whether the first package may be another file than a payload of update_engine. */
  readonly raw?: boolean | undefined
  /** Whether the version may be one that another channel of the app holds or withdrew, or for which reasons. */
  readonly ignoreHolds?: true | ((reason: string) => boolean) | undefined
  /** Whether other bytes take the place of a version that nobody was offered. */
  readonly replace?: boolean | undefined
  /** Withholds a new release, and says why. */
  readonly held?: string | undefined
  /** When a new release is offered first; its ramp begins then. */
  readonly from?: string | undefined
  /** Base URLs that serve the packages in place of the store. */
  readonly codebases?: BoardPackages['codebases'] | undefined
}

export type StoredOrder = ReleaseOrder & { readonly content: BoardContent }

export function checkRelease(order: ReleaseOrder, files: readonly Pick<Package, 'name' | 'size'>[]): void {
  checkOrder({ ...order, files })
  if ((order.notes?.length ?? 0) <= maxNotesBytes) return
  throw new PlatteError('usage', `the notes have more than ${maxNotesBytes} bytes, the limit of every reader`)
}

/** Refuses what the channels forbid, before packages are read. */
export function checkAdmission(state: EditState, order: ReleaseOrder): void {
  const { catalog, head } = state
  if (!isLive(head?.manifest)) {
    if (!order.create) throw unknownChannel(catalog, order, '--create makes a new one')
    refuseOtherName(catalog, order)
  }
  checkBoard(state, order)
  checkHolds(state, order)
  if (head === undefined) checkNewName(order.channel)
  else if (!order.belowNewest) checkVersionOrder(head.manifest, order)
}

/** What was stopped elsewhere is rarely meant to go out here. A board that the channel has already stays as it is. */
function checkHolds(state: EditState, { app, version, board, held, ignoreHolds }: ReleaseOrder): void {
  const { head, others } = state
  if (ignoreHolds === true || held !== undefined || boardOf(head && findRelease(head.manifest, version), board)) return
  const stops = (reason: string): boolean => !ignoreHolds?.(reason)
  const hint = 'publish another version; --ignore-holds publishes this one all the same, --held withholds it here, too'
  for (const [channel, other] of others) {
    const withdrawn = findRelease(other, version)?.withdrawn
    if (withdrawn && stops(withdrawn.reason))
      throw refusal(`${version} was withdrawn from ${channel}: ${withdrawn.reason}`, hint)
    const hold = entryOf(state, { app, channel }).holds?.find(
      (one) => isHoldOf(version, [board])(one) && stops(one.reason),
    )
    if (hold) throw refusal(`${version} is held in ${channel}: ${hold.reason}`, hint)
  }
}

/** A mistyped board would get a release that no machine asks for. */
export function checkBoard(
  { head, others }: EditState,
  { app, board, createBoard }: Pick<ReleaseOrder, 'app' | 'board' | 'createBoard'>,
): void {
  const manifests = [...(head ? [head.manifest] : []), ...others.values()]
  const boards = new Set(manifests.flatMap(({ releases }) => releases.flatMap((one) => Object.keys(one.boards))))
  if (createBoard || boards.size === 0 || boards.has(board)) return
  const [nearest] = [...boards].sort((a, b) => distance(board, a) - distance(board, b))
  throw refusal(
    `${app} has no board ${JSON.stringify(board)}`,
    `did you mean ${nearest}? It has ${[...boards].sort().join(', ')}; --create-board makes a new one`,
  )
}

/** How many letters to add, remove or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)))
    row = next
  }
  return row.at(-1) ?? 0
}

/** Whether an order puts other bytes in the place of known ones. */
export function isReplaced(
  current: ChannelManifest | undefined,
  { version, board, content, replace }: StoredOrder,
): boolean {
  const known = loadedBoard(current && findRelease(current, version), board)
  return replace === true && known !== undefined && !isSameContent(known, content)
}

/** A version means the same bytes in every channel of the app. */
export async function releaseEdit(order: StoredOrder): Promise<ManifestEdit> {
  const { app, channel, board, content, components, create } = order
  const notes = order.notes && { sha256: await sha256Hex(order.notes), size: order.notes.length }
  // A known version keeps its spelling: it names the folder of the packages.
  const versionIn = (current: ChannelManifest | undefined): string =>
    (current && findRelease(current, order.version)?.version) ?? order.version
  const cves = order.cves && [...new Set(order.cves)]
  const addition = { board, packages: content, components, cves, notes }
  return {
    ref: { app, channel },
    create,
    others: 'readable',
    isRechecked: order.replace ?? false,
    details: withMarksBelow(order.version, order.withFloors),
    check: (state) => {
      checkAdmission(state, order)
      for (const other of state.others.values())
        checkSameBytes(other, `channel ${other.channel}`, { ...addition, version: order.version })
    },
    apply: (current, state, at) => {
      const version = versionIn(current)
      if (isReplaced(current, order)) requireWithheld(current, order)
      checkSamePlace(loadedBoard(findRelease(current, version), board), { ...order, version })
      const ramp = rampOf(order, current, at)
      const passed = passFloors(current, floorsOf(state, current, { ...order, version }), { ...order, at })
      const added = addRelease(passed, { ...addition, ramp, version, publishedAt: at }, order)
      const twins = twinsOf(state, current, { ...order, version })
      if (order.held !== undefined && twins.some(({ floor }) => floor))
        throw refusal(
          `${version} is a floor of another channel: withheld here, it would stop all machines below it`,
          'publish it without --held; or with --skip-floors, which leaves the mark out',
        )
      const alike = twins.reduce((one, twin) => markLike(current, one, twin), added)
      return marksOf(current, alike, order)
    },
    packages: ({ head }, edited) => {
      const folder = servedFolder({ app, version: versionIn(head?.manifest), board }, content)
      const own = folder === undefined ? [] : filesOf(content).map(({ name }) => folder + name)
      const others = edited.releases.filter((one) => !isSameVersion(one.version, order.version))
      return [...own, ...packagesIn({ ...edited, releases: others }, head?.manifest)]
    },
    ...(notes && order.notes && { notes: new Map([[notesKey(notes.sha256), order.notes]]) }),
  }
}

/** Machines that were offered a release may still be reading its packages where they are. */
function checkSamePlace(known: BoardContent | undefined, { version, board, content }: StoredOrder): void {
  if (known === undefined || isImage(known) || isImage(content) || sameJson(known.codebases, content.codebases)) return
  const [there] = known.codebases
  throw refusal(
    `${version} for ${board} is already published with its packages ${there ? `at ${there}` : 'in this store'}`,
    there ? 'repeat it with --reference and its URLs, or publish a higher version' : 'leave --reference out',
  )
}

function rampOf({ ramp: given, from }: StoredOrder, current: ChannelManifest, at: string): Release['ramp'] {
  const ramp = given ?? defaultRampOf(current, from ?? at)
  return from === undefined ? ramp : embargo(from, ramp)
}

/** Marks of a new release; of a known one, a floor. @throws PlatteError('refused') where it would not be withheld. */
function marksOf(before: ChannelManifest, added: ChannelManifest, order: StoredOrder): ChannelManifest {
  const { version, held, from, floor, board } = order
  const known = findRelease(before, version)
  const isNewBoard = known && boardOf(known, board) === undefined
  const begins = known?.ramp && embargoOf(known.ramp)?.at
  const isLater = from !== undefined && (begins === undefined || Date.parse(begins) < Date.parse(from))
  if (isNewBoard && !known.withdrawn && (held || isLater))
    throw refusal(
      `${known.version} is offered already: ${board} would be, too`,
      '--held and --from are for a new version: publish this board when machines may have it',
    )
  const marked = markOnce(added, version, 'floor', floor === undefined ? undefined : { reason: floor })
  return held === undefined || known
    ? marked
    : markRelease(marked, version, { mark: 'withdrawn', because: { reason: held } })
}

/** Channels that have the version: publishing it again is a promotion by hand. None where it is here already. */
function havingIt(state: EditState, current: ChannelManifest, { version, board }: StoredOrder) {
  const has = (one: ChannelManifest): boolean =>
    boardOf(findRelease(effectiveOf(state, one), version), board) !== undefined
  return has(current) ? [] : [...state.others.values()].filter(has)
}

/** The version as other channels have it, whose marks go along. */
const twinsOf = (state: EditState, current: ChannelManifest, order: StoredOrder): readonly Release[] =>
  order.skipFloors
    ? []
    : havingIt(state, current, order).flatMap((other) => findRelease(effectiveOf(state, other), order.version) ?? [])

function floorsOf(state: EditState, current: ChannelManifest, order: StoredOrder): readonly Between[] {
  const { version, board } = order
  const origins = havingIt(state, current, order).map((other) => originOf(state, other))
  const between = floorsBetween(effectiveOf(state, current), { version, boards: [board] }, origins)
  return between.filter(({ mark }) => mark === 'floor')
}
