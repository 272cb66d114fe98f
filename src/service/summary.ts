/** What is published and what is offered, for people. */
import type { Hold } from '../core/channel.ts'
import { decide } from '../core/decide.ts'
import { viewChannel } from '../core/view.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { type CatalogState, loadCatalog, type Reading } from './reading.ts'
import { loadForWriting, loadHead } from './writing.ts'

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
  readonly holds: readonly Hold[]
  readonly boards: readonly BoardSummary[]
  readonly manifest: ChannelManifest
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
  await attempt('nothing is offered', loadCatalog(reading))
  const places = Object.entries(state.catalog.catalog.apps).flatMap(([app, { channels }]) =>
    Object.entries(channels).map(([channel, { holds = [] }]) => ({ app, channel, holds })),
  )
  const wanted = places.filter(({ app, channel }) => (only.app ?? app) === app && (only.channel ?? channel) === channel)
  const channels = await Promise.all(
    wanted.map((place) => attempt(`${place.app}/${place.channel}`, summariseChannel(reading, state, place))),
  )
  const { issuedAt, expires, root } = state.catalog.catalog
  return { issuedAt, expires, root, problems, channels: channels.flatMap((found) => found ?? []) }
}

async function summariseChannel(
  reading: Reading,
  state: CatalogState,
  { app, channel, holds }: { readonly app: string; readonly channel: string; readonly holds: readonly Hold[] },
): Promise<readonly ChannelSummary[]> {
  const head = await loadHead(reading, state, { app, channel })
  if (head === undefined) return []
  const view = viewChannel(head.manifest, holds)
  const boards = [...view.boards].map(([board, { candidates }]) => {
    const decision = decide({ version: '', board }, view)
    const newest = candidates[0]?.release.version ?? ''
    return { board, newest, ...(decision.kind === 'update' && { offered: decision.offer.release.version }) }
  })
  return [{ app, channel, seq: head.manifest.seq, holds, boards, manifest: head.manifest }]
}
