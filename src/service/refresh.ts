/** Keeps the catalog young, and rolls it forward to what was committed: the only thing that a deployment does by itself. */
import type { Catalog } from '../documents/catalog.ts'
import { type CatalogState, type Place, placesOf } from './reading.ts'
import { editCatalog, loadHead, nameHead, type Writing } from './writing.ts'

export interface RefreshResult {
  /** `unchanged`: young enough, and nothing newer was committed. */
  readonly kind: 'refreshed' | 'unchanged'
  readonly expires: string
  /** Channels that went forward. */
  readonly rolled: readonly Place[]
}

/**
 * Signs the catalog again when a third of its validity has passed, a newer manifest or a newer root exists, or always
 * where `force` says so.
 * @throws PlatteError('credentials') without the timestamp key, where something is to be signed.
 */
export async function refresh(writing: Writing, options: { readonly force?: boolean } = {}): Promise<RefreshResult> {
  let rolled: Place[] = []
  const { catalog, written } = await editCatalog(writing, async (current, state) => {
    rolled = []
    let edited = current
    for (const place of await candidates(writing, current)) {
      const head = await loadHead(writing, state, place)
      const next = head ? nameHead(edited, place, head) : edited
      if (next !== edited) rolled.push(place)
      edited = next
    }
    return edited === current && (options.force || isDue(state, writing.clock())) ? { ...current } : edited
  })
  return { kind: written ? 'refreshed' : 'unchanged', expires: catalog.expires, rolled }
}

/** The catalog's channels, and those that were committed but never named where the store can list them. */
async function candidates(writing: Writing, catalog: Catalog): Promise<readonly Place[]> {
  const names = new Set(placesOf(catalog).map(({ app, channel }) => `${app}/${channel}`))
  for await (const key of writing.documents.list?.('apps/') ?? []) names.add(key.split('/').slice(1, 3).join('/'))
  return [...names].sort().map((name) => {
    const [app = '', channel = ''] = name.split('/')
    return { app, channel }
  })
}

function isDue({ catalog, root }: CatalogState, now: number): boolean {
  const third = (catalog.expiresMs - catalog.issuedAtMs) / 3
  return now >= catalog.issuedAtMs + third || root.root.version > catalog.catalog.root
}
