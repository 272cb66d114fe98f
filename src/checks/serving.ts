/** What every handler gets, and what features add to it: each room that adds something exports one `Feature`. */
import type { Context, Hono } from 'hono'
import type { Background, CatalogCache } from '../catalog/cache.ts'
import type { StoreReader, StoreWriter } from '../catalog/read.ts'
import type { RequestIds } from '../http/request-id.ts'
import type { NewHasher } from '../kernel/hasher.ts'
import type { Log } from '../kernel/log.ts'
import type { MaybePromise } from '../kernel/maybe-promise.ts'
import type { Random } from '../kernel/random.ts'
import type { Transport } from '../store/http/transport.ts'
import type { Packages } from '../store/packages.ts'
import type { Uploads } from '../store/uploads.ts'
import type { Dialect } from './dialect.ts'
import type { EventSink, FleetEvent } from './events.ts'
import type { OmahaAppRequest } from './omaha/omaha.ts'
import type { Answering, Review } from './update-check.ts'

/** Who may ask for explanations: everyone, without learning who is on a list of machines, or holders of the token. */
export type ExplainAccess = 'public' | { readonly token: string }

export type Routes = (app: Hono) => void

/** Numbers of one kind, as they are now. */
export interface Gauge {
  readonly name: string
  readonly help: string
  readonly label?: string | readonly string[]
  /** By the value of the label; of several, by lines. A number without a label has one value, of no name. */
  readonly values: ReadonlyMap<string, number>
}

/** An update check, as features see it. */
type Noted = { readonly apps: readonly OmahaAppRequest[]; readonly ids: RequestIds }

/** Packages that nobody has verified: each is hashed while it is sent. */
export interface Upstream {
  readonly packages: Packages
  readonly newHasher: NewHasher
}

/** Headers that prove an answer. @param request its body, byte for byte. @param response its body, sent in UTF-8. */
export type Proving = (request: Uint8Array, response: string) => MaybePromise<Readonly<Record<string, string>>>

/**
 * Finds how to prove the answer to a request; `undefined` where its URL asks for no proof.
 * @throws PlatteError('bad-request') for a key that is not here; 'store-unavailable' before the root is known.
 */
export type Prover = (url: string, background: Background) => MaybePromise<Proving | undefined>

/** What came of a machine that asks for a reboot lock. */
export interface LockAsk {
  /**
   * `refused`, `looked`: it saw no slot, and `began`: a command of locksmith, which may look without a wish; `left`: it waits
   * no more.
   */
  readonly what: 'refused' | 'looked' | 'began' | 'left'
  readonly group: string
  /** The machine, or its address. */
  readonly id?: string | undefined
  readonly isAddress?: true
  readonly via: 'locksmith' | 'fleet-lock'
  /** Why it got none, as a word and in words. */
  readonly reason?: string
  readonly words?: string
}

/** What an open feature adds to a deployment. */
export interface Extension {
  readonly name: string
  readonly mount?: (app: Hono, serving: Serving) => void
  /** Runs before an update check is answered. Never throws. */
  readonly onCheck?: (serving: Serving, answering: Answering, noted: Noted) => Promise<void>
  readonly review?: Review | undefined
  readonly prover?: Prover
  /** Reads and answers update checks whose body begins with `{`. */
  readonly json?: Dialect
  /** Answers paths without a route; `undefined` where the path is not its own. */
  readonly fallback?: (serving: Serving, context: Context) => Promise<Response | undefined>
  /** Answers what nothing else answers; `undefined`: as a problem document. */
  readonly notFound?: (serving: Serving, context: Context) => Promise<Response | undefined>
  /** Changes every contact before anybody receives it, the log included. */
  readonly rewrite?: ((event: FleetEvent) => FleetEvent) | undefined
  /** Receives every contact. */
  readonly sink?: EventSink | undefined
  /** Sends what the store's own packages lack. */
  readonly upstream?: Upstream
  /** What is wrong, for health; empty where nothing is. */
  readonly problems?: () => Promise<readonly string[]>
  /** Read for each scrape of metrics. @param scrape names it to all features: what several measure is read once. */
  readonly gauges?: (scrape: object) => Promise<readonly Gauge[]>
  /** Runs after each scheduled refresh, with at most `most` documents. Never throws. */
  readonly onSchedule?: (writer: StoreWriter, most: number) => Promise<void>
  /** On Workers and Lambda, a schedule also runs this, with a key or without, for at most `most` documents. Never throws. */
  readonly onTick?: (most: number) => Promise<void>
  /** On Workers and Lambda, a schedule runs this instead of a refresh. Never throws. */
  readonly insteadOfRefresh?: (log: Log) => Promise<void>
  /** Gates of groups of reboot locks. */
  readonly lockGate?: {
    has(group: string): boolean
    /** Why the group gives no slot now, in words for its machines. Never throws. */
    ask(group: string): Promise<string | undefined>
  }
  /** Delivers what happens to the locks of groups. */
  readonly lockHook?: {
    /** The name by which this process claims deliveries; `undefined` for a group whose events it does not deliver. */
    claim(group: string): string | undefined
    /** Something happened. Without a background it waits for deliveries, for some seconds. Never throws. */
    wake(group: string, background: Background): MaybePromise<void>
  }
  /** Notes who waits for a reboot lock, for people. */
  readonly lockQueue?: {
    /** Never throws. */
    note(asked: LockAsk, background: Background): Promise<void>
  }
  /** Writes what is held, before the process ends. */
  readonly close?: () => Promise<void>
}

/** What features are built on. Packages are those of the store itself. */
export interface FeatureContext extends Pick<Serving, 'cache' | 'reader'>, Upstream {
  readonly random: Random
  /** How requests to other servers go out. */
  readonly transport: Transport
  /** The store with the keys that settings name. */
  readonly openWriter: () => Promise<StoreWriter>
  /** @throws PlatteError('configuration') for a store that takes no uploads. */
  readonly openUploads: () => Promise<Uploads>
  /** A short file of this machine. @throws Error where it is too long, or there are no files. */
  readonly readText: (file: string, maxBytes: number) => Promise<string>
  /** What the runtime binds, by name. */
  readonly bindings: Readonly<Record<string, unknown>>
  /** Of all features. */
  readonly gauges: () => Promise<readonly Gauge[]>
}

/** A feature, opened only where the settings that need it are on. What it loads, it loads there. */
export interface Feature<Settings> {
  readonly name: string
  /** @returns `undefined` where the settings do not want it. */
  readonly open: (settings: Settings, context: FeatureContext) => Promise<Extension | undefined>
}

/** What it takes to serve; one for each process. */
export interface Serving {
  readonly cache: CatalogCache
  readonly reader: StoreReader
  /** Verified copies; `undefined` where the store is somebody else's. */
  readonly packages: Packages | undefined
  /** Where packages come from that are no copies here. */
  readonly upstream?: Upstream | undefined
  /** Receives every contact of a machine. */
  readonly events: EventSink
  /** Where clients reach this deployment, without a "/" at the end. Never taken from a request. */
  readonly publicUrl: string
  /** Where else clients find packages under their keys, without a "/" at the end; without it this deployment sends them. */
  readonly packagesUrl?: string | undefined
  /** Who may ask for explanations; `undefined`: nobody. */
  readonly explain?: ExplainAccess | undefined
  /** The app whose channels have files under their plain names; without it none has. */
  readonly app?: string | undefined
  readonly review?: Review | undefined
  /** Of the features that are on. */
  readonly extensions?: readonly Extension[]
  /** How work outlives this request, where the runtime can. */
  readonly background: (context: Pick<Context, 'executionCtx'>) => Background
}

export const hasFeature = ({ extensions = [] }: Serving, name: string): boolean =>
  extensions.some((one) => one.name === name)

/** The service behind one request. */
export function answering({ cache, reader, review, background }: Serving, context: Context): Answering {
  return { cache, reader, review, background: background(context) }
}
