/** What is published and what is offered, for people. */

import { viewOf } from '../catalog/channels.ts'
import { loadHead } from '../catalog/commit-channel.ts'
import { staleSentence } from '../catalog/health.ts'
import {
  type CatalogState,
  type ChannelRef,
  channelEntry,
  loadCatalog,
  loadChannel,
  type StoreReader,
} from '../catalog/read.ts'
import { loadForWriting } from '../catalog/write.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import type { Release } from '../release/channel.ts'
import { decide } from '../release/decide.ts'
import { restrict } from '../release/overlay.ts'
import { shareAt } from '../release/ramp.ts'
import type { ChannelView } from '../release/view.ts'

/** One board of one channel. */
export interface BoardSummary {
  readonly board: string
  /** What a machine that runs nothing yet would be offered. */
  readonly offered?: string
  readonly newest: string
}

/** One channel. */
export interface ChannelSummary {
  readonly app: string
  readonly channel: string
  readonly seq: number
  readonly boards: readonly BoardSummary[]
  /** Each with what becomes of it, in words. */
  readonly releases: readonly (Release & { readonly state: string })[]
}

export interface Summary {
  readonly issuedAt: string
  readonly expires: string
  readonly root: number
  /** What keeps machines from being offered something, in sentences. */
  readonly problems: readonly string[]
  readonly channels: readonly ChannelSummary[]
}

/** Reads all channels, or those of one app, or one. What is expired or cannot be read is named, and the rest shown. */
export async function summarise(
  reader: StoreReader,
  only: { readonly app?: string | undefined; readonly channel?: string | undefined } = {},
): Promise<Summary> {
  const state = await loadForWriting(reader)
  const problems: string[] = []
  const attempt = <T>(name: string, work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      problems.push(`${name}: ${error instanceof Error ? error.message : error}`)
      return undefined
    })
  const inForce = await attempt('nothing is offered', loadCatalog(reader))
  if (inForce && reader.clock() >= Date.parse(inForce.catalog.catalog.expires))
    problems.push(staleSentence(inForce.catalog))
  const places = Object.entries(state.catalog.catalog.apps).flatMap(([app, { channels }]) =>
    Object.entries(channels).map(([channel, entry]) => ({ app, channel, entry })),
  )
  const wanted = places.filter(({ app, channel }) => (only.app ?? app) === app && (only.channel ?? channel) === channel)
  const channels: (readonly ChannelSummary[] | undefined)[] = []
  for (const ref of wanted)
    channels.push(await attempt(`${ref.app}/${ref.channel}`, summariseChannel(reader, state, ref)))
  const { issuedAt, expires, root } = state.catalog.catalog
  return { issuedAt, expires, root, problems, channels: channels.flatMap((found) => found ?? []) }
}

async function summariseChannel(
  reader: StoreReader,
  state: CatalogState,
  { app, channel, entry }: ChannelRef & { readonly entry: CatalogChannel },
): Promise<readonly ChannelSummary[]> {
  const head = await loadHead(reader, state, { app, channel })
  if (head === undefined || isEnded(head.manifest)) return []
  const { manifest } = head
  const named = manifest.seq === entry.seq ? head : await loadChannel(reader, state, { app, channel, entry })
  const source = await loadSource(reader, state, head.manifest)
  const view = restrict(viewOf({ entry, manifest }, source), reader.overlay, source?.manifest)
  const namedSource = await loadSource(reader, state, named.manifest)
  const namedView = viewOf({ entry, manifest: named.manifest }, namedSource)
  const offered = restrict(namedView, reader.overlay, namedSource?.manifest)
  const boards = [...view.boards].map(([board, { candidates }]) => {
    const decision = decide({ ...anyMachine, board }, offered, reader.clock())
    const newest = candidates[0]?.release.version ?? ''
    return { board, newest, ...(decision.kind === 'update' && { offered: decision.offer.release.version }) }
  })
  const stateOf = (release: Release): string => {
    if (boards.some(({ offered }) => offered === release.version)) return 'offered'
    const isNewest = boards.some(({ newest }) => newest === release.version)
    return conditionOf(release, view, reader.clock()) ?? (isNewest ? 'waits for a refresh' : 'superseded')
  }
  const releases = [...manifest.releases, ...followedOf(view, manifest)].map((release) => ({
    ...release,
    state: stateOf(release),
  }))
  return [{ app, channel, seq: manifest.seq, boards, releases }]
}

/** One that says nothing of itself: it is offered what everybody is. */
const anyMachine = { version: '' }

async function loadSource(reader: StoreReader, state: CatalogState, { app, follow }: ChannelManifest) {
  const channel = follow?.channel
  const entry = channel === undefined ? undefined : channelEntry(state.catalog.catalog, app, channel)
  if (channel === undefined || entry === undefined) return undefined
  return { entry, manifest: (await loadChannel(reader, state, { app, channel, entry })).manifest }
}

/** What a follower sees of its source, newest first. */
function followedOf(view: ChannelView, { releases }: ChannelManifest): readonly Release[] {
  const all = [...view.boards.values()].flatMap(({ candidates }) => candidates.map(({ release }) => release))
  return [...new Set(all)].filter((release) => !releases.includes(release))
}

/** What keeps a release from everybody or from some, over all of its boards; `undefined`: nothing does. */
function conditionOf(release: Release, view: ChannelView, now: number): string | undefined {
  const conditions = [...view.boards].flatMap(([board, { candidates }]) => {
    const candidate = candidates.find((one) => one.release === release)
    if (candidate?.refusal) return [`${candidate.refusal.reason} for ${board}: ${candidate.refusal.because}`]
    const share = Math.min(1, ...(candidate?.ramps ?? []).map((ramp) => shareAt(ramp, now)))
    if (candidate && now < candidate.seenFrom) return [`waits until ${new Date(candidate.seenFrom).toISOString()}`]
    return share < 1 ? [`ramp: ${Math.floor(share * 100)} % of ${board}`] : []
  })
  if (conditions.length > 0) return [...new Set(conditions)].join('; ')
  if (release.deadEnd) return `dead end: ${release.deadEnd.reason}`
  return release.floor && `floor: ${release.floor.reason}`
}
