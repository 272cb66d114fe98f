/** Machines that came back from a release in the version before: for the server that would offer it to them again. */

import type { SQLOutputValue } from 'node:sqlite'
import { openForReading } from '../fleet/database.ts'
import type { Instant } from '../kernel/clock.ts'

export interface FallBack {
  readonly app: string
  readonly machine: string
  /** What it fell back from. */
  readonly version: string
  /** The last time. */
  readonly at: Instant
}

interface Wanted {
  /** Later ones only. */
  readonly since: Instant
  /** Of those that are known longest: ids that are made up now push no machine out. */
  readonly most: number
}

/**
 * @param mark of what was read before.
 * @returns `undefined` where nothing changed since then.
 * @throws PlatteError('usage') where there is no projection yet; Error of SQLite.
 */
export function readFallBacks(file: string, { since, most }: Wanted, mark?: string) {
  const database = openForReading(file)
  try {
    const changed = database
      .prepare(`SELECT count(*) || ' ' || max(fell_back) AS mark FROM progress WHERE fell_back > ?`)
      .get(since)
    const newMark = String(changed?.mark)
    if (newMark === mark) return undefined
    const rows = database.prepare(
      `SELECT app, target, machine, at FROM (
         SELECT progress.app, progress.target, id, fell_back AS at FROM progress JOIN states ON id = progress.machine
         WHERE fell_back > ? AND (done IS NULL OR done < fell_back) ORDER BY first LIMIT ?
       ) JOIN names USING (id)`,
    )
    const find = database.prepare('SELECT word FROM words WHERE id = ?')
    const words = new Map<SQLOutputValue | undefined, string>()
    const wordOf = (id: SQLOutputValue | undefined): string => {
      const word = words.get(id) ?? String(find.get(Number(id))?.word)
      words.set(id, word)
      return word
    }
    const fallBacks = rows.all(since, most).map(
      ({ app, target, machine, at }): FallBack => ({
        ...{ app: wordOf(app), machine: String(machine), version: wordOf(target), at: Number(at) },
      }),
    )
    return { mark: newMark, fallBacks }
  } finally {
    database.close()
  }
}
