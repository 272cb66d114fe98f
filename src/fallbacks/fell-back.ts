/** Machines that came back from a release in the version before: for the server that would offer it to them again. */

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

/** The first condition is that of an index. */
const fell = 'FROM progress WHERE first_failed IS NOT NULL AND fell_back > ?'

/**
 * @param mark of what was read before.
 * @returns `undefined` where nothing changed since then.
 * @throws PlatteError('usage') where there is no projection yet; Error of SQLite.
 */
export function readFallBacks(file: string, { since, most }: Wanted, mark?: string) {
  const database = openForReading(file)
  try {
    const changed = database.prepare(`SELECT count(*) || ' ' || max(fell_back) AS mark ${fell}`).get(since)
    const newMark = String(changed?.mark)
    if (newMark === mark) return undefined
    const rows = database.prepare(
      `SELECT apps.word AS app, versions.word AS version, machines.machine AS machine, fell_back AS at
       FROM (SELECT target AS version, machine AS id, fell_back ${fell} AND (done IS NULL OR done < fell_back)) AS falls
       JOIN machines USING (id)
       JOIN words AS apps ON apps.id = machines.app JOIN words AS versions ON versions.id = falls.version
       ORDER BY first LIMIT ?`,
    )
    const fallBacks = rows.all(since, most).map(
      ({ app, version, machine, at }): FallBack => ({
        ...{ app: String(app), machine: String(machine), version: String(version), at: Number(at) },
      }),
    )
    return { mark: newMark, fallBacks }
  } finally {
    database.close()
  }
}
