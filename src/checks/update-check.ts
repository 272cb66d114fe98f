/** Answers what a machine gets, from the verified catalog. */

import { type Background, type CatalogCache, currentCatalog, findChannel, freshChannel } from '../catalog/cache.ts'
import type { LoadedChannel, Problem } from '../catalog/channels.ts'
import type { ChannelRef, StoreReader } from '../catalog/read.ts'
import { type Check, type Decision, decide } from '../release/decide.ts'
import { type UpgradePath, upgradePathOf } from '../release/upgrade-path.ts'

/** One machine's question. */
export interface Query extends Check {
  /** The app's key: its id without braces, in lower case. */
  readonly app: string
  /** What the client calls its channel; only ever looked up. */
  readonly channel: string
}

/** What it takes to answer checks; one for each process. */
export interface Answering {
  readonly cache: CatalogCache
  readonly reader: StoreReader
  readonly background: Background
}

/** Decides one query; whatever keeps it from being decided is a reason for no update. Never throws. */
export async function checkForUpdate(answering: Answering, query: Query): Promise<Decision> {
  const channel = await findFor(answering, query)
  return 'view' in channel ? decide(query, channel.view, answering.reader.clock()) : noUpdateBecause(channel)
}

/** All that a machine would be offered one after the other. Never throws. */
export async function upgradePathForSyncer(
  answering: Answering,
  query: Query,
): Promise<UpgradePath | Exclude<Decision, { kind: 'update' }>> {
  const channel = await findFor(answering, query)
  return 'view' in channel ? upgradePathOf(query, channel.view, answering.reader.clock()) : noUpdateBecause(channel)
}

/** What keeps a query from being decided, as a decision. */
export const noUpdateBecause = ({ reason, message }: Problem): Exclude<Decision, { kind: 'update' }> => ({
  kind: 'no-update',
  reason,
  ...(message && { because: message }),
})

/**
 * Decides as `checkForUpdate` does, without a promise.
 * @returns `undefined` where the store has to be asked first.
 */
export function decideAtOnce({ cache, reader }: Answering, query: Query): Decision | undefined {
  const now = reader.clock()
  const channel = freshChannel(cache, now, query)
  return channel && decide(query, channel.view, now)
}

/** The channel that a query means, ready for deciding, or why there is none. Never throws. */
export async function findFor(
  { cache, reader, background }: Answering,
  query: ChannelRef,
): Promise<LoadedChannel | Problem> {
  const state = await currentCatalog(cache, reader, background)
  return 'reason' in state ? state : findChannel(cache, reader, query)
}

/** The key of an app for an Omaha id: without braces, in lower case. */
export function appKey(appId: string): string {
  const inner = appId.startsWith('{') && appId.endsWith('}') ? appId.slice(1, -1) : appId
  return inner.toLowerCase()
}
