/** Keeping the catalog fresh by a schedule: one bounded look at a time, on every runtime. */
import { type CatalogCache, reload } from '../service/catalog-cache.ts'
import { refresh } from '../service/refresh.ts'
import type { Writing } from '../service/writing.ts'

/** How often a process with the timestamp key looks whether the catalog is to be refreshed. */
export const refreshEveryMs = 60_000

/**
 * One look: signs the catalog again where that is due, and names what was committed. It works with the memory of what is
 * served, so that a catalog which was put back is not signed anew; a process that has served nothing yet reads first.
 * Never throws: what went wrong is in the log.
 * @param most how many channels it looks at.
 */
export async function refreshSlice(writing: Writing, cache: CatalogCache, most: number): Promise<void> {
  try {
    if (cache.state === undefined) await reload(cache, writing)
    const slice = { turn: Math.floor(writing.clock() / refreshEveryMs), most }
    const { kind, expires } = await refresh(writing, { seen: cache.state, slice })
    if (kind === 'refreshed') writing.log({ level: 'info', event: 'refresh', expires })
  } catch (error) {
    writing.log({ level: 'error', event: 'refresh', problem: error instanceof Error ? error.message : String(error) })
  }
}
