/** What one machine is offered, and why: the only place that decides. Pure: no I/O, no clock. */

import { compareVersions, parseVersion, type Version } from './version.ts'
import type { BoardView, Candidate, ChannelView } from './view.ts'

/** Every reason for `noupdate`. */
export type Reason =
  | 'unknown-app'
  | 'unknown-channel'
  | 'no-release-for-board'
  | 'up-to-date'
  | 'held'
  | 'floor-held'
  | 'withdrawn'
  | 'dead-end'
  | 'target'
  | 'not-in-ramp'
  | 'outside-window'
  | 'not-mirrored'
  | 'catalog-expired'
  | 'store-unavailable'
  | 'unverifiable'

/** What a machine says of itself. */
export interface Check {
  /** Any text; what cannot be read as a version is below everything. */
  readonly version: string
  /** Empty where unknown. */
  readonly board: string
}

export type Decision =
  | { readonly kind: 'update'; readonly offer: Candidate }
  | {
      readonly kind: 'no-update'
      readonly reason: Reason
      /** The version that is withheld, where there is one. */
      readonly version?: string
      /** The operator's words, or what went wrong. */
      readonly because?: string
    }

/** Decides for one machine. */
export function decide(check: Check, view: ChannelView): Decision {
  const board = view.boards.get(check.board)
  if (board === undefined) return { kind: 'no-update', reason: 'no-release-for-board' }
  const running = board.versions.get(check.version) ?? parseVersion(check.version)
  const end = board.deadEnds.find(({ version }) => compareVersions(version, running) === 0)
  if (end) return noUpdate('dead-end', end, end.release.deadEnd?.reason)
  const newest = chooseTarget(board, running, view)
  if (newest === undefined) return { kind: 'no-update', reason: 'up-to-date' }
  const { candidate } = newest
  if (!newest.offered) return noUpdate(candidate.refusal?.reason ?? 'up-to-date', candidate, candidate.refusal?.because)
  return throughFloors(board, running, candidate)
}

/** The newest candidate that nothing refuses; else the newest one, which is not offered; `undefined`: there is none. */
function chooseTarget(
  board: BoardView,
  running: Version | undefined,
  view: ChannelView,
): { readonly candidate: Candidate; readonly offered: boolean } | undefined {
  const mayGoDown = view.rollbackFrom.some((version) => compareVersions(version, running) === 0)
  let newest: Candidate | undefined
  for (const candidate of board.candidates) {
    const order = compareVersions(candidate.version, running)
    if (order < 0 && !mayGoDown) break
    if (order === 0) continue
    if (candidate.refusal === undefined) return { candidate, offered: true }
    newest ??= candidate
  }
  return newest && { candidate: newest, offered: false }
}

/**
 * A machine below a floor is offered the lowest one first, whatever its ramp and targets say; a floor that is held or
 * withdrawn is never jumped, and its windows hold.
 */
function throughFloors(board: BoardView, running: Version | undefined, target: Candidate): Decision {
  const floor = board.floors.find(
    ({ version }) => compareVersions(version, running) > 0 && compareVersions(version, target.version) < 0,
  )
  if (floor === undefined) return { kind: 'update', offer: target }
  if (floor.refusal?.reason === 'held' || floor.refusal?.reason === 'withdrawn')
    return noUpdate('floor-held', floor, floor.refusal.because)
  if (floor.release.windows) return noUpdate('outside-window', floor, 'it has windows')
  return { kind: 'update', offer: floor }
}

function noUpdate(reason: Reason, candidate: Candidate, because: string | undefined): Decision {
  const version = candidate.release.version
  return because === undefined
    ? { kind: 'no-update', reason, version }
    : { kind: 'no-update', reason, version, because }
}
