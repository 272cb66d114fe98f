/** Renews the catalog and rolls it forward to what was committed. A deployment does nothing else by itself. */
import type { Catalog } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import { describeError } from '../kernel/log.ts'
import { storeFailures } from './channels.ts'
import { loadHead } from './commit-channel.ts'
import { type CatalogOptions, editCatalog, nameHead } from './edit-catalog.ts'
import { type CatalogState, type ChannelRef, channelEntry, channelRefsOf } from './read.ts'
import type { StoreWriter } from './write.ts'

export interface RefreshResult {
  /** `unchanged`: not due, and nothing newer was committed. */
  readonly kind: 'refreshed' | 'unchanged'
  readonly expires: string
  /** Channels that went forward. */
  readonly rolled: readonly ChannelRef[]
  /** One sentence for each channel whose newest manifest cannot be used; the catalog keeps naming the one before. */
  readonly problems: readonly string[]
}

/** Bounds of one pass of a schedule. */
export interface Slice {
  /** Counts the passes; some may be skipped. */
  readonly turn: number
  /** The most channels that the catalog names, that it does not name, and the most apps that are listed for those. */
  readonly most: number
  /** The most channels of either kind that are opened because they have something newer. */
  readonly opens: number
}

export interface RefreshOptions extends CatalogOptions {
  /** Reads some channels only, and opens those with a newer manifest: for schedules. */
  readonly slice?: Slice
  readonly only?: ChannelRef | undefined
}

/** The most manifests that a pass goes forward in one channel: a pipeline may have committed many. */
const stepsAtMost = 5

/**
 * Signs the catalog again when a third of its validity has passed, or a newer manifest or root exists. `force` always
 * signs, also an expired one or one of the future. A channel that cannot be used does not stop the others.
 * @throws PlatteError('credentials') without the timestamp key, where something is to be signed; 'expired', 'rollback'.
 */
export async function refresh(writer: StoreWriter, options: RefreshOptions = {}): Promise<RefreshResult> {
  let rolled: ChannelRef[] = []
  let failures: PlatteError[] = []
  const refreshed = async (current: Catalog, state: CatalogState): Promise<Catalog> => {
    rolled = []
    failures = []
    let edited = current
    const isToSign = options.force || isDue(state, writer.clock())
    // Renewal must not wait for what lies in the store: newer manifests are read in the next pass.
    if (options.slice && isToSign) return { ...current }
    const steps = (options.slice ?? options.only) && { steps: stepsAtMost }
    for await (const ref of options.only ? [options.only] : refsToOpen(writer, current, options.slice)) {
      try {
        const head = await loadHead(writer, state, ref, steps)
        const next = head ? nameHead(edited, ref, head, writer.clock()) : edited
        if (next !== edited) rolled.push(ref)
        edited = next
      } catch (error) {
        failures.push(channelFailure(error))
      }
    }
    return edited === current && isToSign ? { ...current } : edited
  }
  const { catalog, written } = await editCatalog(writer, refreshed, options)
  for (const failure of failures) writer.log({ level: 'error', event: 'refresh', ...describeError(failure) })
  return {
    kind: written ? 'refreshed' : 'unchanged',
    expires: catalog.expires,
    rolled,
    problems: failures.map(messageOf),
  }
}

/** @throws everything but a problem of one channel. */
function channelFailure(error: unknown): PlatteError {
  if (error instanceof PlatteError && !storeFailures.includes(error.code)) return error
  throw error
}

/** The catalog's channels, and, where the store can list, those that were committed but never named. */
export async function allChannelRefs(
  { documents }: StoreWriter,
  catalog: Catalog,
  slice?: Slice,
): Promise<readonly ChannelRef[]> {
  const names = new Set(channelRefsOf(catalog).map(({ app, channel }) => `${app}/${channel}`))
  const apps: string[] = []
  for await (const app of documents.folders?.('apps/') ?? []) apps.push(app)
  for (const app of slice ? turnOf(apps, slice) : apps)
    for await (const channel of documents.folders?.(`apps/${app}/`) ?? []) names.add(`${app}/${channel}`)
  return [...names].sort().map((name) => {
    const [app = '', channel = ''] = name.split('/')
    return { app, channel }
  })
}

/** Every channel; in a slice, those with something newer, the unnamed ones first. */
async function* refsToOpen(writer: StoreWriter, catalog: Catalog, slice: Slice | undefined): AsyncIterable<ChannelRef> {
  const refs = await allChannelRefs(writer, catalog, slice)
  if (slice === undefined) return yield* refs
  const isNamed = ({ app, channel }: ChannelRef) => channelEntry(catalog, app, channel) !== undefined
  for (const kind of [refs.filter((ref) => !isNamed(ref)), refs.filter(isNamed)]) {
    let opened = 0
    for (const ref of turnOf(kind, slice)) {
      if (opened === slice.opens) break
      if (!(await hasNewer(writer, catalog, ref))) continue
      opened++
      yield ref
    }
  }
}

/** Steps of the golden ratio reach every item in a few rounds, whichever turns a schedule skips. */
function turnOf<T>(items: readonly T[], { turn, most }: Slice): readonly T[] {
  const start = Math.floor((((turn * (Math.sqrt(5) - 1)) / 2) % 1) * items.length)
  return [...items.slice(start), ...items.slice(0, start)].slice(0, most)
}

/** Whether there is a next manifest. Opening it finds out whether it is good. */
async function hasNewer({ documents }: StoreWriter, catalog: Catalog, { app, channel }: ChannelRef): Promise<boolean> {
  const seq = channelEntry(catalog, app, channel)?.seq ?? 0
  return documents.get(channelKey(app, channel, seq + 1), maxChannelBytes).then(
    (found) => found !== undefined,
    (error: unknown) => channelFailure(error) !== undefined,
  )
}

function isDue({ catalog, root }: CatalogState, now: number): boolean {
  const third = (catalog.expiresMs - catalog.issuedAtMs) / 3
  return now >= catalog.issuedAtMs + third || root.root.version > catalog.catalog.root
}
