/** Keeps the catalog young, and rolls it forward to what was committed: the only thing that a deployment does by itself. */
import type { Catalog } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import { type ErrorCode, PlatteError } from '../kernel/errors.ts'
import { loadHead } from './commit-channel.ts'
import { type CatalogOptions, editCatalog, nameHead, notAhead } from './edit-catalog.ts'
import { type CatalogState, type ChannelRef, channelEntry, channelRefsOf } from './read.ts'
import type { StoreWriter } from './write.ts'

export interface RefreshResult {
  /** `unchanged`: young enough, and nothing newer was committed. */
  readonly kind: 'refreshed' | 'unchanged'
  readonly expires: string
  /** Channels that went forward. */
  readonly rolled: readonly ChannelRef[]
  /** One sentence for each channel whose newest manifest cannot be used; the catalog goes on naming the one before. */
  readonly problems: readonly string[]
}

/** How much of a store one look takes in. */
export interface Slice {
  /** Counts the looks; any number of them may be left out in between. */
  readonly turn: number
  /** At most so many channels that the catalog names, so many that it does not, and so many apps that may have such. */
  readonly most: number
  /** At most so many of either kind are opened because they have something newer; the others are left to later looks. */
  readonly opens: number
}

export interface RefreshOptions extends CatalogOptions {
  /** Looks only at some channels, and only whether one has a newer manifest: for schedules, whose every look is bounded. */
  readonly slice?: Slice
  /** Looks only at this channel. */
  readonly only?: ChannelRef | undefined
}

/** So many manifests a slice goes forward in one channel: a pipeline may have committed many since the last look. */
const stepsAtMost = 5

/** Failures of the store, which say nothing about a channel. */
export const storeFailures: readonly ErrorCode[] = ['store-unavailable', 'forbidden', 'conflict']

/**
 * Signs the catalog again when a third of its validity has passed, a newer manifest or a newer root exists, or always
 * where `force` says so, also one that is expired or of the future. A channel that cannot be used holds up no other.
 * @throws PlatteError('credentials') without the timestamp key, where something is to be signed; 'expired', 'rollback'.
 */
export async function refresh(writer: StoreWriter, options: RefreshOptions = {}): Promise<RefreshResult> {
  let rolled: ChannelRef[] = []
  let problems: string[] = []
  const refreshed = async (current: Catalog, state: CatalogState): Promise<Catalog> => {
    rolled = []
    problems = []
    let edited = current
    const isToSign = options.force || isDue(state, writer.clock())
    // Whatever lies in the store must not keep a catalog from being signed in time: what is newer waits for the next look.
    if (options.slice && isToSign) return { ...current }
    const steps = (options.slice ?? options.only) && { steps: stepsAtMost }
    for await (const ref of options.only ? [options.only] : placesToOpen(writer, current, options.slice)) {
      const head = await loadHead(writer, state, ref, steps)
        .then((found) => found && notAhead(found, ref, writer.clock()))
        .catch((error: unknown) => {
          problems.push(problemOf(error))
          return undefined
        })
      const next = head ? nameHead(edited, ref, head) : edited
      if (next !== edited) rolled.push(ref)
      edited = next
    }
    return edited === current && isToSign ? { ...current } : edited
  }
  const { catalog, written } = await editCatalog(writer, refreshed, options)
  for (const problem of problems) writer.log({ level: 'error', event: 'refresh', problem })
  return { kind: written ? 'refreshed' : 'unchanged', expires: catalog.expires, rolled, problems }
}

/** @throws what is no problem of one channel. */
function problemOf(error: unknown): string {
  if (error instanceof PlatteError && !storeFailures.includes(error.code)) return error.message
  throw error
}

/** The catalog's channels, and those that were committed but never named where the store can list them. */
export async function allChannelRefs(
  { documents }: StoreWriter,
  catalog: Catalog,
  slice?: Slice | undefined,
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

/** Every channel; of a slice those that have something newer, first those that the catalog does not name. */
async function* placesToOpen(
  writer: StoreWriter,
  catalog: Catalog,
  slice: Slice | undefined,
): AsyncIterable<ChannelRef> {
  const places = await allChannelRefs(writer, catalog, slice)
  if (slice === undefined) return yield* places
  const isNamed = ({ app, channel }: ChannelRef) => channelEntry(catalog, app, channel) !== undefined
  for (const kind of [places.filter((ref) => !isNamed(ref)), places.filter(isNamed)]) {
    let opened = 0
    for (const ref of turnOf(kind, slice)) {
      if (opened === slice.opens) break
      if (!(await hasNewer(writer, catalog, ref))) continue
      opened++
      yield ref
    }
  }
}

/** Steps of the golden ratio: whichever turns a schedule leaves out, a few rounds come by every item. */
function turnOf<T>(items: readonly T[], { turn, most }: Slice): readonly T[] {
  const start = Math.floor((((turn * (Math.sqrt(5) - 1)) / 2) % 1) * items.length)
  return [...items.slice(start), ...items.slice(0, start)].slice(0, most)
}

/**
 * Whether something was put where the next manifest belongs: one look at one key. What is no manifest at all, or lies in
 * a folder that is no channel's, counts too: opening it says so, and holds up no other.
 */
async function hasNewer({ documents }: StoreWriter, catalog: Catalog, { app, channel }: ChannelRef): Promise<boolean> {
  const seq = channelEntry(catalog, app, channel)?.seq ?? 0
  try {
    return (await documents.get(channelKey(app, channel, seq + 1), maxChannelBytes)) !== undefined
  } catch (error) {
    return problemOf(error) !== undefined
  }
}

function isDue({ catalog, root }: CatalogState, now: number): boolean {
  const third = (catalog.expiresMs - catalog.issuedAtMs) / 3
  return now >= catalog.issuedAtMs + third || root.root.version > catalog.catalog.root
}
