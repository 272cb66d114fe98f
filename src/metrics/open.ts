/** `/metrics` of a server. */
import { type CatalogCache, currentCatalog } from '../catalog/cache.ts'
import { fillOf } from '../catalog/fill.ts'
import type { Extension, FeatureContext, Gauge } from '../checks/serving.ts'
import { refuseMethod } from '../http/problem.ts'
import { openMetrics } from './metrics.ts'

/** @param fleetFile the projection of the fleet, if this process has one. */
export async function openScrapes(
  fleetFile: string | undefined,
  { reader, cache, gauges }: Pick<FeatureContext, 'reader' | 'cache' | 'gauges'>,
): Promise<Extension> {
  const metrics = openMetrics({
    catalog: () => ageOf(cache, reader.clock()),
    gauges: async () => [...fillGauges(cache), ...(await gauges())],
    isKnown: (app, channel) => knows(cache, app, channel),
    fleet: await openScrape(fleetFile, cache, reader),
  })
  const render = async (): Promise<string> => {
    // Nobody else may read the catalog of a server that no machine asks.
    await currentCatalog(cache, reader, undefined)
    return metrics.render()
  }
  const headers = { 'content-type': metrics.contentType, 'cache-control': 'no-store' }
  return {
    name: 'metrics',
    sink: metrics.sink,
    mount: (app) => {
      app.get('/metrics', async (c) => c.body(await render(), 200, headers))
      app.all('/metrics', (c) => refuseMethod(c, 'GET, HEAD'))
    },
  }
}

/** Loads SQLite only where there is a projection. */
async function openScrape(file: string | undefined, cache: CatalogCache, reader: FeatureContext['reader']) {
  if (file === undefined) return undefined
  const { fleetScrape } = await import('./fleet-scrape.ts')
  const known = {
    isKnown: (app: string, channel?: string) =>
      channel === undefined ? cache.apps.has(app) : knows(cache, app, channel),
    releasesOf: (app: string, channel: string) => releasesOf(cache, `${app}/${channel}`),
  }
  return fleetScrape(file, known, reader)
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
