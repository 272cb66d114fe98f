/** Machines by a part of their id or alias, within bounds: a text that most of a large fleet has says little. */
import type { DatabaseSync } from 'node:sqlite'
import { like } from '../fleet/machine-list.ts'

export const maxFound = 20_000

/** @returns the numbers of their rows, or `undefined` for more than `maxFound`. */
export function searchMachines(database: DatabaseSync, text: string): readonly number[] | undefined {
  const matches = "machine LIKE ?1 ESCAPE '\\' OR (alias <> '' AND alias LIKE ?1 ESCAPE '\\')"
  const rows = database.prepare(`SELECT id FROM names WHERE ${matches} LIMIT ${maxFound + 1}`).all(`%${like(text)}%`)
  return rows.length > maxFound ? undefined : rows.map(({ id }) => Number(id))
}
