/** What pages and feeds show: the verified state that answers machines, and nothing beside it. Nothing here throws. */

import { currentCatalog, findChannel } from '../catalog/cache.ts'
import type { LoadedChannel, Problem } from '../catalog/channels.ts'
import { findProblems } from '../catalog/health.ts'
import { channelHistory, type HistoryEntry } from '../catalog/history.ts'
import { readDocument } from '../catalog/published-documents.ts'
import { type CatalogState, type ChannelRef, channelRefsOf } from '../catalog/read.ts'
import type { Answering } from '../checks/update-check.ts'
import { durationMs } from '../documents/fields.ts'
import { notesKey } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { type ChannelState, changedAt, readChannelState } from '../release/rollout-status.ts'

/** The deployment as a whole. */
export interface Status {
  readonly now: Instant
  /** Why nothing is offered at all, where that is so. */
  readonly problem: Problem | undefined
  /** What an operator should look at, in sentences that are fit for strangers. */
  readonly problems: readonly string[]
  /** The newest catalog that was verified, also when it has expired; `undefined`: none was yet. */
  readonly state: CatalogState | undefined
}

/** Reads the catalog as a check would. */
export async function readStatus({ cache, reader, background }: Answering): Promise<Status> {
  const current = await currentCatalog(cache, reader, background)
  const now = reader.clock()
  const problem = 'reason' in current ? current : undefined
  return { now, problem, problems: findProblems(cache, now), state: cache.state }
}

/** One channel, and where it stands. */
export interface ChannelStatus extends LoadedChannel, ChannelRef, ChannelState {
  /** The app's name for people; its key where it has none. */
  readonly appName: string
  /** When the next release is due, where the channel says how often one is. */
  readonly dueAt: Instant | undefined
}

/** A channel that cannot be shown, and why. */
export interface Unreadable extends ChannelRef {
  readonly appName: string
  readonly problem: Problem
}

/** Every channel that the catalog names, in the order of their names; some of them may have ended. */
export const listedChannels = ({ catalog }: CatalogState): readonly ChannelRef[] =>
  [...channelRefsOf(catalog.catalog)].sort((a, b) => order(a.app, b.app) || order(rank(a.channel), rank(b.channel)))

/** The public channels as everybody lists them, from the steadiest one on; then the others. */
const rank = (channel: string): string => {
  const ref = ['stable', 'beta', 'alpha'].indexOf(channel)
  return ref < 0 ? `9 ${channel}` : `${ref} ${channel}`
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Reads one channel by its name or an alias. */
export async function readChannelStatus(
  { cache, reader }: Answering,
  { state, now, problem }: Status,
  ref: ChannelRef,
): Promise<ChannelStatus | Unreadable> {
  const apps = state?.catalog.catalog.apps ?? {}
  const appName = (Object.hasOwn(apps, ref.app) ? apps[ref.app]?.name : undefined) ?? ref.app
  const loaded = await findChannel(cache, reader, ref)
  if ('reason' in loaded) return { ...ref, appName, problem: state === undefined && problem ? problem : loaded }
  const { app, channel } = loaded.manifest
  const channelState = readChannelState(loaded.view, now, problem?.reason)
  return { ...loaded, ...channelState, app, channel, appName, dueAt: dueAt(loaded) }
}

/** The channels that the catalog names under these; one that has ended counts as gone, also where its name lives on as an alias. */
export const readPlaces = (
  answering: Answering,
  status: Status,
  places: readonly ChannelRef[],
): Promise<readonly (ChannelStatus | Unreadable)[]> =>
  Promise.all(
    places.map(async (ref) => {
      const one = await readChannelStatus(answering, status, ref)
      if ('problem' in one || one.channel === ref.channel) return one
      return { ...ref, appName: one.appName, problem: { reason: 'unknown-channel', message: '' } }
    }),
  )

/** On the day of the week that is usual, be it up to three days before or after. */
function dueAt({ manifest: { cadence, releases } }: LoadedChannel): Instant | undefined {
  if (cadence === undefined || releases.length === 0) return undefined
  const everyMs = durationMs(cadence.every)
  const at = Math.max(...releases.map(({ publishedAt }) => Date.parse(publishedAt))) + everyMs
  if (cadence.on === undefined || everyMs < 7 * dayMs) return at
  return at + (((weekdays.indexOf(cadence.on) - new Date(at).getUTCDay() + 10) % 7) - 3) * dayMs
}

const dayMs = 24 * 60 * 60 * 1000

const weekdays: readonly string[] = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** Since when a channel stands where it does, as far as the clock and signatures tell. */
export const changeOf = ({ manifest, source, view }: ChannelStatus, { state, now }: Status): Instant => {
  const signed = [manifest, source?.manifest].flatMap((one) => (one ? [Date.parse(one.issuedAt)] : []))
  return changedAt(view, Math.max(state?.catalog.issuedAtMs ?? 0, ...signed), now)
}

/** So many channels of an app are looked at for a promotion path; a store may be asked 50 times by one call of a Worker. */
const maxSiblings = 12

/** Where else in its app each version is: the channels that hold it, with the instant, oldest first. */
export async function readPaths(
  answering: Answering,
  status: Status,
  { app, channel }: ChannelRef,
): Promise<ReadonlyMap<string, readonly PathStep[]>> {
  const places = status.state ? listedChannels(status.state).filter((one) => one.app === app) : []
  const own = places.filter((one) => one.channel === channel)
  const nearby = [...own, ...places.filter((one) => one.channel !== channel)].slice(0, maxSiblings)
  const found = await readPlaces(answering, status, nearby)
  const steps = found.flatMap((one) =>
    'problem' in one
      ? []
      : one.releases
          .filter(({ offeredFrom }) => offeredFrom <= status.now)
          .map(({ release: { version }, offeredFrom: at }) => ({ version, channel: one.channel, at })),
  )
  steps.sort((a, b) => a.at - b.at)
  return Map.groupBy(steps, ({ version }) => version)
}

/** A release that reached a channel. */
export interface PathStep extends Pick<ChannelRef, 'channel'> {
  readonly version: string
  readonly at: Instant
}

/** The newest manifests of a channel and what each changed; where the chain is broken, what is good of it. */
export async function readHistory(
  { reader }: Answering,
  { app, channel, entry }: ChannelStatus,
  most: number,
): Promise<readonly HistoryEntry[]> {
  const found: HistoryEntry[] = []
  try {
    for await (const one of channelHistory(reader, { app, channel }, entry)) {
      found.push(one)
      if (found.length >= most) break
    }
  } catch (error) {
    reader.log({ level: 'warn', event: 'history', app, channel, problem: String(error).slice(0, 300) })
  }
  return found
}

/** The notes of a release as Markdown; `undefined` where they are not there, or are not what was signed. */
export async function readNotes(
  { reader }: Answering,
  { sha256 }: { readonly sha256: string },
): Promise<string | undefined> {
  try {
    const found = await readDocument(reader.documents, notesKey(sha256))
    return found && new TextDecoder().decode(found.bytes)
  } catch (error) {
    reader.log({ level: 'warn', event: 'notes', problem: String(error).slice(0, 300) })
    return undefined
  }
}
