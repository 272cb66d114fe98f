/** What every handler is given. */
import type { Context } from 'hono'
import type { EventSink } from '../ports/events.ts'
import type { Packages } from '../ports/packages.ts'
import type { Background, CatalogCache } from '../service/catalog-cache.ts'
import type { Reading } from '../service/reading.ts'
import type { Answering } from '../service/update-check.ts'

/** Who may ask for explanations: everybody, who is then not told who is on a list of machines, or who shows the token. */
export type ExplainAccess = 'public' | { readonly token: string }

/** Answers what is neither a check nor a document; `undefined` for what is none of its own. */
export type Pages = (serving: Serving, context: Context) => Promise<Response | undefined>

/** Numbers about checks, as text. */
export interface Numbers {
  render(): Promise<string>
  readonly contentType: string
}

/** What it takes to serve; one for each process. */
export interface Serving {
  readonly cache: CatalogCache
  readonly reading: Reading
  readonly packages: Packages
  /** Is told of every check, and of every event that machines send. */
  readonly events: EventSink
  /** Numbers for who collects them; `undefined`: they are not told. */
  readonly metrics?: Numbers | undefined
  /** Where clients reach this deployment, without a "/" at the end. Never taken from a request. */
  readonly publicUrl: string
  /** Where else clients find packages under their keys, without a "/" at the end; without it they are streamed from here. */
  readonly packagesUrl?: string | undefined
  /** Who may ask for explanations; `undefined`: nobody. */
  readonly explain?: ExplainAccess | undefined
  /** The app whose channels have files under its channels' plain names; without it none has. */
  readonly app?: string | undefined
  /** Pages and feeds for people; `undefined`: there are none. */
  readonly pages?: Pages | undefined
  /** How work outlives this request, where the runtime can. */
  readonly background: (context: Context) => Background
}

/** The service behind one request. */
export const answering = ({ cache, reading, background }: Serving, context: Context): Answering => ({
  cache,
  reading,
  background: background(context),
})
