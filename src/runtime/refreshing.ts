/** Keeps the catalog fresh by a schedule: one bounded run at a time, on every runtime. */
import { type CatalogCache, currentCatalog, reload } from '../catalog/cache.ts'
import { refresh, type Slice } from '../catalog/edit-catalog.ts'
import type { StoreWriter } from '../catalog/read.ts'
import type { Extension } from '../checks/serving.ts'
import { describeError, type Log, logWith } from '../kernel/log.ts'

/** How often a process with the timestamp key checks whether the catalog is due for a refresh. */
export const refreshEveryMs = 60_000

/** Gives the lines of one run an id in common. */
export const runLog = (log: Log): Log => logWith(log, { runId: crypto.randomUUID() })

/**
 * Signs the catalog again where that is due, names what was committed, and does what features add. It shares the memory
 * of what is served, so it never signs a catalog that was put back. Never throws: failures are in the log.
 */
export async function refreshSlice(
  writer: StoreWriter,
  cache: CatalogCache,
  bounds: Omit<Slice, 'turn'>,
  extensions: readonly Extension[] = [],
): Promise<void> {
  await refreshOnce(writer, cache, bounds)
  for (const { onSchedule } of extensions) await onSchedule?.(writer, bounds.most)
}

async function refreshOnce(writer: StoreWriter, cache: CatalogCache, bounds: Omit<Slice, 'turn'>): Promise<void> {
  try {
    await currentCatalog(cache, writer, undefined)
    const slice = { turn: Math.floor(writer.clock() / refreshEveryMs), ...bounds }
    const { kind, expires } = await refresh(writer, { seen: cache.state, slice })
    if (kind === 'unchanged') return
    await reload(cache, writer)
    writer.log({ level: 'info', event: 'refresh', expires })
  } catch (error) {
    writer.log({ level: 'error', event: 'refresh', ...describeError(error) })
  }
}
