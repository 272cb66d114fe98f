/** Tables of counts by numbers, which are added up in memory and written when a transaction ends. */
import type { DatabaseSync } from 'node:sqlite'

export interface Sums {
  /** @param key the numbers of its columns, with spaces between. */
  add(key: string, n: number): void
  /** Writes what was added, within a transaction. What comes to nothing is no row. */
  save(): void
}

/** @param columns the key of the table, which also has `n`. */
export function openSums(database: DatabaseSync, table: string, columns: readonly string[]): Sums {
  const deltas = new Map<string, number>()
  const key = columns.join(', ')
  const add = database.prepare(
    `INSERT INTO ${table} (${key}, n) VALUES (${columns.map(() => '?').join(', ')}, ?)
     ON CONFLICT (${key}) DO UPDATE SET n = n + excluded.n`,
  )
  const drop = database.prepare(
    `DELETE FROM ${table} WHERE ${columns.map((name) => `${name} = ?`).join(' AND ')} AND n = 0`,
  )
  return {
    add: (text, n) => void deltas.set(text, (deltas.get(text) ?? 0) + n),
    save() {
      for (const [text, n] of deltas) {
        if (n === 0) continue
        const values = text.split(' ').map(Number)
        add.run(...values, n)
        drop.run(...values)
      }
      deltas.clear()
    },
  }
}
