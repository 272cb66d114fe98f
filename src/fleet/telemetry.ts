/** Who is told what a fleet does: the log always, files in the store and numbers where the settings say so. */

import type { CatalogCache } from '../catalog/cache.ts'
import type { StoreReader } from '../catalog/read.ts'
import type { Serving } from '../checks/serving.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'
import { allGroups, staleHoldersOf } from '../locks/notes.ts'
import type { Settings } from '../runtime/settings.ts'
import { storeEvents } from './events-store.ts'
import { fanOut } from './fan-out.ts'
import type { MeasuredGroup } from './metrics.ts'

/** What a server tells, and how that ends. */
export interface Telemetry extends Pick<Serving, 'events' | 'metrics'> {
  /** Writes what is held. */
  close(): Promise<void>
}

/** Opens the sinks that the settings name. What only one of them needs is loaded only for that. */
export async function openTelemetry(settings: Settings, reader: StoreReader, cache: CatalogCache): Promise<Telemetry> {
  const { documents, log } = reader
  const stored =
    settings.events === 'store' ? storeEvents({ documents, clock: systemClock, random: systemRandom, log }) : undefined
  const metrics =
    settings.metrics === 'on'
      ? (await import('./metrics.ts')).openMetrics({
          isKnown: (app, channel) => knows(cache, app, channel),
          catalog: () => ageOf(cache, systemClock()),
          lost: () => stored?.lost() ?? 0,
          groups: settings.locks && (() => measureGroups(reader)),
        })
      : undefined
  return {
    events: fanOut([log, ...(stored ? [stored.sink] : []), ...(metrics ? [metrics.sink] : [])]),
    metrics,
    close: async () => stored?.close(),
  }
}

async function measureGroups(reader: StoreReader): Promise<readonly MeasuredGroup[]> {
  return (await allGroups(reader)).map((lock) => ({
    group: lock.group,
    max: lock.max,
    holders: lock.holders?.length ?? 0,
    overdue: staleHoldersOf(lock, systemClock()).length,
  }))
}

function knows({ apps }: CatalogCache, app: string, channel: string): boolean {
  const index = apps.get(app)
  return index !== undefined && (index.channels.has(channel) || index.aliases.has(channel))
}

const ageOf = ({ state, checkedAt }: CatalogCache, now: number) =>
  state && { ageSeconds: (now - checkedAt) / 1000, expiresAt: state.catalog.expiresMs / 1000 }
