/** What a server keeps of contacts: metrics, and files in the store. */
import type { CatalogCache } from '../catalog/cache.ts'
import { fillOf } from '../catalog/fill.ts'
import { type EventSink, fanOut } from '../checks/events.ts'
import type { Extension, FeatureContext, Gauge } from '../checks/serving.ts'
import { refuseMethod } from '../http/problem.ts'
import { storeEvents } from './events-store.ts'
import { disguiseEvents, disguiseOnce } from './ids.ts'
import { defaultKeepMs } from './settings.ts'

interface Wanted {
  readonly events: boolean
  readonly metrics: boolean
  readonly fleetFile?: string | undefined
  readonly fleetKeepMs?: number | undefined
  /** Where ids of machines become hashes. */
  readonly idsKey?: string | undefined
}

/** Loads the library of metrics, and SQLite, only where they are on. */
export async function openTelemetry(
  wanted: Wanted,
  { reader, random, cache, gauges }: Pick<FeatureContext, 'reader' | 'random' | 'cache' | 'gauges'>,
): Promise<Extension> {
  const stored = wanted.events ? storeEvents({ ...reader, random }) : undefined
  const lost = (): number => stored?.lost() ?? 0
  const metrics = wanted.metrics
    ? (await import('./metrics.ts')).openMetrics({
        ...{ lost, catalog: () => ageOf(cache, reader.clock()) },
        gauges: async () => [...fillGauges(cache), ...(await gauges().catch(() => []))],
        isKnown: (app, channel) => knows(cache, app, channel),
        fleet: await openScrape(wanted, cache, reader),
      })
    : undefined
  const projector = await openProjector(wanted, reader)
  const sinks = [stored, metrics, projector].flatMap((one) => one?.sink ?? [])
  return {
    name: 'fleet',
    sink: sinks[0] && fanOut(sinks as [EventSink, ...EventSink[]]),
    rewrite: wanted.idsKey === undefined ? undefined : disguiseEvents(wanted.idsKey),
    mount: (app) => {
      if (metrics === undefined) return
      const headers = { 'content-type': metrics.contentType, 'cache-control': 'no-store' }
      app.get('/metrics', async (c) => c.body(await metrics.render(), 200, headers))
      app.all('/metrics', (c) => refuseMethod(c, 'GET, HEAD'))
    },
    close: async () => {
      await stored?.close()
      await projector?.close()
    },
  }
}

async function openProjector(
  { events, fleetFile, fleetKeepMs: keepMs = defaultKeepMs, idsKey }: Wanted,
  reader: FeatureContext['reader'],
) {
  if (fleetFile === undefined) return undefined
  const { startProjector } = await import('./projector.ts')
  const disguise = idsKey === undefined ? undefined : disguiseOnce(idsKey)
  return startProjector({ ...reader, file: fleetFile, follows: events, keepMs, disguise })
}

async function openScrape({ fleetFile }: Wanted, cache: CatalogCache, reader: FeatureContext['reader']) {
  if (fleetFile === undefined) return undefined
  const { fleetScrape } = await import('./fleet-scrape.ts')
  const known = {
    isKnown: (app: string, channel?: string) =>
      channel === undefined ? cache.apps.has(app) : knows(cache, app, channel),
    releasesOf: (app: string, channel: string) => releasesOf(cache, `${app}/${channel}`),
  }
  return fleetScrape(fleetFile, known, reader)
}

function knows({ apps }: CatalogCache, app: string, channel: string): boolean {
  const index = apps.get(app)
  return index !== undefined && (index.channels.has(channel) || index.aliases.has(channel))
}

function releasesOf({ channels }: CatalogCache, name: string): ReadonlySet<string> {
  const found = channels.get(name)
  if (found === undefined || 'reason' in found) return new Set()
  return new Set([found, found.source].flatMap((one) => one?.manifest.releases.map(({ version }) => version) ?? []))
}

const ageOf = ({ state, checkedAt }: CatalogCache, now: number) =>
  state && {
    ageSeconds: (now - checkedAt) / 1000,
    issuedAt: state.catalog.issuedAtMs / 1000,
    expiresAt: state.catalog.expiresMs / 1000,
  }

function fillGauges({ state }: CatalogCache): readonly Gauge[] {
  if (state === undefined) return []
  const { catalog, size } = state.catalog
  const sizes = Object.values(catalog.apps).flatMap(({ channels }) => Object.values(channels).map((one) => one.size))
  const largest = sizes.reduce((most, one) => Math.max(most, one), 0)
  const fills = { catalog: fillOf('catalog', size, state.root), manifest: fillOf('manifest', largest, state.root) }
  const help = 'How much of what publishing may use is used: by the catalog, and by the largest manifest. 1 is full.'
  return [{ name: 'platte_document_fill_ratio', help, label: 'document', values: new Map(Object.entries(fills)) }]
}
