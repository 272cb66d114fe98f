/** Brings a projection up to date with the files of events in a store. */
import { setImmediate } from 'node:timers/promises'
import { endOf, eventKeys, type Lines, type Range, storedLines } from '../events/files.ts'
import type { Documents } from '../store/documents.ts'
import { type LineTaker, readLine } from './lines.ts'
import type { Projection, ProjectionOptions } from './projection.ts'

/** Files of one transaction, at most. */
const batchFiles = 64

interface Following {
  readonly isStopped?: () => boolean
  /** Whether this process does something else, too: between a few lines it goes on with that. */
  readonly isShared?: boolean
}

/**
 * Reads the files that are not in yet. @returns how many.
 * @throws Error of SQLite, as `flush`; PlatteError of the store. What was read before is in.
 */
export async function followStore(
  documents: Documents,
  projection: Projection,
  { isStopped = () => false, isShared = false, ...range }: Range & Following,
): Promise<number> {
  const flush = async (): Promise<void> => {
    while (projection.flush()) await setImmediate()
  }
  let read = 0
  for await (const key of eventKeys(documents, range)) {
    if (isStopped()) break
    if (projection.has(key)) continue
    // Of a file, the same lines are taken whenever it is read.
    const taker: LineTaker = { ...projection, sighting: (one) => projection.sighting(one, true, endOf(key)) }
    for await (const lines of storedLines(documents, key)) {
      takeLines(taker, lines)
      if (isShared) await setImmediate()
    }
    projection.endFile(key)
    read += 1
    if (read % batchFiles === 0) await flush()
  }
  await flush()
  return read
}

/** Late files of the day before are looked for this often, those of any day once a day. */
const lateMs = 60 * 60 * 1000
const dayMs = 24 * lateMs

/**
 * Follows a store for long: a listing of it costs, so most passes only look where files are written now.
 * @returns a pass, which throws as `followStore`.
 */
export function openFollower(documents: Documents, { clock, keepMs, maxRows }: ProjectionOptions) {
  let seen: Projection | undefined
  let [lateAt, allAt] = [0, 0]
  return async (projection: Projection, isStopped: () => boolean): Promise<number> => {
    const until = clock()
    const isAll = projection !== seen || Math.abs(until - allAt) >= dayMs
    const isLate = isAll || Math.abs(until - lateAt) >= lateMs
    const since = until - (isAll ? keepMs : dayMs)
    const read = await followStore(documents, projection, {
      since,
      until,
      isNow: !isLate,
      isStopped,
      isShared: maxRows !== undefined,
    })
    if (isStopped()) return read
    if (isLate) lateAt = until
    if (isAll) allAt = until
    seen = projection
    return read
  }
}

export function takeLines(taker: LineTaker, lines: Lines): void {
  for (const line of lines)
    if (line === undefined) taker.unreadable()
    else if (line !== '') readLine(line, taker)
}
