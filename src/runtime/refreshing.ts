/** Keeping the catalog fresh by a schedule: one bounded look at a time, on every runtime. */

import { type CatalogCache, currentCatalog, reload } from '../catalog/cache.ts'
import { refresh, type Slice } from '../catalog/refresh.ts'
import type { StoreWriter } from '../catalog/write.ts'
import { describeError, type Log, logWith } from '../kernel/log.ts'
import type { sweepUploads } from '../publish-api/sweep-uploads.ts'
import type { Uploading } from '../publish-api/upload-records.ts'

/** How often a process with the timestamp key looks whether the catalog is to be refreshed. */
export const refreshEveryMs = 60_000

/** A log for one run of a schedule: its lines have an id in common. */
export const runLog = (log: Log): Log => logWith(log, { runId: crypto.randomUUID() })

/**
 * One look: signs the catalog again where that is due, and names what was committed. It works with the memory of what is
 * served, and adds to it what it saw and wrote, so that a catalog which was put back is not signed anew.
 * Never throws: what went wrong is in the log.
 * @param bounds.sweep sweeps uploads that nobody ended, where uploads are taken.
 */
export async function refreshSlice(
  writer: StoreWriter | Uploading,
  cache: CatalogCache,
  { sweep, ...bounds }: Omit<Slice, 'turn'> & { readonly sweep?: typeof sweepUploads | undefined },
): Promise<void> {
  await refreshOnce(writer, cache, bounds)
  if ('uploads' in writer) await sweep?.(writer, bounds.most)
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
