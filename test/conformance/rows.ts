/**
 * What the suites of the ports share. A suite is a list of rows without a test runner, so that it also runs inside
 * workerd and Deno, against stores that lie, and against a real bucket that holds other things. The rows that an
 * operator's store is asked, too, stand in src/service.
 */
import type { At, StoreCheck } from '../../src/doctor/checks.ts'

export {
  type At,
  created,
  holds,
  listed,
  maxBytes,
  present,
  read,
  refuses,
  same,
  sample,
  text,
} from '../../src/doctor/checks.ts'

/** A check without what only an operator needs to hear. */
export type Row<Store> = Pick<StoreCheck<Store>, 'name' | 'run' | 'when'>

export interface Failure {
  readonly row: string
  readonly message: string
}

/** Keys under `prefix` and the row's own number. */
export const keysOf =
  (prefix: string, row: number): At =>
  (name) =>
    `${prefix}/r${row}/${name}`

/** Runs all rows one after the other, each on a store from `open`; nothing is thrown. */
export async function failures<Store>(
  rows: readonly Row<Store>[],
  open: () => Store | Promise<Store>,
  prefix = 'conformance',
): Promise<readonly Failure[]> {
  const failed: Failure[] = []
  for (const [number, row] of rows.entries()) {
    try {
      await runRow(row, await open(), keysOf(prefix, number))
    } catch (error) {
      failed.push({ row: row.name, message: error instanceof Error ? error.message : String(error) })
    }
  }
  return failed
}

/** Puts a row to a store, where that is asked this at all. */
export async function runRow<Store>({ run, when }: Row<Store>, store: Store, at: At): Promise<void> {
  if (when === undefined || when(store)) await run(store, at)
}

/** None of these is a key; `documents/paths.ts` builds none of them. */
export const badKeys: readonly string[] = [
  '',
  '/',
  '/catalog.jws',
  '../catalog.jws',
  'apps/../catalog.jws',
  'apps/..',
  './catalog.jws',
  'apps//catalog.jws',
  'apps/',
  'apps\\catalog.jws',
  '..\\catalog.jws',
  'catalog.jws\0',
  'catalog.jws\n',
  '%2e%2e/catalog.jws',
  '.tmp/x',
  '.next/catalog.jws/x',
  '__proto__',
  'notes/__proto__',
  'café',
  'a'.repeat(65536),
]
