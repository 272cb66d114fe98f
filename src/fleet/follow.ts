/** Brings a projection up to date with the files of events in a store. */
import type { Instant } from '../kernel/clock.ts'
import type { Documents } from '../store/documents.ts'
import { eventKeys, type Lines, storedLines } from './event-files.ts'
import { readLine } from './lines.ts'
import type { Projection } from './projection.ts'

/** Files of one transaction, at most. */
const batchFiles = 64

/**
 * Reads the files that are not in yet. @returns how many.
 * @throws Error of SQLite, as `flush`; PlatteError of the store. What was read before is in.
 */
export async function followStore(
  documents: Documents,
  projection: Projection,
  { since, until, isStopped = () => false }: { since: Instant; until: Instant; isStopped?: () => boolean },
): Promise<number> {
  let read = 0
  for await (const key of eventKeys(documents, since, until)) {
    if (isStopped()) break
    if (projection.has(key)) continue
    for await (const lines of storedLines(documents, key)) takeLines(projection, lines)
    projection.endFile(key)
    read += 1
    if (read % batchFiles === 0) projection.flush()
  }
  projection.flush()
  return read
}

export function takeLines(projection: Projection, lines: Lines): void {
  for (const line of lines)
    if (line === undefined) projection.unreadable()
    else if (line !== '') readLine(line, projection)
}
