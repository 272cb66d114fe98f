/** Contacts as metrics, and as files in the store: batches of JSON lines, one write at a time. */
import type { CatalogCache } from '../catalog/cache.ts'
import { fillOf } from '../catalog/fill.ts'
import type { StoreReader } from '../catalog/read.ts'
import { type EventSink, fanOut } from '../checks/events.ts'
import type { Extension, FeatureContext, Gauge } from '../checks/serving.ts'
import { eventsKey } from '../documents/paths.ts'
import { refuseMethod } from '../http/problem.ts'
import { logLine } from '../kernel/json-log.ts'
import { describeError } from '../kernel/log.ts'
import type { Random } from '../kernel/random.ts'
import type { Documents } from '../store/documents.ts'

/** Loads the library of metrics only where they are on. */
export async function openTelemetry(
  wanted: { readonly events: boolean; readonly metrics: boolean },
  { reader, random, cache, gauges }: Pick<FeatureContext, 'reader' | 'random' | 'cache' | 'gauges'>,
): Promise<Extension> {
  const stored = wanted.events ? storeEvents({ ...reader, random }) : undefined
  const lost = (): number => stored?.lost() ?? 0
  const metrics = wanted.metrics
    ? (await import('./metrics.ts')).openMetrics({
        ...{ lost, catalog: () => ageOf(cache, reader.clock()) },
        gauges: async () => [...fillGauges(cache), ...(await gauges().catch(() => []))],
        isKnown: (app, channel) => knows(cache, app, channel),
      })
    : undefined
  const sinks = [stored, metrics].flatMap((one) => one?.sink ?? [])
  return {
    name: 'fleet',
    sink: fanOut(sinks as [EventSink, ...EventSink[]]),
    mount: (app) => {
      if (metrics === undefined) return
      const headers = { 'content-type': metrics.contentType, 'cache-control': 'no-store' }
      app.get('/metrics', async (c) => c.body(await metrics.render(), 200, headers))
      app.all('/metrics', (c) => refuseMethod(c, 'GET, HEAD'))
    },
    close: async () => stored?.close(),
  }
}

function knows({ apps }: CatalogCache, app: string, channel: string): boolean {
  const index = apps.get(app)
  return index !== undefined && (index.channels.has(channel) || index.aliases.has(channel))
}

const ageOf = ({ state, checkedAt }: CatalogCache, now: number) =>
  state && { ageSeconds: (now - checkedAt) / 1000, expiresAt: state.catalog.expiresMs / 1000 }

function fillGauges({ state }: CatalogCache): readonly Gauge[] {
  if (state === undefined) return []
  const { catalog, size } = state.catalog
  const sizes = Object.values(catalog.apps).flatMap(({ channels }) => Object.values(channels).map((one) => one.size))
  const largest = sizes.reduce((most, one) => Math.max(most, one), 0)
  const fills = { catalog: fillOf('catalog', size), manifest: fillOf('manifest', largest) }
  const help = 'How much of what publishing may use is used: by the catalog, and by the largest manifest. 1 is full.'
  return [{ name: 'platte_document_fill_ratio', help, label: 'document', values: new Map(Object.entries(fills)) }]
}

/** The age at which a batch is written. */
const batchMs = 60_000
/** The characters at which a batch is written. Lines are never cut; a character has at most four bytes. */
const batchAt = 128 * 1024
/** Held characters beyond which events are lost, as when the store hangs. */
const holdAtMost = 2 * 1024 * 1024
const closeMs = 5_000

interface Batch {
  readonly began: number
  readonly lines: string[]
  size: number
}

interface Writing extends Pick<StoreReader, 'clock' | 'log'> {
  readonly documents: Pick<Documents, 'create'>
  readonly random: Random
}

/** Failed batches are lost and counted. `close` writes what is held, and resolves after 5 seconds at the latest. */
export function storeEvents(writing: Writing) {
  const waiting: Batch[] = []
  const { write, lose, lost } = batchWriter(writing)
  let held = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let writer: Promise<void> | undefined

  const writeAll = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      await write(batch)
      held -= batch.size
    }
    writer = undefined
  }
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    // With nothing to write, writeAll would end before `writer` is set, and never clear it.
    if (waiting.length > 0) writer ??= writeAll()
  }
  const sink: EventSink = (event) => {
    if (held > holdAtMost) return lose(1)
    const now = writing.clock()
    const line = logLine(now, event)
    const batch = openBatch(waiting, now)
    batch.lines.push(line)
    batch.size += line.length
    held += line.length
    if (batch.size >= batchAt) return flush()
    if (timer !== undefined) return
    timer = setTimeout(flush, batchMs)
    // Events never keep a process alive.
    if (typeof timer === 'object') timer.unref()
  }
  const close = async (): Promise<void> => {
    flush()
    await Promise.race([writer, new Promise((resolve) => setTimeout(resolve, closeMs))])
  }
  return { sink, lost, close }
}

function openBatch(waiting: Batch[], now: number): Batch {
  const newest = waiting.at(-1)
  if (newest !== undefined && newest.size < batchAt) return newest
  const batch = { began: now, lines: [], size: 0 }
  waiting.push(batch)
  return batch
}

/** Writes batches, and counts lost lines; the next batch reports them. */
function batchWriter({ documents, clock, random, log }: Writing) {
  let [lost, unreported] = [0, 0]
  const lose = (count: number): void => {
    lost += count
    unreported += count
  }
  const write = async ({ began, lines }: Batch): Promise<void> => {
    const reported = unreported
    const notice = reported === 0 ? [] : [logLine(clock(), { level: 'warn', event: 'events', lostLines: reported })]
    const bytes = new TextEncoder().encode([...notice, ...lines].join(''))
    for (const attempt of [1, 2]) {
      try {
        await documents.create(eventsKey(began, Math.floor(random() * 2 ** 32)), bytes)
        unreported -= reported
        return
      } catch (error) {
        log({ level: 'warn', event: 'events', ...describeError(error), attempt })
      }
    }
    lose(lines.length)
  }
  return { write, lose, lost: () => lost }
}
