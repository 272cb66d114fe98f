/** Who is told what a fleet does: the log always, files in the store and numbers where the settings say so. */
import { storeEvents } from '../adapters/events-store.ts'
import type { MeasuredGroup } from '../adapters/metrics.ts'
import { systemClock, systemRandom } from '../adapters/system.ts'
import type { Serving } from '../http/serving.ts'
import type { CatalogCache } from '../service/catalog-cache.ts'
import type { Reading } from '../service/reading.ts'
import { allGroups, ghostsOf } from '../service/reboot-notes.ts'
import type { Settings } from './config.ts'
import { tellAll } from './tell-all.ts'

/** What a server tells, and how that ends. */
export interface Watching extends Pick<Serving, 'events' | 'metrics'> {
  /** Writes what is held. */
  close(): Promise<void>
}

/** Opens the sinks that the settings name. What only one of them needs is loaded only for that. */
export async function openWatching(settings: Settings, reading: Reading, cache: CatalogCache): Promise<Watching> {
  const { documents, log } = reading
  const stored =
    settings.events === 'store' ? storeEvents({ documents, clock: systemClock, random: systemRandom, log }) : undefined
  const metrics =
    settings.metrics === 'on'
      ? (await import('../adapters/metrics.ts')).openMetrics({
          isKnown: (app, channel) => knows(cache, app, channel),
          catalog: () => ageOf(cache, systemClock()),
          lost: () => stored?.lost() ?? 0,
          groups: settings.locks && (() => measureGroups(reading)),
        })
      : undefined
  return {
    events: tellAll([log, ...(stored ? [stored.sink] : []), ...(metrics ? [metrics.sink] : [])]),
    metrics,
    close: async () => stored?.close(),
  }
}

async function measureGroups(reading: Reading): Promise<readonly MeasuredGroup[]> {
  return (await allGroups(reading)).map((lock) => ({
    group: lock.group,
    max: lock.max,
    holders: lock.holders?.length ?? 0,
    overdue: ghostsOf(lock, systemClock()).length,
  }))
}

function knows({ apps }: CatalogCache, app: string, channel: string): boolean {
  const index = apps.get(app)
  return index !== undefined && (index.channels.has(channel) || index.aliases.has(channel))
}

const ageOf = ({ state, checkedAt }: CatalogCache, now: number) =>
  state && { ageSeconds: (now - checkedAt) / 1000, expiresAt: state.catalog.expiresMs / 1000 }
