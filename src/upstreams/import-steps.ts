/** What a channel lacks of another server's, as commands. Pure; the same steps after a crash go on where it stopped. */
import type { ChannelCommand } from '../channels/commands.ts'
import type { ReleaseOrder } from '../channels/release-edit.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { durationMs } from '../documents/fields.ts'
import { defined } from '../kernel/json.ts'
import { boardOf, findRelease, loadedBoard } from '../release/add-release.ts'
import { filesOf, type Hold, packagesFor, type Release } from '../release/channel.ts'
import { isHoldOf, isSameHold } from '../release/edits.ts'
import { isSameVersion, newestFirst, oldestFirst } from '../release/version.ts'
import { type ForeignChannel, type ForeignRelease, isHeldThere } from './foreign.ts'
import { areSameFiles } from './offer.ts'

/** One change: a command, or a release whose packages may have to be downloaded. */
export type Step =
  | Readonly<{ command: Exclude<ChannelCommand, { readonly action: 'publish' }> }>
  | Readonly<{ order: ReleaseOrder; release: ForeignRelease }>

export interface Steps {
  readonly steps: readonly Step[]
  /** What cannot be imported, since the channel has it otherwise: sentences. */
  readonly refused: readonly string[]
  /** What the channel has already outgrown: sentences. */
  readonly notes: readonly string[]
}

/** Import adds; it takes nothing away, and loosens nothing. @param there the channel as it is, if it is live. */
export function stepsOf(
  wanted: ForeignChannel,
  there: ChannelManifest | undefined,
  holds: readonly Hold[] = [],
): Steps {
  const { app, channel, windows } = wanted
  const ref = { app, channel }
  const [refused, notes]: [string[], string[]] = [[], []]
  const steps: Step[] = [...namingSteps(wanted, there)]
  if (windows && !there?.windows)
    steps.push({
      command: { action: 'window', ...ref, windows: windows.map((one) => ({ ...one, days: [...one.days] })) },
    })
  const versions = Map.groupBy(wanted.releases.toSorted(oldestFirst), ({ version }) => version)
  for (const releases of versions.values()) {
    const known = there && findRelease(there, releases[0]?.version ?? '')
    const lacking = releases.filter((one) => isLacking(one, { there, known, refused, notes }))
    const found = versionSteps(ref, { releases, lacking, known, holds })
    if (typeof found === 'string') refused.push(`${channel}: ${found}`)
    else steps.push(...found)
  }
  notes.push(...floorsOnlyHere(wanted, there), ...heldOtherwise(wanted, there, holds))
  return { steps, refused, notes }
}

/** Import takes no floor away. */
function floorsOnlyHere({ channel, releases }: ForeignChannel, there: ChannelManifest | undefined): readonly string[] {
  const isFloorThere = ({ version }: Release): boolean =>
    releases.some((one) => one.floor !== undefined && isSameVersion(one.version, version))
  const isBelow = (one: Release): boolean =>
    releases.some(({ version, board }) => packagesFor(one, board) && newestFirst(one, { version }) > 0)
  return (there?.releases ?? [])
    .filter((one) => one.floor && isBelow(one) && !isFloorThere(one))
    .map(({ version }) => `${channel}: ${version} is a floor here only: platte floor ${version} --undo ends that`)
}

/** Import holds nothing that is offered here already, and offers nothing that is held here. */
function heldOtherwise(
  { channel, releases }: ForeignChannel,
  there: ChannelManifest | undefined,
  holds: readonly Hold[],
): readonly string[] {
  const holdOf = ({ version, board }: ForeignRelease): Hold | undefined => holds.find(isHoldOf(version, [board]))
  const known = releases.filter(({ version, board }) => {
    const release = there && findRelease(there, version)
    return boardOf(release, board) !== undefined && !release?.withdrawn
  })
  const noteOf = (found: readonly ForeignRelease[], words: string): readonly string[] =>
    [...Map.groupBy(found, ({ board }) => board)].map(
      ([board, all]) => `${channel}: ${all.map(({ version }) => version).join(', ')} for ${board}: ${words}`,
    )
  const pausedThere = known.filter((one) => one.held && holdOf(one) === undefined)
  const heldHere = known.filter((one) => !one.held && isHeldThere(holdOf(one)?.reason ?? ''))
  return [
    ...noteOf(pausedThere, 'paused there, and offered here'),
    ...noteOf(heldHere, 'offered there, and held here since an import: platte unhold offers them'),
  ]
}

function namingSteps({ app, channel, aliases, description }: ForeignChannel, there: ChannelManifest | undefined) {
  const { aliases: own = [] } = there ?? {}
  const all = [...own, ...aliases.filter((one) => !own.includes(one))]
  const given = { app, channel, ...(all.length > 0 && { aliases: all }) }
  if (there === undefined)
    return [{ command: { action: 'channel-create', ...given, ...defined({ description }) } }] as const
  return all.length === own.length ? [] : ([{ command: { action: 'channel-edit', ...given } }] as const)
}

type There = Readonly<{
  there: ChannelManifest | undefined
  known: Release | undefined
  refused: string[]
  notes: string[]
}>

function isLacking(one: ForeignRelease, { there, known, refused, notes }: There): boolean {
  const { version, board, files, floor } = one
  const packages = loadedBoard(known, board)
  if (packages && !areSameFiles(filesOf(packages), files))
    refused.push(`${there?.channel}: ${version} for ${board} is here with other bytes or packages: it stays as it is`)
  if (packages) return false
  const newest = there?.releases.filter((each) => packagesFor(each, board)).sort(newestFirst)[0]
  if (floor !== undefined || newest === undefined || newestFirst(newest, one) > 0) return true
  notes.push(`${there?.channel}: ${board} has ${newest.version} here: the lower ${version} is left out`)
  return false
}

type Lacking = Readonly<{
  /** For all boards. */
  releases: readonly ForeignRelease[]
  lacking: readonly ForeignRelease[]
  known: Release | undefined
  holds: readonly Hold[]
}>

/**
 * Boards that get nothing come first: withdrawn until their hold is there, so that no machine gets the release between
 * two steps.
 * @returns a sentence where the release is here without them.
 */
function versionSteps(ref: Pick<ForeignChannel, 'app' | 'channel'>, { releases, lacking, known, holds }: Lacking) {
  const given = { ...ref, version: known?.version ?? releases[0]?.version ?? '' }
  const [paused, offered] = [lacking.filter((one) => one.held), lacking.filter((one) => !one.held)]
  const isHere = (board: string): boolean =>
    boardOf(known, board) !== undefined || paused.some((one) => one.board === board)
  const held = releases.flatMap(({ board, held: reason }) => (reason && isHere(board) ? [{ board, reason }] : []))
  const isOurs = held.some(({ reason }) => reason === known?.withdrawn?.reason)
  if (paused.length > 0 && known && !isOurs)
    return `${given.version} is here already: ${paused.map(({ board }) => board).join(', ')}, paused there, is left out`
  const steps: Step[] = paused.map((one) => publishing(ref, one, releases))
  if (paused.length > 0 || isOurs) {
    for (const one of held)
      if (!holds.some((hold) => isSameHold(hold, { ...one, version: given.version })))
        steps.push({ command: { action: 'hold', ...given, ...one } })
    steps.push({ command: { action: 'withdraw', ...given, undo: true } })
  }
  steps.push(...offered.map((one) => publishing(ref, one, releases)))
  const reason = releases.find(({ board, floor }) => floor !== undefined && isHere(board))?.floor
  if (reason !== undefined && !known?.floor) steps.push({ command: { action: 'floor', ...given, reason } })
  return steps
}

function publishing(ref: Pick<ForeignChannel, 'app' | 'channel'>, one: ForeignRelease, all: readonly ForeignRelease[]) {
  const { version, board, isRaw, held, floor } = one
  const [over] = all.flatMap(({ rampOver = [] }) => rampOver).sort((a, b) => durationMs(b) - durationMs(a))
  // What the other server lets machines pass by, and pauses for some of them, is its own choice.
  const switches = {
    createBoard: true,
    skipFloors: true,
    ignoreHolds: isHeldThere,
    belowNewest: floor !== undefined,
    raw: isRaw,
  }
  const order = { ...ref, version, board, create: false, ...switches, ...(held ? { held } : defined({ floor })) }
  return { order, release: { ...one, ...defined({ rampOver: over }) } }
}
