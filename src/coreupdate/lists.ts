/**
 * What CoreUpdate's lists have: for each app the releases that its channels offer, of one board.
 * @see coreos/updateservicectl client/update/v1/update-api.json
 */
import { currentCatalog, findChannel } from '../catalog/cache.ts'
import type { LoadedChannel, Problem } from '../catalog/channels.ts'
import { findPackages } from '../catalog/details.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { base64 } from '../checks/omaha/xml.ts'
import type { Serving } from '../checks/serving.ts'
import { type Answering, readAtMost } from '../checks/update-check.ts'
import { packagesUrlOf } from '../documents/paths.ts'
import { type BoardPackages, isImage } from '../release/channel.ts'
import { type RolloutStatus, readChannelState } from '../release/rollout-status.ts'
import type { Candidate } from '../release/view.ts'

/** Packages, each version once, in the order of the channels. */
export async function packagesOf({ publicUrl }: Serving, answering: Answering, listed: readonly Listed[]) {
  const offers = listed.flatMap((one) => offersOf(one))
  const named = [...Map.groupBy(offers, ({ app, version }) => `${app}/${version}`).values()].flatMap(
    ([first]) => first ?? [],
  )
  const found = await Promise.all(
    named.map(async (one) => ({ ...one, bytes: await findPackages(answering, one, one.candidate) })),
  )
  return found.flatMap(({ bytes, ...one }) => ('reason' in bytes ? [] : packageOf(publicUrl, one, bytes)))
}

/** Those that offer something. */
export const channelsOf = (listed: readonly Listed[]) =>
  listed.flatMap(({ app, channel, status: { offered } }) =>
    offered
      ? {
          ...{ appId: app, label: channel, version: offered.release.version },
          ...{ dateCreated: offered.release.publishedAt, publish: true, upstream: '' },
        }
      : [],
  )

/** A release that machines of a board end at, or pass through on the way. */
interface Offer extends ChannelRef {
  readonly board: string
  readonly version: string
  /** RFC 3339. */
  readonly publishedAt: string
  readonly candidate: Candidate
}

/** The last step first, then its floors. */
const offersOf = ({ app, channel, status: { board, offered, via } }: Listed): readonly Offer[] =>
  (offered ? [offered, ...via.toReversed()] : []).map((candidate) => {
    const { version, publishedAt } = candidate.release
    return { app, channel, board, version, publishedAt, candidate }
  })

/** Numbers of 64 bits as text, digests in base64. */
function packageOf(publicUrl: string, { app, version, board, publishedAt }: Offer, bytes: BoardPackages) {
  const { name, size, sha1, sha256 } = bytes.packages[0]
  const folder = packagesUrlOf(publicUrl, { app, version, board }, bytes)
  return {
    ...{ appId: app, version, dateCreated: publishedAt, url: folder + name },
    ...{ metadataSignatureRsa: '', metadataSize: '', releaseNotes: '', required: true },
    ...{ sha1Sum: base64(sha1), sha256Sum: base64(sha256), size: String(size) },
  }
}

/** A channel, as machines of its app's board see it. */
export interface Listed extends ChannelRef {
  readonly loaded: LoadedChannel
  readonly status: RolloutStatus
}

/**
 * Every channel, or those of one app. Leaves out those that cannot be used, or have nothing for the board. Never throws.
 * @param wanted no app: those of all
 */
export async function listChannels(
  { cache, reader, background }: Answering,
  wanted?: string,
): Promise<readonly Listed[] | Problem> {
  const state = await currentCatalog(cache, reader, background)
  if ('reason' in state) return state
  const places = [...cache.apps].flatMap(([app, entry]) =>
    wanted === undefined || app === wanted ? [...entry.channels.keys()].map((channel) => ({ app, channel })) : [],
  )
  const unread = places.filter(({ app, channel }) => !cache.channels.has(`${app}/${channel}`))
  await Promise.all(unread.slice(0, readAtMost).map((ref) => findChannel(cache, reader, ref)))
  if (unread.length > readAtMost) return { reason: 'store-unavailable', message: 'some channels are still to be read' }
  const listed: Listed[] = []
  for (const place of places) {
    const loaded = await findChannel(cache, reader, place)
    if ('reason' in loaded) continue
    // Its machines ask for no package.
    for (const status of readChannelState(loaded.view, reader.clock()).boards)
      if (!isImage((status.offered ?? status.newest).packages)) listed.push({ ...place, loaded, status })
  }
  return ofOneBoard(listed)
}

/**
 * CoreUpdate knows no boards: it names packages and their files by app and version. All of an app are of one board, so that
 * no fleet gets packages of two: `any`, which clients get that name none, else the first by name that is offered something.
 */
function ofOneBoard(listed: readonly Listed[]): readonly Listed[] {
  const boards = Map.groupBy(listed, ({ app }) => app)
  const boardOf = (app: string): string | undefined => {
    const all = boards.get(app) ?? []
    const offered = all.filter(({ status }) => status.offered)
    const names = (offered.length > 0 ? offered : all).map(({ status }) => status.board)
    return names.includes('any') ? 'any' : names.sort()[0]
  }
  const chosen = new Map([...boards.keys()].map((app) => [app, boardOf(app)]))
  return listed.filter(({ app, status }) => chosen.get(app) === status.board)
}
