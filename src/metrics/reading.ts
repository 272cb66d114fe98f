/** Tables of a projection that are read in short steps: a server answers between them. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { other } from './sums.ts'

export interface Known {
  /** Whether the verified catalog names the app, or this channel of it. */
  isKnown(app: string, channel?: string): boolean
  /** Versions that the channel's signed manifest has, as far as it was read. They keep their names before others do. */
  releasesOf(app: string, channel: string): ReadonlySet<string>
}

export interface Place {
  readonly app: string
  readonly channel: string
}

export type Row = Readonly<Record<string, SQLOutputValue>>

export interface Reading {
  readonly known: Known
  readonly textOf: (id: SQLOutputValue | undefined) => string
  /** Calls back with each row of a table. @param key its primary key. */
  readonly each: (table: string, key: readonly string[], take: (row: Row) => void) => Promise<void>
}

/** Rows of one step: a few milliseconds. */
const stepRows = 2_000

export function readingOf(database: DatabaseSync, known: Known): Reading {
  const words = new Map<unknown, string>()
  const word = database.prepare('SELECT word FROM words WHERE id = ?')
  return {
    known,
    textOf(id = 0) {
      const found = words.get(id) ?? String(word.get(id)?.word ?? other)
      words.set(id, found)
      return found
    },
    async each(table, key, take) {
      const columns = key.join(', ')
      const after = key.map(() => '?').join(', ')
      const step = database.prepare(
        `SELECT * FROM ${table} WHERE (${columns}) > (${after}) ORDER BY ${columns} LIMIT ${stepRows}`,
      )
      let from: readonly SQLOutputValue[] = key.map(() => -1)
      for (;;) {
        const rows = step.all(...from)
        for (const row of rows) take(row)
        const last = rows.at(-1)
        if (last === undefined) return
        from = key.map((name) => last[name] ?? 0)
        await setImmediate()
      }
    },
  }
}

export function placeOf({ known, textOf }: Reading, row: Row): Place {
  const [app, channel] = [textOf(row.app), textOf(row.channel)]
  return known.isKnown(app, channel) ? { app, channel } : { app: other, channel: other }
}
