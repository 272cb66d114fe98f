/** A projection that is read in short steps: a server answers between them. */
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

/** Rows of one step: a few milliseconds. */
export const stepRows = 2_000

export interface Reading {
  readonly database: DatabaseSync
  readonly known: Known
  readonly textOf: (id: SQLOutputValue | undefined) => string
}

export function wordsOf(database: DatabaseSync): Reading['textOf'] {
  const words = new Map<unknown, string>()
  const get = database.prepare('SELECT word FROM words WHERE id = ?')
  return (id = 0) => {
    const found = words.get(id) ?? String(get.get(id)?.word ?? other)
    words.set(id, found)
    return found
  }
}

export function placeOf({ known, textOf }: Reading, row: Record<string, SQLOutputValue>): Place {
  const [app, channel] = [textOf(row.app), textOf(row.channel)]
  return known.isKnown(app, channel) ? { app, channel } : { app: other, channel: other }
}

/** Goes through a range of ids. @param of the rest of a query. */
export async function steps(
  database: DatabaseSync,
  id: string,
  of: string,
  values: readonly number[],
  take: (from: number, to: number) => void,
): Promise<void> {
  // One query for both would read all rows.
  const [least, most] = ['min', 'max'].map(
    (one) => database.prepare(`SELECT ${one}(${id}) AS id ${of}`).get(...values)?.id,
  )
  if (typeof least !== 'number' || typeof most !== 'number') return
  for (let from = least; from <= most; from += stepRows) {
    take(from, from + stepRows)
    await setImmediate()
  }
}
