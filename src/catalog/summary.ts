/** What is published and what is offered, by the catalog and by what waits for a refresh. */

import type { Catalog } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import type { Release } from '../release/channel.ts'
import type { Reason } from '../release/decide.ts'
import { boardJson, boardText, releaseText } from '../release/describe.ts'
import type { ChannelState, ListedRelease, RolloutStatus } from '../release/rollout-status.ts'
import { readChannelState } from '../release/rollout-status.ts'
import { staleSentence } from './cache.ts'
import { type ChannelEntry, joinSource, problemOf } from './channels.ts'
import { loadHead } from './commit-channel.ts'
import { loadWanted } from './details.ts'
import { fillWarning } from './fill.ts'
import { loadMissing } from './missing.ts'
import type { Named } from './named.ts'
import type { CatalogState, ChannelRef, NamedChannel, StoreReader } from './read.ts'
import { loadCatalog, loadChannel, loadForWriting } from './read.ts'

export interface BoardSummary extends Omit<ReturnType<typeof boardJson>, 'offered'> {
  /** What machines are offered now. */
  readonly offered?: string
  /** How, and why not the newest, in words; empty where everybody is offered the newest. */
  readonly state: string
}

export interface ChannelSummary extends ChannelRef, Pick<ChannelManifest, 'guard'> {
  readonly seq: number
  /** Bytes of its manifest. */
  readonly size: number
  readonly boards: readonly BoardSummary[]
  /** SHA-256 of each key that releases must be signed with. */
  readonly payloadKeys?: readonly string[]
  /** Each with what becomes of it, in words. */
  readonly releases: readonly (Release & { readonly state: string; readonly offeredFrom: string })[]
}

export interface Summary extends Pick<Catalog, 'issuedAt' | 'expires' | 'root'> {
  /** What keeps machines from being offered something, in sentences. */
  readonly problems: readonly string[]
  /** Documents that are nearly full, in sentences. */
  readonly warnings: readonly string[]
  readonly channels: readonly ChannelSummary[]
}

/** Lists what is expired or cannot be read as a problem, and shows the rest. */
export async function summarise(
  reader: StoreReader,
  choose: Named | ((catalog: Catalog) => Named) = {},
): Promise<Summary> {
  const state = await loadForWriting(reader)
  const only = typeof choose === 'function' ? choose(state.catalog.catalog) : choose
  const problems: string[] = []
  const attempt = async <T>(name: string, work: Promise<T>): Promise<T | Reason> => {
    try {
      return await work
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : error}`)
      return problemOf(error).reason
    }
  }
  const served = await attempt('nothing is offered', loadCatalog(reader))
  const missing = (await loadMissing(reader))?.folders
  const blocked = typeof served === 'string' ? served : undefined
  if (typeof served === 'object' && reader.clock() >= Date.parse(served.catalog.catalog.expires))
    problems.push(staleSentence(served.catalog))
  const channels: ChannelSummary[] = []
  for (const [app, { channels: entries }] of Object.entries(state.catalog.catalog.apps))
    for (const [channel, entry] of Object.entries(entries)) {
      if ((only.app ?? app) !== app || (only.channel ?? channel) !== channel) continue
      const isDetailed = only.channel !== undefined
      const work = summariseChannel(
        { reader: { ...reader, missing }, state, blocked, isDetailed },
        { app, channel, entry },
      )
      const found = await attempt(`${app}/${channel}`, work)
      if (typeof found === 'object') channels.push(found)
    }
  const { issuedAt, expires, root } = state.catalog.catalog
  const manifests = channels.map((one) => fillWarning(state.root, one.size, one))
  const warnings = [...manifests, fillWarning(state.root, state.catalog.size)].filter((one) => one !== undefined)
  return { issuedAt, expires, root, problems, warnings, channels }
}

/** `blocked`: why nothing at all is offered. `isDetailed`: whether the details of every release are read. */
type Reading = Readonly<{ reader: StoreReader; state: CatalogState; blocked: Reason | undefined; isDetailed: boolean }>

async function summariseChannel(reading: Reading, ref: NamedChannel): Promise<ChannelSummary | undefined> {
  const { reader, state } = reading
  const head = await loadHead(reader, state, ref)
  if (head === undefined) return undefined
  const named = head.manifest.seq === ref.entry.seq ? head : await loadChannel(reader, state, ref)
  if (isEnded(head.manifest) && isEnded(named.manifest)) return undefined
  const { entry } = ref
  const now = await readState(reading, { entry, manifest: named.manifest })
  const next = named === head ? now : await readState(reading, { entry, manifest: head.manifest })
  const { app, channel, seq, payloadKeys: keys, guard } = head.manifest
  const payloadKeys = keys?.map(({ sha256 }) => sha256)
  const states = { boards: boardsOf(now, next), releases: releasesOf(now, next) }
  return { app, channel, seq, size: head.size, ...defined({ payloadKeys, guard }), ...states }
}

async function readState({ reader, state, blocked, isDetailed }: Reading, stored: ChannelEntry): Promise<ChannelState> {
  if (isEnded(stored.manifest)) return { boards: [], releases: [] }
  const own = isDetailed ? { ...stored, manifest: await withDetails(reader, stored.manifest) } : stored
  const { view, expiresMs } = await joinSource(reader, state, own)
  const now = reader.clock()
  return readChannelState(view, now, blocked ?? (now >= expiresMs ? 'catalog-expired' : undefined))
}

/** As it is where the store lacks some, as a mirror may. */
async function withDetails(reader: StoreReader, manifest: ChannelManifest): Promise<ChannelManifest> {
  try {
    return { ...manifest, releases: await loadWanted(reader, manifest.app, manifest.releases, () => true) }
  } catch (error) {
    if (error instanceof PlatteError) return manifest
    throw error
  }
}

/** What machines are offered now, beside the newest that was published. */
function boardsOf(now: ChannelState, next: ChannelState): readonly BoardSummary[] {
  const names = [...new Set([...next.boards, ...now.boards].map(({ board }) => board))].sort()
  return names.flatMap((name) => {
    const [today, later] = [now, next].map(({ boards }) => boards.find(({ board }) => board === name))
    const shown = today ?? later
    if (shown === undefined) return []
    const { offered, ...json } = boardJson(shown)
    const newest = (later ?? shown).newest.release.version
    const state = [today && boardText(today), waitText(today, later)].filter(Boolean).join('; ')
    return [{ ...json, newest, ...(today && offered !== null && { offered }), state }]
  })
}

/** What a refresh would change of a board. */
function waitText(today: RolloutStatus | undefined, later: RolloutStatus | undefined): string {
  const [before, after] = [today, later].map((one) => one?.newest.release.version)
  if (before !== after) return after === undefined ? 'its removal waits for a refresh' : `${after} waits for a refresh`
  return today && later && boardText(today) !== boardText(later) ? 'a change waits for a refresh' : ''
}

/** Each release as machines see it now, and as they will see it after a refresh where that differs. */
function releasesOf(now: ChannelState, next: ChannelState): ChannelSummary['releases'] {
  const find = ({ releases }: ChannelState, version: string) =>
    releases.find(({ release }) => release.version === version)
  const gone = now.releases.filter(({ release }) => find(next, release.version) === undefined)
  return [...next.releases, ...gone].map(({ release, offeredFrom }) => ({
    ...release,
    offeredFrom: new Date(offeredFrom).toISOString(),
    state: stateText(find(now, release.version), find(next, release.version)),
  }))
}

function stateText(today: ListedRelease | undefined, later: ListedRelease | undefined): string {
  const [before, after] = [today, later].map((one) => one && releaseText(one))
  if (before === after) return before ?? ''
  if (before === undefined) return after === 'offered' ? 'waits for a refresh' : `waits for a refresh; then ${after}`
  return `${before}; after a refresh: ${after ?? 'removed'}`
}
