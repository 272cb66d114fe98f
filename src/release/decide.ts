/** What one machine is offered, and why. Nothing else decides. Pure. */
import { type Bucket, bucketOf } from './bucketing.ts'
import { admits, shareAt } from './ramp.ts'
import type { Reason } from './reasons.ts'
import type { Machine } from './target.ts'
import { compareVersions, hasPrefix, parseVersion } from './version.ts'
import type { BoardView, Candidate, ChannelView } from './view.ts'
import { isOpen } from './window.ts'

export interface Check extends Partial<Pick<Machine, 'oem' | 'machineId' | 'onNoList' | 'isSyncer'>> {
  /** A text that is not a version is below everything. */
  readonly version: string
  /** Empty where unknown: `anyBoard` then. */
  readonly board: string
  /** Whether a person asked for an update: skips ramps and windows. */
  readonly isManual?: boolean
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

/** The board whose packages are for clients that name none. */
const anyBoard = 'any'

/** What a channel has for the board of a check. */
export const boardFor = ({ boards }: ChannelView, { board }: Pick<Check, 'board'>): BoardView | undefined =>
  boards.get(board || anyBoard)

export type Decision =
  | { readonly kind: 'update'; readonly offer: Candidate }
  | {
      readonly kind: 'no-update'
      readonly reason: Reason
      /** The release that is withheld, or the dead end. */
      readonly candidate?: Candidate
      /** The operator's words, or what went wrong. */
      readonly because?: string
    }

interface Case {
  readonly check: Check
  readonly machine: Machine
  readonly view: ChannelView
  readonly now: number
  /** The last one computed: ramp and window share one hash. */
  bucket?: { readonly of: Candidate; readonly value: Bucket }
}

/** Decides for one machine. @param now milliseconds since 1970-01-01T00:00:00Z. */
export function decide(check: Check, view: ChannelView, now: number): Decision {
  const board = boardFor(view, check)
  if (board === undefined) return { kind: 'no-update', reason: 'no-release-for-board' }
  const { oem = '', machineId = '', onNoList = false, isSyncer = false } = check
  const running = board.versions.get(check.version) ?? parseVersion(check.version)
  const end = board.deadEnds.find(({ version }) => compareVersions(version, running) === 0)
  if (end) return noUpdate('dead-end', end, end.deadEnd?.reason)
  const one: Case = { check, machine: { running, oem, machineId, onNoList, isSyncer }, view, now }
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
function chooseTarget(one: Case, board: BoardView): Candidate | Decision {
  const { check, machine, view, now } = one
  const mayGoDown = view.rollbackFrom.some(({ version }) => compareVersions(version, machine.running) === 0)
  let isNewest = true
  let refused: Decision | undefined
  for (const candidate of board.candidates) {
    const order = compareVersions(candidate.version, machine.running)
    if (order < 0 && !mayGoDown) break
    if (order === 0 || now < candidate.seenFrom || !isWanted(check, candidate)) continue
    // A brake never sends machines further down than the signed rollback would.
    if (order < 0 && candidate.floor && candidate.refusal?.reason === 'held')
      return noUpdate('floor-held', candidate, candidate.refusal.because)
    const refusal = refusalOf(candidate, machine)
    if (refusal === undefined) {
      if (check.isManual || (isNewest ? isAdmitted(one, candidate) : !candidate.deadEnd && isComplete(candidate, now)))
        return candidate
      isNewest = false
    }
    refused ??= refusal ?? noUpdate('not-in-ramp', candidate)
  }
  const [newest] = board.candidates
  if (
    refused === undefined &&
    newest &&
    !isWanted(check, newest) &&
    compareVersions(newest.version, machine.running) > 0
  )
    return noUpdate('version-prefix', newest)
  return refused ?? { kind: 'no-update', reason: 'up-to-date' }
}

function refusalOf(candidate: Candidate, machine: Machine): Decision | undefined {
  const { refusal, targets } = candidate
  if (refusal) return noUpdate(refusal.reason, candidate, refusal.because)
  for (const admission of targets) {
    const because = admission(machine)
    if (because !== undefined) return noUpdate('target', candidate, because)
  }
  return undefined
}

const isComplete = ({ ramps }: Candidate, now: number): boolean => ramps.every((ramp) => shareAt(ramp, now) >= 1)

function isAdmitted(one: Case, candidate: Candidate): boolean {
  if (isComplete(candidate, one.now)) return true
  const { ramp: bucket } = bucketIn(one, candidate)
  return candidate.ramps.every((ramp) => admits(ramp, bucket, one.now))
}

function bucketIn(one: Case, candidate: Candidate): Bucket {
  if (one.bucket?.of !== candidate) one.bucket = { of: candidate, value: bucketFor(candidate, one.view, one.check) }
  return one.bucket.value
}

const lowestFloor = (board: BoardView, { running }: Machine, target: Candidate): Candidate | undefined =>
  board.floors.find(
    ({ version }) => compareVersions(version, running) > 0 && compareVersions(version, target.version) < 0,
  )

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
      (check.isManual || isComplete(candidate, now)) &&
      isWanted(check, candidate) &&
      refusalOf(candidate, machine) === undefined,
  )
  return below ? inWindow(one, below) : decision
}

function offerFloor(one: Case, floor: Candidate): Decision {
  if (floor.refusal) return noUpdate('floor-held', floor, floor.refusal.because)
  const refusal = refusalOf(floor, one.machine)
  if (refusal) return refusal
  const isReached = one.now >= floor.seenFrom && (one.check.isManual || isAdmitted(one, floor))
  return isReached ? inWindow(one, floor) : noUpdate('not-in-ramp', floor)
}

function inWindow(one: Case, candidate: Candidate): Decision {
  const { schedule } = candidate
  if (schedule === undefined || one.check.isManual || isOpen(schedule, bucketIn(one, candidate).window, one.now))
    return { kind: 'update', offer: candidate }
  return noUpdate('outside-window', candidate)
}

const isWanted = ({ limits }: Check, { version }: Candidate): boolean =>
  limits?.versionPrefix === undefined || hasPrefix(version, limits.versionPrefix)

function limited({ machine }: Case, limits: ClientLimits, { offer }: Extract<Decision, { kind: 'update' }>): Decision {
  const isDown = compareVersions(offer.version, machine.running) < 0
  if (limits.takesNoUpdate) return noUpdate('update-disabled', offer)
  if (limits.hasFallenBack) return noUpdate('fell-back', offer)
  if (limits.takesNoRollback && isDown) return noUpdate('rollback-disabled', offer)
  if (limits.versionPrefix !== undefined && !hasPrefix(offer.version, limits.versionPrefix))
    return noUpdate('version-prefix', offer)
  return { kind: 'update', offer }
}

/** A syncer offers what it gets to its whole fleet: it comes last, as a machine without an id. */
export const bucketFor = (
  { release }: Candidate,
  { scope }: ChannelView,
  { machineId = '', isSyncer }: Check,
): Bucket => bucketOf(scope, release.version, isSyncer ? '' : machineId)

const noUpdate = (reason: Reason, candidate: Candidate, because?: string): Decision =>
  because === undefined ? { kind: 'no-update', reason, candidate } : { kind: 'no-update', reason, candidate, because }
