/** What a schedule does: one bounded run at a time. Apart, because a server without the timestamp key needs none of it. */
import { type CatalogCache, currentCatalog, reload } from '../catalog/cache.ts'
import { refresh, type Slice } from '../catalog/edit-catalog.ts'
import type { StoreWriter } from '../catalog/read.ts'
import type { Extension } from '../checks/serving.ts'
import { describeError } from '../kernel/log.ts'
import { refreshEveryMs } from './compose.ts'

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
  try {
    await currentCatalog(cache, writer, undefined)
    const slice = { turn: Math.floor(writer.clock() / refreshEveryMs), ...bounds }
    const { kind, expires } = await refresh(writer, { seen: cache.state, slice })
    if (kind !== 'unchanged') {
      await reload(cache, writer)
      writer.log({ level: 'info', event: 'refresh', expires })
    }
  } catch (error) {
    writer.log({ level: 'error', event: 'refresh', ...describeError(error) })
  }
  for (const { onSchedule } of extensions) await onSchedule?.(writer, bounds.most)
}
