/** Checks and events as files in the store, and as metrics. */
import type { CatalogCache } from '../catalog/cache.ts'
import { type EventSink, fanOut } from '../checks/events.ts'
import type { FeatureContext } from '../checks/feature.ts'
import type { Extension } from '../checks/serving.ts'
import { refuseMethod } from '../http/problem.ts'
import { storeEvents } from './events-store.ts'
import type { Metrics } from './metrics.ts'

/** Loads the library of metrics only where they are on. */
export async function openTelemetry(
  wanted: { readonly events: boolean; readonly metrics: boolean },
  { reader, random, cache, gauges }: Pick<FeatureContext, 'reader' | 'random' | 'cache' | 'gauges'>,
): Promise<Extension> {
  const { documents, clock, log } = reader
  const stored = wanted.events ? storeEvents({ documents, clock, random, log }) : undefined
  const metrics = wanted.metrics
    ? (await import('./metrics.ts')).openMetrics({
        isKnown: (app, channel) => knows(cache, app, channel),
        catalog: () => ageOf(cache, clock()),
        lost: () => stored?.lost() ?? 0,
        gauges,
      })
    : undefined
  const sinks = [stored, metrics].flatMap((one) => one?.sink ?? [])
  return {
    name: 'fleet',
    sink: fanOut(sinks as [EventSink, ...EventSink[]]),
    mount: (app) => metrics && mountMetrics(app, metrics),
    close: async () => stored?.close(),
  }
}

/** `GET /metrics`, for Prometheus. */
function mountMetrics(app: Parameters<NonNullable<Extension['mount']>>[0], { render, contentType }: Metrics): void {
  app.get('/metrics', async (c) =>
    c.body(await render(), 200, { 'content-type': contentType, 'cache-control': 'no-store' }),
  )
  app.all('/metrics', (c) => refuseMethod(c, 'GET, HEAD'))
}

function knows({ apps }: CatalogCache, app: string, channel: string): boolean {
  const index = apps.get(app)
  return index !== undefined && (index.channels.has(channel) || index.aliases.has(channel))
}

const ageOf = ({ state, checkedAt }: CatalogCache, now: number) =>
  state && { ageSeconds: (now - checkedAt) / 1000, expiresAt: state.catalog.expiresMs / 1000 }
