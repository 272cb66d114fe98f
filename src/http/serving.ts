/** What every handler is given. */
import type { Context } from 'hono'
import type { Packages } from '../ports/packages.ts'
import type { Background, CatalogCache } from '../service/catalog-cache.ts'
import type { Reading } from '../service/reading.ts'
import type { Answering } from '../service/update-check.ts'

/** What it takes to serve; one for each process. */
export interface Serving {
  readonly cache: CatalogCache
  readonly reading: Reading
  readonly packages: Packages
  /** Where clients reach this deployment, without a "/" at the end. Never taken from a request. */
  readonly publicUrl: string
  /** Where else clients find packages under their keys, without a "/" at the end; without it they are streamed from here. */
  readonly packagesUrl?: string | undefined
  /** How work outlives this request, where the runtime can. */
  readonly background: (context: Context) => Background
}

/** The service behind one request. */
export const answering = ({ cache, reading, background }: Serving, context: Context): Answering => ({
  cache,
  reading,
  background: background(context),
})
