/** Answers what a machine gets, from the verified catalog. Everything here answers at once where the cache is fresh. */
import { type Background, type CatalogCache, currentCatalog, findChannel } from '../catalog/cache.ts'
import type { LoadedChannel, Problem } from '../catalog/channels.ts'
import { findPackages } from '../catalog/details.ts'
import type { ChannelRef, StoreReader } from '../catalog/read.ts'
import type { Instant } from '../kernel/clock.ts'
import { after, type MaybePromise } from '../kernel/maybe-promise.ts'
import { type BoardPackages, isImage, payloadOf, type Scheme } from '../release/channel.ts'
import { boardNameOf, type Check, type Decision, decide } from '../release/decide.ts'
import { compareVersions, parseVersion } from '../release/version.ts'

/** One machine's question. */
export interface Query extends Check {
  /** The app's key: its id without braces, in lower case. */
  readonly app: string
  /** What the client calls its channel; only ever looked up. */
  readonly channel: string
  /** Of a machine that installs images: it reads the graph. */
  readonly scheme?: Scheme
  /** The version of the browser that it is in, where that is known. */
  readonly browser?: string | undefined
}

/** Channels read for one request: a Worker may ask a store 50 times. */
export const readAtMost = 20

/** What it takes to answer checks; one for each process. */
export interface Answering {
  readonly cache: CatalogCache
  readonly reader: StoreReader
  readonly background: Background
  readonly review?: Review | undefined
}

/** May withhold from one machine what was decided for it, and never offers anything. Returns at once, never throws. */
export type Review = (query: Query, decision: Decision, now: Instant) => Decision

type NoUpdate = Exclude<Decision, { kind: 'update' }>

/** A decision, and the packages that are offered. */
export type Checked = NoUpdate | Offered
type Offered = Exclude<Decision, NoUpdate> & { readonly packages: BoardPackages }

/**
 * Decides one query, as of its arrival. A channel that cannot be used, or details that cannot be had, are a reason for no
 * update. Never throws.
 */
export function checkForUpdate(answering: Answering, query: Query): MaybePromise<Checked> {
  const now = answering.reader.clock()
  return after(findFor(answering, query, now), (channel) =>
    'view' in channel
      ? requirePackages(answering, query, decideFor(answering, query, channel, now))
      : noUpdateBecause(channel),
  )
}

/** As features of this deployment see it, too. */
export function decideFor({ review }: Answering, query: Query, { view }: LoadedChannel, now: Instant): Decision {
  const decision = decide(query, view, now)
  return review?.(query, decision, now) ?? decision
}

/** What is offered only with its packages. */
export function requirePackages(answering: Answering, query: Query, decision: Decision): MaybePromise<Checked> {
  if (decision.kind === 'no-update') return decision
  const { kind, offer } = decision
  return after(findPackages(answering, { app: query.app, board: boardNameOf(query) }, offer), (packages) =>
    'reason' in packages
      ? { ...noUpdateBecause(packages), candidate: offer }
      : forBrowser({ kind, offer, packages }, query.browser),
  )
}

/** Machines that read the graph are offered only what has an image of their scheme; of any, where it is not known. */
export function requireImage(decision: Decision, scheme?: Scheme): Decision {
  if (decision.kind === 'no-update') return decision
  const { packages } = decision.offer
  const isThere = scheme === undefined ? isImage(packages) : payloadOf(packages, scheme) !== undefined
  return isThere ? decision : { kind: 'no-update', reason: 'no-package', candidate: decision.offer }
}

/** A browser that is too old would download the package again and again, and install it never. */
function forBrowser(decision: Offered, browser = ''): Checked {
  const least = decision.packages.packages[0].install?.minBrowser
  const [has, needs] = [parseVersion(browser), parseVersion(least ?? '')]
  if (has === undefined || compareVersions(has, needs) >= 0) return decision
  const because = `it needs version ${least} of the browser`
  return { kind: 'no-update', reason: 'target', candidate: decision.offer, because }
}

/** What keeps a query from being decided, as a decision. */
export function noUpdateBecause({ reason, message }: Problem): NoUpdate {
  return { kind: 'no-update', reason, ...(message && { because: message }) }
}

/** The channel that a query means, ready for deciding, or the reason without one. Never throws. */
export const findFor = (
  { cache, reader, background }: Answering,
  query: ChannelRef,
  now = reader.clock(),
): MaybePromise<LoadedChannel | Problem> =>
  after(currentCatalog(cache, reader, background, now), (state) =>
    'reason' in state ? state : findChannel(cache, reader, query, now),
  )

/** A query as the channel has packages for it: those of its platform's board, or of `any` where there is no such board. */
export const onBoard = (answering: Answering, query: Query): MaybePromise<Query> =>
  after(findFor(answering, query), (channel) => boardOf(channel, query))

export const boardOf = (channel: LoadedChannel | Problem, query: Query): Query =>
  'view' in channel && !channel.view.boards.has(query.board) ? { ...query, board: 'any' } : query

/** Boards of browsers and desktop software. */
export const isPlatform = (board: string): boolean =>
  /^(win|mac|linux|cros|android|ios|fuchsia)-(x64|x86|arm64|arm)$/.test(board)

/** The key of an app for an Omaha id: without braces, in lower case. */
export function appKey(appId: string): string {
  const inner = appId.startsWith('{') && appId.endsWith('}') ? appId.slice(1, -1) : appId
  return inner.toLowerCase()
}
