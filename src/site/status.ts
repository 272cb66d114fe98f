/** What pages and feeds show: the verified state that answers machines. Nothing here throws. */
import { currentCatalog, findChannel, findProblems } from '../catalog/cache.ts'
import type { LoadedChannel, Problem } from '../catalog/channels.ts'
import { findDetails, withDetails } from '../catalog/details.ts'
import { channelHistory, type HistoryEntry, loggedOf } from '../catalog/history.ts'
import { type CatalogState, type ChannelRef, channelRefsOf, readDocument } from '../catalog/read.ts'
import type { Answering } from '../checks/update-check.ts'
import { durationMs } from '../documents/fields.ts'
import { notesKey } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { packagesFor, type Release, weekdays } from '../release/channel.ts'
import { type ChannelState, changedAt, type ListedRelease, readChannelState } from '../release/rollout-status.ts'

/** The deployment as a whole. */
export interface Status {
  readonly now: Instant
  /** Why nothing at all is offered. */
  readonly problem: Problem | undefined
  /** What an operator should check, in sentences safe to publish. */
  readonly problems: readonly string[]
  /** The last verified catalog, even where it has expired. */
  readonly state: CatalogState | undefined
}

/** What it takes to read a channel. */
interface Reading {
  readonly service: Answering
  readonly status: Status
}

export async function readStatus({ cache, reader, background }: Answering): Promise<Status> {
  const current = await currentCatalog(cache, reader, background)
  const now = reader.clock()
  const problem = 'reason' in current ? current : undefined
  return { now, problem, problems: findProblems(cache, now), state: cache.state }
}

interface Named extends ChannelRef {
  readonly appName: string
}

export interface ChannelStatus extends Named, LoadedChannel, ChannelState {
  /** A release with its details, where they were read: those that boards show. */
  readonly detailed: (release: Release) => Release
  /** When the next release is due, if the channel has a cadence. */
  readonly dueAt: Instant | undefined
}

/** A channel, or why it cannot be shown. */
export type Found = ChannelStatus | (Named & { readonly problem: Problem })

/** The app of Flatcar, and of CoreOS before it. Others have the name that the catalog gives them. */
const knownApps: Readonly<Record<string, string>> = {
  'e96281a6-d1af-4bde-9a0a-97b76e56dc57': 'Flatcar Container Linux',
}

/** For people; the app's key where nothing else is known. */
export function nameOf(app: string, { state }: Pick<Status, 'state'>): string {
  const apps = state?.catalog.catalog.apps ?? {}
  const name = Object.hasOwn(apps, app) ? apps[app]?.name : undefined
  return name ?? (Object.hasOwn(knownApps, app) ? knownApps[app] : undefined) ?? app
}

/** Whether a channel does not exist. A deleted one stays in the catalog, so that nobody can restore it. */
export const isUnknown = (one: Found): boolean => 'problem' in one && one.problem.reason.startsWith('unknown-')

/** Every channel of the catalog, deleted ones too: by app, then stable, beta, alpha and the others by name. */
export const listedChannels = ({ state }: Status): readonly ChannelRef[] =>
  (state ? [...channelRefsOf(state.catalog.catalog)] : []).sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))

function sortKey({ app, channel }: ChannelRef): string {
  const index = ['stable', 'beta', 'alpha'].indexOf(channel)
  return `${app}\0${index < 0 ? 9 : index}\0${channel}`
}

export async function readChannelStatus(
  { service, status: { state, now, problem } }: Reading,
  ref: ChannelRef,
  isDetailed = true,
): Promise<Found> {
  const { cache, reader } = service
  const appName = nameOf(ref.app, { state })
  const loaded = await findChannel(cache, reader, ref)
  if ('reason' in loaded) return { ...ref, appName, problem: state === undefined && problem ? problem : loaded }
  const { app, channel } = loaded.manifest
  const channelState = readChannelState(loaded.view, now, problem?.reason)
  const shown = channelState.boards.map(({ offered, newest }) => (offered ?? newest).release)
  const detailed = await readDetails(service, app, isDetailed ? shown : [])
  return { ...loaded, ...channelState, detailed, app, channel, appName, dueAt: dueAt(loaded) }
}

/** Reads the details of some releases. @returns these releases with them; the release itself where they cannot be had. */
export async function readDetails(service: Answering, app: string, releases: readonly Release[]) {
  const found = await Promise.all(
    [...new Set(releases)].map(async (one) => {
      const details = await findDetails(service, app, one)
      return [one, 'reason' in details ? one : withDetails(one, details)] as const
    }),
  )
  const known = new Map<Release, Release>(found)
  return (release: Release): Release => known.get(release) ?? release
}

/** The same releases with the details of all their boards: of a follower and its source, each has its own. */
export async function readListedDetails(
  service: Answering,
  app: string,
  listed: readonly ListedRelease[],
): Promise<readonly ListedRelease[]> {
  const releasesOf = ({ boards }: ListedRelease) => boards.map(({ candidate }) => candidate.release)
  const detailed = await readDetails(service, app, listed.flatMap(releasesOf))
  return listed.map((one) => {
    const [first = one.release, ...others] = releasesOf(one)
    if (others.every((other) => other === first)) return { ...one, release: detailed(first) }
    const boards = one.boards.flatMap(({ board, candidate }) => {
      const packages = packagesFor(detailed(candidate.release), board)
      return packages === undefined ? [] : [[board, packages] as const]
    })
    return { ...one, release: { ...detailed(first), boards: Object.fromEntries(boards) } }
  })
}

/** Reads channels by their own names: a deleted one is unknown, even where another has its name as an alias. */
export const readListed = (
  reading: Reading,
  refs: readonly ChannelRef[],
  isDetailed?: boolean,
): Promise<readonly Found[]> =>
  Promise.all(
    refs.map(async (ref) => {
      const one = await readChannelStatus(reading, ref, isDetailed)
      if ('problem' in one || one.channel === ref.channel) return one
      return { ...ref, appName: one.appName, problem: { reason: 'unknown-channel', message: '' } }
    }),
  )

const dayMs = 24 * 60 * 60 * 1000

/** Moved to the usual day of the week, by up to three days. */
function dueAt({ manifest: { cadence, releases } }: LoadedChannel): Instant | undefined {
  if (cadence === undefined || releases.length === 0) return undefined
  const everyMs = durationMs(cadence.every)
  const at = Math.max(...releases.map(({ publishedAt }) => Date.parse(publishedAt))) + everyMs
  const day = (weekdays as readonly (string | undefined)[]).indexOf(cadence.on)
  if (day < 0 || everyMs < 7 * dayMs) return at
  return at + (((day - new Date(at).getUTCDay() + 11) % 7) - 3) * dayMs
}

/** When the state of a channel last changed. */
export const changeOf = ({ manifest, source, view }: ChannelStatus, { state, now }: Status): Instant => {
  const signed = [manifest, source?.manifest].flatMap((one) => (one ? [Date.parse(one.issuedAt)] : []))
  return changedAt(view, Math.max(state?.catalog.issuedAtMs ?? 0, ...signed), now)
}

/** A Worker may ask a store 50 times. */
const maxSiblings = 11

export interface PathStep {
  readonly version: string
  readonly channel: string
  readonly at: Instant
}

/** The channels of the app that offer each version, oldest first. */
export async function readPaths(
  reading: Reading,
  { app, channel }: ChannelRef,
): Promise<ReadonlyMap<string, readonly PathStep[]>> {
  const { status } = reading
  const siblings = listedChannels(status).filter((one) => one.app === app && one.channel !== channel)
  const found = await readListed(reading, [{ app, channel }, ...siblings.slice(0, maxSiblings)], false)
  const steps = found
    .flatMap((one) => ('problem' in one ? [] : one.releases.map((listed) => ({ ...listed, channel: one.channel }))))
    .filter(({ offeredFrom }) => offeredFrom <= status.now)
    .map(({ release: { version }, channel, offeredFrom: at }) => ({ version, channel, at }))
  return Map.groupBy(
    steps.sort((a, b) => a.at - b.at),
    ({ version }) => version,
  )
}

/**
 * The newest manifests of a channel and their changes, up to a break of the chain, and what the catalog's log has of them.
 * @param most manifests, and twice as many in all.
 */
export async function readHistory(
  { service: { reader }, status }: Reading,
  { app, channel, entry }: ChannelStatus,
  most: number,
): Promise<readonly HistoryEntry[]> {
  const found: HistoryEntry[] = []
  const log = status.state?.catalog.catalog.log
  try {
    for await (const one of channelHistory(reader, { app, channel }, { ...entry, ...(log && { log }) })) {
      found.push(one)
      if (found.length >= 2 * most || found.filter(({ signs }) => !signs).length >= most) break
    }
  } catch (error) {
    reader.log({ level: 'warn', event: 'history', app, channel, problem: String(error).slice(0, 300) })
  }
  return found
}

/** What the catalog's log has of a channel, oldest first. */
export const readLog = ({ service: { reader }, status }: Reading, ref: ChannelRef): readonly HistoryEntry[] =>
  loggedOf(reader, ref, status.state?.catalog.catalog.log)

/** Markdown; `undefined` where the notes are missing, or do not match their digest. */
export async function readNotes({ service: { reader } }: Reading, sha256: string): Promise<string | undefined> {
  try {
    const found = await readDocument(reader.documents, notesKey(sha256))
    return found && new TextDecoder().decode(found.bytes)
  } catch (error) {
    reader.log({ level: 'warn', event: 'notes', problem: String(error).slice(0, 300) })
    return undefined
  }
}
