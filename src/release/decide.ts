/** What one machine is offered, and why. Nothing else decides. Pure. */
import { admits, type Bucket, bucketOf, isEmbargoed, rampPlaceOf, shareAt } from './ramp.ts'
import type { Machine } from './target.ts'
import { compareVersions, hasPrefix, parseVersion } from './version.ts'
import type { BoardView, Candidate, ChannelView, Refusal } from './view.ts'
import { isOpen } from './window.ts'

/** Why a machine is offered nothing; `{version}` is the withheld version. */
export const reasonSentences = {
  'unknown-app': 'this app is not in the catalog',
  'unknown-channel': 'this app has no channel of that name',
  'no-release-for-board': 'this channel has no release for that board',
  'up-to-date': 'this channel offers nothing newer than the machine runs',
  held: '{version} is held',
  'floor-held': 'it must install the floor {version} first, and that one is held or withdrawn',
  withdrawn: '{version} was withdrawn',
  'dead-end': '{version}, which it runs, is a dead end: no update is offered from it',
  target: '{version} is not for this machine',
  'not-in-ramp': '{version} has not reached this machine yet',
  'outside-window': '{version} is offered in its windows only',
  'version-prefix': '{version} does not match the version prefix that the machine requests',
  'update-disabled': 'the machine has disabled updates in its request',
  'rollback-disabled': 'the machine does not allow a rollback to {version}',
  'fell-back': 'the machine reported that an update did not start, and that it went back',
  'no-package': '{version} has no package that this client installs',
  'not-mirrored': 'this store lacks the manifest of that channel, or packages of {version}',
  'catalog-expired': 'the catalog or the root has expired: it must be refreshed before anything is offered',
  'store-unavailable': 'the store did not answer',
  clock: 'the content of the store is dated in the future: the clock of this server or of the signer is wrong',
  unverifiable: 'the content of the store could not be verified',
}

export type Reason = keyof typeof reasonSentences

/** For no particular release. */
export const explainReason = (reason: Reason): string => reasonSentences[reason].replace('{version}', 'the release')

export interface Check extends Partial<Pick<Machine, 'oem' | 'os' | 'machineId' | 'onNoList' | 'isSyncer'>> {
  /** A text that is not a version is below everything. */
  readonly version: string
  /** Empty where unknown: `any` then. */
  readonly board: string
  /** Whether a person asked for an update: skips ramps and windows, but no embargo. */
  readonly isManual?: boolean
  /** Its place in every ramp as operators set it on the machine, 0 to 1: in place of one that depends on the release. */
  readonly wariness?: number
  /** What the client restricts by itself. */
  readonly limits?: ClientLimits | undefined
}

/** What a client says that it does not take. */
export interface ClientLimits {
  /** Takes only these versions: leading parts such as `4152.2`, or a whole version and `$`. */
  readonly versionPrefix?: string
  readonly takesNoUpdate?: boolean
  readonly takesNoRollback?: boolean
  /** It came back from an update that did not start. */
  readonly hasFallenBack?: boolean
}

/** The board of a check: clients that name none get the packages of `any`. */
export const boardNameOf = ({ board }: Pick<Check, 'board'>): string => board || 'any'

/** What a channel has for the board of a check. */
export const boardFor = ({ boards }: ChannelView, check: Pick<Check, 'board'>): BoardView | undefined =>
  boards.get(boardNameOf(check))

type Offered = Readonly<{ kind: 'update'; offer: Candidate }>
/** The release that is withheld, or the dead end; and the operator's words, or what went wrong. */
export type Withheld = Readonly<{ kind: 'no-update'; reason: Reason; candidate?: Candidate; because?: string }>
export type Decision = Offered | Withheld

/** The last bucket computed is kept: ramp and window share one hash. */
type Case = Readonly<{ check: Check; machine: Machine; view: ChannelView; now: number }> & {
  bucket?: Readonly<{ of: Candidate; value: Bucket }>
}

/** Decides for one machine. @param now milliseconds since 1970-01-01T00:00:00Z. */
export function decide(asked: Check, view: ChannelView, now: number): Decision {
  // A syncer passes on what it gets: no person requested that on its machines.
  const check = asked.isSyncer && asked.isManual ? { ...asked, isManual: false } : asked
  const board = boardFor(view, check)
  if (board === undefined) return { kind: 'no-update', reason: 'no-release-for-board' }
  const { oem = '', os = '', machineId = '', onNoList = false, isSyncer = false } = check
  const running = board.versions.get(check.version) ?? parseVersion(check.version)
  const end = board.deadEnds.find(({ version }) => compareVersions(version, running) === 0)
  if (end) return noUpdate('dead-end', end, end.deadEnd?.reason)
  const one: Case = { check, machine: { running, oem, os, machineId, onNoList, isSyncer }, view, now }
  const chosen = chooseTarget(one, board)
  if ('kind' in chosen) return chosen
  const floor = lowestFloor(board, one.machine, chosen)
  const decision = floor ? passFloor(one, board, floor) : inWindow(one, chosen)
  return check.limits && decision.kind === 'update' ? limited(one, check.limits, decision) : decision
}

/**
 * The newest candidate for this machine, if its ramp admits it; else the first older one with a complete ramp that is no
 * dead end. A manual check takes the newest. Without any, why the newest is not offered.
 */
function chooseTarget(one: Case, board: BoardView): Candidate | Withheld {
  const { check, machine, view, now } = one
  const mayGoDown = view.rollbackFrom.some(({ version }) => compareVersions(version, machine.running) === 0)
  let isNewest = true
  let refused: Withheld | undefined
  for (const candidate of board.candidates) {
    const order = compareVersions(candidate.version, machine.running)
    if (order < 0 && !mayGoDown) break
    if (order === 0 || now < candidate.seenFrom || !isWanted(check, candidate)) continue
    // A brake never sends machines further down than the signed rollback would.
    if (order < 0 && candidate.floor && isPassing(candidate.refusal)) return floorRefused(candidate, candidate.refusal)
    const refusal = refusalOf(candidate, machine)
    if (refusal === undefined) {
      if (isNewest ? isReached(one, candidate) : !candidate.deadEnd && isOpenToAll(one, candidate)) return candidate
      isNewest = false
    }
    refused ??= refusal ?? noUpdate('not-in-ramp', candidate)
  }
  if (refused) return refused
  const [newest] = board.candidates
  const isUnwanted = newest && !isWanted(check, newest) && compareVersions(newest.version, machine.running) > 0
  return isUnwanted ? noUpdate('version-prefix', newest) : { kind: 'no-update', reason: 'up-to-date' }
}

function refusalOf(candidate: Candidate, machine: Machine): Withheld | undefined {
  const { refusal, targets } = candidate
  if (refusal) return noUpdate(refusal.reason, candidate, refusal.because)
  for (const admission of targets) {
    const because = admission(machine)
    if (because !== undefined) return noUpdate('target', candidate, because)
  }
  return undefined
}

/** A refusal that ends: a hold, or packages that are on their way. */
const isPassing = (refusal: Refusal | undefined): refusal is Refusal =>
  refusal?.reason === 'held' || refusal?.reason === 'not-mirrored'

const floorRefused = (floor: Candidate, { reason, because }: Refusal): Withheld =>
  noUpdate(reason === 'not-mirrored' ? reason : 'floor-held', floor, because)

/** Whether every ramp has reached everybody. */
export const isComplete = ({ ramps }: Candidate, now: number): boolean => ramps.every((ramp) => shareAt(ramp, now) >= 1)

/** A manual check skips ramps, but not the instant from which on a release is offered at all. */
const isOpenToAll = ({ check, now }: Case, candidate: Candidate): boolean =>
  check.isManual ? !candidate.ramps.some((ramp) => isEmbargoed(ramp, now)) : isComplete(candidate, now)

function isReached(one: Case, candidate: Candidate): boolean {
  if (isOpenToAll(one, candidate)) return true
  if (one.check.isManual) return false
  const { ramp: bucket } = bucketIn(one, candidate)
  return candidate.ramps.every((ramp) => admits(ramp, bucket, one.now))
}

function bucketIn(one: Case, candidate: Candidate): Bucket {
  if (one.bucket?.of !== candidate) one.bucket = { of: candidate, value: bucketFor(candidate, one.view, one.check) }
  return one.bucket.value
}

const lowestFloor = ({ floors }: BoardView, { running }: Machine, target: Candidate): Candidate | undefined =>
  floors.find(({ version }) => compareVersions(version, running) > 0 && compareVersions(version, target.version) < 0)

/** A floor is offered on its own conditions. A machine that they keep back gets the newest complete release below it. */
function passFloor(one: Case, board: BoardView, floor: Candidate): Decision {
  const decision = offerFloor(one, floor)
  if (decision.kind === 'update') return decision
  const { check, machine, now } = one
  const below = board.candidates.find(
    (candidate) =>
      compareVersions(candidate.version, floor.version) < 0 &&
      compareVersions(candidate.version, machine.running) > 0 &&
      now >= candidate.seenFrom &&
      !candidate.deadEnd &&
      isOpenToAll(one, candidate) &&
      isWanted(check, candidate) &&
      refusalOf(candidate, machine) === undefined,
  )
  return below ? inWindow(one, below) : decision
}

function offerFloor(one: Case, floor: Candidate): Decision {
  if (floor.refusal) return floorRefused(floor, floor.refusal)
  const refusal = refusalOf(floor, one.machine)
  if (refusal) return refusal
  return one.now >= floor.seenFrom && isReached(one, floor) ? inWindow(one, floor) : noUpdate('not-in-ramp', floor)
}

function inWindow(one: Case, candidate: Candidate): Decision {
  const { schedule } = candidate
  if (schedule === undefined || one.check.isManual || isOpen(schedule, bucketIn(one, candidate).window, one.now))
    return { kind: 'update', offer: candidate }
  return noUpdate('outside-window', candidate)
}

const isWanted = ({ limits }: Check, { version }: Candidate): boolean =>
  limits?.versionPrefix === undefined || hasPrefix(version, limits.versionPrefix)

function limited({ check, machine }: Case, limits: ClientLimits, { offer }: Offered): Decision {
  const isDown = compareVersions(offer.version, machine.running) < 0
  if (limits.takesNoUpdate) return noUpdate('update-disabled', offer)
  if (limits.hasFallenBack) return noUpdate('fell-back', offer)
  if (limits.takesNoRollback && isDown) return noUpdate('rollback-disabled', offer)
  return isWanted(check, offer) ? { kind: 'update', offer } : noUpdate('version-prefix', offer)
}

/** A syncer offers what it gets to its whole fleet: it comes last, as a machine without an id. */
export function bucketFor({ release }: Candidate, { scope }: ChannelView, check: Check): Bucket {
  const bucket = bucketOf(scope, release.version, check.isSyncer ? '' : (check.machineId ?? ''))
  return check.wariness === undefined ? bucket : { ...bucket, ramp: rampPlaceOf(check.wariness) }
}

const noUpdate = (reason: Reason, candidate: Candidate, because?: string): Withheld =>
  because === undefined ? { kind: 'no-update', reason, candidate } : { kind: 'no-update', reason, candidate, because }
