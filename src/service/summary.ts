/** What is published and what is offered, for people. */
import type { Release } from '../core/channel.ts'
import { decide } from '../core/decide.ts'
import { restrict } from '../core/overlay.ts'
import { shareAt } from '../core/ramp.ts'
import type { ChannelView } from '../core/view.ts'
import type { CatalogChannel } from '../documents/catalog.ts'
import { type ChannelManifest, isEnded } from '../documents/channel.ts'
import { viewOf } from './channels.ts'
import { loadHead } from './commit-channel.ts'
import { staleSentence } from './health.ts'
import { type CatalogState, channelEntry, loadCatalog, loadChannel, type Place, type Reading } from './reading.ts'
import { loadForWriting } from './writing.ts'

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
  reading: Reading,
  only: { readonly app?: string | undefined; readonly channel?: string | undefined } = {},
): Promise<Summary> {
  const state = await loadForWriting(reading)
  const problems: string[] = []
  const attempt = <T>(name: string, work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      problems.push(`${name}: ${error instanceof Error ? error.message : error}`)
      return undefined
    })
  const inForce = await attempt('nothing is offered', loadCatalog(reading))
  if (inForce && reading.clock() >= Date.parse(inForce.catalog.catalog.expires))
    problems.push(staleSentence(inForce.catalog))
  const places = Object.entries(state.catalog.catalog.apps).flatMap(([app, { channels }]) =>
    Object.entries(channels).map(([channel, entry]) => ({ app, channel, entry })),
  )
  const wanted = places.filter(({ app, channel }) => (only.app ?? app) === app && (only.channel ?? channel) === channel)
  const channels: (readonly ChannelSummary[] | undefined)[] = []
  for (const place of wanted)
    channels.push(await attempt(`${place.app}/${place.channel}`, summariseChannel(reading, state, place)))
  const { issuedAt, expires, root } = state.catalog.catalog
  return { issuedAt, expires, root, problems, channels: channels.flatMap((found) => found ?? []) }
}

async function summariseChannel(
  reading: Reading,
  state: CatalogState,
  { app, channel, entry }: Place & { readonly entry: CatalogChannel },
): Promise<readonly ChannelSummary[]> {
  const head = await loadHead(reading, state, { app, channel })
  if (head === undefined || isEnded(head.manifest)) return []
  const { manifest } = head
  const named = manifest.seq === entry.seq ? head : await loadChannel(reading, state, { app, channel, entry })
  const source = await loadSource(reading, state, head.manifest)
  const view = restrict(viewOf({ entry, manifest }, source), reading.overlay, source?.manifest)
  const namedSource = await loadSource(reading, state, named.manifest)
  const namedView = viewOf({ entry, manifest: named.manifest }, namedSource)
  const offered = restrict(namedView, reading.overlay, namedSource?.manifest)
  const boards = [...view.boards].map(([board, { candidates }]) => {
    const decision = decide({ ...anyMachine, board }, offered, reading.clock())
    const newest = candidates[0]?.release.version ?? ''
    return { board, newest, ...(decision.kind === 'update' && { offered: decision.offer.release.version }) }
  })
  const stateOf = (release: Release): string => {
    if (boards.some(({ offered }) => offered === release.version)) return 'offered'
    const isNewest = boards.some(({ newest }) => newest === release.version)
    return conditionOf(release, view, reading.clock()) ?? (isNewest ? 'waits for a refresh' : 'superseded')
  }
  const releases = [...manifest.releases, ...followedOf(view, manifest)].map((release) => ({
    ...release,
    state: stateOf(release),
  }))
  return [{ app, channel, seq: manifest.seq, boards, releases }]
}

/** One that says nothing of itself: it is offered what everybody is. */
const anyMachine = { version: '' }

async function loadSource(reading: Reading, state: CatalogState, { app, follow }: ChannelManifest) {
  const channel = follow?.channel
  const entry = channel === undefined ? undefined : channelEntry(state.catalog.catalog, app, channel)
  if (channel === undefined || entry === undefined) return undefined
  return { entry, manifest: (await loadChannel(reading, state, { app, channel, entry })).manifest }
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
