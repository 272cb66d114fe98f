import { describe, test } from 'vitest'
import { keysOf, type Row, runRow } from './rows.ts'

/**
 * Makes one test of each row.
 * @param name also the first part of its keys.
 */
export function suite<Store>(name: string, rows: readonly Row<Store>[], open: () => Store | Promise<Store>): void {
  describe(name, () => {
    for (const [number, row] of rows.entries())
      test(row.name, async () => runRow(row, await open(), keysOf(name, number)))
  })
}
