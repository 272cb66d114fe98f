/** What every handler is given. */
import type { Context, Hono } from 'hono'
import type { Background, CatalogCache } from '../catalog/cache.ts'
import type { StoreReader } from '../catalog/read.ts'
import type { RequestIds } from '../http/request-id.ts'
import type { Locking } from '../locks/store.ts'
import type { Packages } from '../store/packages.ts'
import type { EventSink } from './events.ts'
import type { OmahaAppRequest } from './omaha/omaha.ts'
import type { Answering } from './update-check.ts'

/** Who may ask for explanations: everybody, who is then not told who is on a list of machines, or who shows the token. */
export type ExplainAccess = 'public' | { readonly token: string }

/** Adds routes to the app. */
export type Routes = (app: Hono) => void

/** What somebody wants to do, and where. */
export interface Intent {
  /** Such as `publish`. */
  readonly action: string
  readonly app: string
  readonly channel: string
}

/**
 * Decides whether who sent a request may do what it wants.
 * @param body all of the request's bytes: what allows it may be bound to them.
 * @throws PlatteError where not.
 */
export type Authorize = (request: Request, wanted: Intent, body: Uint8Array) => Promise<void>
/** Answers what is neither a check nor a document; `undefined` for what is none of its own. */
export type Pages = (serving: Serving, context: Context) => Promise<Response | undefined>

/** Numbers about checks, as text. */
export interface Numbers {
  render(): Promise<string>
  readonly contentType: string
}

/** Who may ask for reboot locks: a token that lets read, or also write. */
export interface LockToken {
  readonly scope: 'read' | 'write'
  readonly token: string
}

/** What it takes to give machines their turn to reboot. */
export interface Locks {
  readonly locking: Locking
  /** Without any, whoever reaches this may read and write. */
  readonly tokens: readonly LockToken[]
  /** The group of the machines of a channel, by `app/channel`. */
  readonly channels: ReadonlyMap<string, string>
}

/** Reboot locks as the endpoint answers them. */
export interface LockEndpoint {
  /** Adds their routes. */
  readonly mount: (app: Hono, serving: Serving) => void
  /** Is told of machines that ask for updates: what they report may free a semaphore. Never throws. */
  readonly note: (
    serving: Serving,
    service: Answering,
    noted: { readonly apps: readonly OmahaAppRequest[]; readonly ids: RequestIds },
  ) => Promise<void>
}

/** What it takes to serve; one for each process. */
export interface Serving {
  readonly cache: CatalogCache
  readonly reader: StoreReader
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
  /** Reboot locks; `undefined`: there are none here. */
  readonly locks?: LockEndpoint | undefined
  /** The app whose channels have files under its channels' plain names; without it none has. */
  readonly app?: string | undefined
  /** Pages and feeds for people; `undefined`: there are none. */
  readonly pages?: Pages | undefined
  /** How work outlives this request, where the runtime can. */
  readonly background: (context: Pick<Context, 'executionCtx'>) => Background
}

/** The service behind one request. */
export const answering = ({ cache, reader, background }: Serving, context: Context): Answering => ({
  cache,
  reader,
  background: background(context),
})
