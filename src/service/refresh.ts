/** Keeps the catalog young, and rolls it forward to what was committed: the only thing that a deployment does by itself. */
import type { Catalog } from '../documents/catalog.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { channelKey } from '../documents/paths.ts'
import { type ErrorCode, PlatteError } from '../errors.ts'
import { type CatalogState, channelEntry, type Place, placesOf } from './reading.ts'
import { type CatalogOptions, editCatalog, loadHead, nameHead, type Writing } from './writing.ts'

export interface RefreshResult {
  /** `unchanged`: young enough, and nothing newer was committed. */
  readonly kind: 'refreshed' | 'unchanged'
  readonly expires: string
  /** Channels that went forward. */
  readonly rolled: readonly Place[]
  /** One sentence for each channel whose newest manifest cannot be used; the catalog goes on naming the one before. */
  readonly problems: readonly string[]
}

/** How much of a store one look takes in. */
export interface Slice {
  /** Counts the looks; any number of them may be left out in between. */
  readonly turn: number
  /** At most so many channels that the catalog names, and so many that it does not. */
  readonly most: number
}

export interface RefreshOptions extends CatalogOptions {
  /** Looks only at some channels, and only whether one has a newer manifest: for schedules, whose every look is bounded. */
  readonly slice?: Slice
}

/** Failures of the store, which say nothing about a channel. */
export const storeFailures: readonly ErrorCode[] = ['store-unavailable', 'forbidden', 'conflict']

/**
 * Signs the catalog again when a third of its validity has passed, a newer manifest or a newer root exists, or always
 * where `force` says so, also one that is expired or of the future. A channel that cannot be used holds up no other.
 * @throws PlatteError('credentials') without the timestamp key, where something is to be signed; 'expired', 'rollback'.
 */
export async function refresh(writing: Writing, options: RefreshOptions = {}): Promise<RefreshResult> {
  let rolled: Place[] = []
  let problems: string[] = []
  const refreshed = async (current: Catalog, state: CatalogState): Promise<Catalog> => {
    rolled = []
    problems = []
    let edited = current
    for (const place of sliceOf(await allPlaces(writing, current), current, options.slice)) {
      if (options.slice && !(await hasNewer(writing, current, place))) continue
      const head = await loadHead(writing, state, place).catch((error: unknown) => {
        problems.push(problemOf(error))
        return undefined
      })
      const next = head ? nameHead(edited, place, head) : edited
      if (next !== edited) rolled.push(place)
      edited = next
    }
    return edited === current && (options.force || isDue(state, writing.clock())) ? { ...current } : edited
  }
  const { catalog, written } = await editCatalog(writing, refreshed, options)
  for (const problem of problems) writing.log({ level: 'error', event: 'refresh', problem })
  return { kind: written ? 'refreshed' : 'unchanged', expires: catalog.expires, rolled, problems }
}

/** @throws what is no problem of one channel. */
function problemOf(error: unknown): string {
  if (error instanceof PlatteError && !storeFailures.includes(error.code)) return error.message
  throw error
}

/** The catalog's channels, and those that were committed but never named where the store can list them. */
export async function allPlaces({ documents }: Writing, catalog: Catalog): Promise<readonly Place[]> {
  const names = new Set(placesOf(catalog).map(({ app, channel }) => `${app}/${channel}`))
  for await (const app of documents.folders?.('apps/') ?? [])
    for await (const channel of documents.folders?.(`apps/${app}/`) ?? []) names.add(`${app}/${channel}`)
  return [...names].sort().map((name) => {
    const [app = '', channel = ''] = name.split('/')
    return { app, channel }
  })
}

function sliceOf(places: readonly Place[], catalog: Catalog, slice: Slice | undefined): readonly Place[] {
  if (slice === undefined) return places
  const isNamed = ({ app, channel }: Place) => channelEntry(catalog, app, channel) !== undefined
  return [
    ...turnOf(
      places.filter((place) => !isNamed(place)),
      slice,
    ),
    ...turnOf(places.filter(isNamed), slice),
  ]
}

/** Steps of the golden ratio: whichever turns a schedule leaves out, a few rounds come by every item. */
function turnOf<T>(items: readonly T[], { turn, most }: Slice): readonly T[] {
  const start = Math.floor((((turn * (Math.sqrt(5) - 1)) / 2) % 1) * items.length)
  return [...items.slice(start), ...items.slice(0, start)].slice(0, most)
}

/** Whether a manifest was committed that the catalog does not name: one look at one key. */
async function hasNewer({ documents }: Writing, catalog: Catalog, { app, channel }: Place): Promise<boolean> {
  const seq = channelEntry(catalog, app, channel)?.seq ?? 0
  return (await documents.get(channelKey(app, channel, seq + 1), maxChannelBytes)) !== undefined
}

function isDue({ catalog, root }: CatalogState, now: number): boolean {
  const third = (catalog.expiresMs - catalog.issuedAtMs) / 3
  return now >= catalog.issuedAtMs + third || root.root.version > catalog.catalog.root
}
