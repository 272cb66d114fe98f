/** What one machine is offered, and why. Nothing else decides. Pure. */
import { type Bucket, bucketOf } from './bucketing.ts'
import { admits, shareAt } from './ramp.ts'
import type { Reason } from './reasons.ts'
import type { Machine } from './target.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'
import type { BoardView, Candidate, ChannelView } from './view.ts'
import { isOpen } from './window.ts'

export interface Check extends Partial<Pick<Machine, 'oem' | 'machineId' | 'onNoList'>> {
  /** A text that is not a version is below everything. */
  readonly version: string
  /** Empty where unknown. */
  readonly board: string
  /** Whether a person asked for an update: skips ramps and windows. */
  readonly isManual?: boolean
}

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
  const board = view.boards.get(check.board)
  if (board === undefined) return { kind: 'no-update', reason: 'no-release-for-board' }
  const { oem = '', machineId = '', onNoList = false } = check
  const running = board.versions.get(check.version) ?? parseVersion(check.version)
  const end = board.deadEnds.find(({ version }) => compareVersions(version, running) === 0)
  if (end) return noUpdate('dead-end', end, end.deadEnd?.reason)
  const one: Case = { check, machine: { running, oem, machineId, onNoList }, view, now }
  const chosen = chooseTarget(one, board)
  if ('kind' in chosen) return chosen
  const floor = lowestFloor(board, running, chosen)
  if (floor?.refusal) return noUpdate('floor-held', floor, floor.refusal.because)
  return inWindow(one, floor ?? chosen)
}

/**
 * The newest candidate for this machine, if its ramp admits it; else the first older one with a complete ramp. A manual
 * check takes the newest. Without any, why the newest is not offered.
 */
function chooseTarget(one: Case, board: BoardView): Candidate | Decision {
  const { check, machine, view, now } = one
  const mayGoDown = view.rollbackFrom.some(({ version }) => compareVersions(version, machine.running) === 0)
  let isNewest = true
  let refused: Decision | undefined
  for (const candidate of board.candidates) {
    const order = compareVersions(candidate.version, machine.running)
    if (order < 0 && !mayGoDown) break
    if (order === 0 || now < candidate.seenFrom) continue
    const refusal = refusalOf(candidate, machine)
    if (refusal === undefined) {
      if (check.isManual || (isNewest ? isAdmitted(one, candidate) : isComplete(candidate, now))) return candidate
      isNewest = false
    }
    refused ??= refusal ?? noUpdate('not-in-ramp', candidate)
  }
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

/** Floors come first, lowest first, and whatever their ramps and targets. */
const lowestFloor = (board: BoardView, running: Version | undefined, target: Candidate): Candidate | undefined =>
  board.floors.find(
    ({ version }) => compareVersions(version, running) > 0 && compareVersions(version, target.version) < 0,
  )

/** A floor has its own windows. */
function inWindow(one: Case, candidate: Candidate): Decision {
  const { schedule } = candidate
  if (schedule === undefined || one.check.isManual || isOpen(schedule, bucketIn(one, candidate).window, one.now))
    return { kind: 'update', offer: candidate }
  return noUpdate('outside-window', candidate)
}

export const bucketFor = ({ release }: Candidate, { scope }: ChannelView, { machineId = '' }: Check): Bucket =>
  bucketOf(scope, release.version, machineId)

const noUpdate = (reason: Reason, candidate: Candidate, because?: string): Decision =>
  because === undefined ? { kind: 'no-update', reason, candidate } : { kind: 'no-update', reason, candidate, because }
