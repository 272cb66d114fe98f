/** Keeps the catalog young, and rolls it forward to what was committed: the only thing that a deployment does by itself. */
import type { Catalog } from '../documents/catalog.ts'
import { type ErrorCode, PlatteError } from '../errors.ts'
import { type CatalogState, type Place, placesOf } from './reading.ts'
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

/** Failures of the store, which say nothing about a channel. */
export const storeFailures: readonly ErrorCode[] = ['store-unavailable', 'forbidden', 'conflict']

/**
 * Signs the catalog again when a third of its validity has passed, a newer manifest or a newer root exists, or always
 * where `force` says so, also one that is expired or of the future. A channel that cannot be used holds up no other.
 * @throws PlatteError('credentials') without the timestamp key, where something is to be signed; 'expired', 'rollback'.
 */
export async function refresh(writing: Writing, options: CatalogOptions = {}): Promise<RefreshResult> {
  let rolled: Place[] = []
  let problems: string[] = []
  const refreshed = async (current: Catalog, state: CatalogState): Promise<Catalog> => {
    rolled = []
    problems = []
    let edited = current
    for (const place of await allPlaces(writing, current)) {
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

const manifestKey = /^apps\/([^/]+)\/([^/]+)\/\d{10,}\.jws$/

/** The catalog's channels, and those that were committed but never named where the store can list them. */
export async function allPlaces({ documents }: Writing, catalog: Catalog): Promise<readonly Place[]> {
  const names = new Set(placesOf(catalog).map(({ app, channel }) => `${app}/${channel}`))
  for await (const key of documents.list?.('apps/') ?? []) {
    const [, app, channel] = manifestKey.exec(key) ?? []
    if (app !== undefined) names.add(`${app}/${channel}`)
  }
  return [...names].sort().map((name) => {
    const [app = '', channel = ''] = name.split('/')
    return { app, channel }
  })
}

function isDue({ catalog, root }: CatalogState, now: number): boolean {
  const third = (catalog.expiresMs - catalog.issuedAtMs) / 3
  return now >= catalog.issuedAtMs + third || root.root.version > catalog.catalog.root
}
