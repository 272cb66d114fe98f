/**
 * CoreUpdate's public lists, `GET /_ah/api/update/v1/public/packages` and `…/channels`: updateservicectl downloads from
 * them, and an old CoreUpdate takes them as its upstream.
 * @see coreos/updateservicectl client/update/v1/update-api.json
 */
import type { Context } from 'hono'
import { currentCatalog, findChannel } from '../catalog/cache.ts'
import type { Problem } from '../catalog/channels.ts'
import { findPackages } from '../catalog/details.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { packagesUrlOf } from '../documents/paths.ts'
import { kindOf, type refuse } from '../http/problem.ts'
import type { BoardPackages } from '../release/channel.ts'
import { readChannelState } from '../release/rollout-status.ts'
import type { Candidate } from '../release/view.ts'
import { base64 } from './omaha/xml.ts'
import { answering, type Serving } from './serving.ts'
import { type Answering, readAtMost } from './update-check.ts'

export const coreUpdatePaths = ['/_ah/api/update/v1/public/packages', '/_ah/api/update/v1/public/channels'] as const

const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }

/** As Google's APIs word errors: their clients print the message. */
export const refuseCoreUpdate: typeof refuse = (c, code, message, { headers: more } = {}) => {
  const { status } = kindOf(code)
  return c.body(JSON.stringify({ error: { code: status, message } }), status, { ...headers, ...more })
}

export function answerCoreUpdate(serving: Serving, what: 'packages' | 'channels'): (c: Context) => Promise<Response> {
  return async (c) => {
    const offers = await listOffers(answering(serving, c))
    if ('reason' in offers) return refuseCoreUpdate(c, 'catalog-unavailable', offers.reason)
    const items = what === 'packages' ? await packagesOf(serving, answering(serving, c), offers) : channelsOf(offers)
    return new Response(JSON.stringify({ items }), { headers })
  }
}

async function packagesOf(serving: Serving, reading: Answering, offers: readonly Listed[]) {
  const named = firstOf(offers, ({ app, version }) => `${app}/${version}`)
  const found = await Promise.all(
    named.map(async (one) => ({ ...one, bytes: await findPackages(reading, one, one.candidate) })),
  )
  const packages = found.flatMap(({ bytes, ...one }) => ('reason' in bytes ? [] : packageOf(serving, one, bytes)))
  return [...Map.groupBy(packages, ({ appId }) => appId)].map(([AppId, ours]) => ({ AppId, packages: ours }))
}

const channelsOf = (offers: readonly Listed[]) =>
  offers
    .filter(({ isLast }) => isLast)
    .map(({ app, channel, version, publishedAt }) => ({
      ...{ appId: app, label: channel, version, dateCreated: publishedAt },
      ...{ publish: true, upstream: '' },
    }))

const firstOf = (offers: readonly Listed[], nameOf: (one: Listed) => string): readonly Listed[] =>
  [...Map.groupBy(offers, nameOf).values()].flatMap(([first]) => first ?? [])

/**
 * CoreUpdate knows no boards: it names packages and their files by app and version. All of an app are of one board, so that
 * no fleet gets packages of two: `any`, which clients get that name none, else the first by name.
 */
function ofOneBoard(offers: readonly Listed[]): readonly Listed[] {
  const boards = Map.groupBy(offers, ({ app }) => app)
  const boardOf = (app: string): string | undefined => {
    const names = (boards.get(app) ?? []).map(({ board }) => board)
    return names.includes('any') ? 'any' : names.sort()[0]
  }
  const chosen = new Map([...boards.keys()].map((app) => [app, boardOf(app)]))
  return offers.filter(({ app, board }) => chosen.get(app) === board)
}

/** Numbers of 64 bits as text, digests in base64. */
function packageOf({ publicUrl }: Serving, { app, version, board, publishedAt }: Listed, bytes: BoardPackages) {
  const { name, size, sha1, sha256 } = bytes.packages[0]
  const folder = packagesUrlOf(publicUrl, { app, version, board }, bytes)
  return {
    ...{ appId: app, version, dateCreated: publishedAt, url: folder + name },
    ...{ metadataSignatureRsa: '', metadataSize: '', releaseNotes: '', required: true },
    ...{ sha1Sum: base64(sha1), sha256Sum: base64(sha256), size: String(size) },
  }
}

/** A release that machines of a board end at, or pass through on the way. */
interface Listed extends ChannelRef {
  readonly board: string
  readonly version: string
  /** RFC 3339. */
  readonly publishedAt: string
  readonly candidate: Candidate
  /** Whether this is the last step; otherwise it is a floor. */
  readonly isLast: boolean
}

/** What every channel offers for its app's board, the last step first. Leaves out channels that cannot be used. Never throws. */
async function listOffers(answering: Answering): Promise<readonly Listed[] | Problem> {
  const { cache, reader, background } = answering
  const state = await currentCatalog(cache, reader, background)
  if ('reason' in state) return state
  const places = [...cache.apps].flatMap(([app, entry]) =>
    [...entry.channels.keys()].map((channel) => ({ app, channel })),
  )
  const unread = places.filter(({ app, channel }) => !cache.channels.has(`${app}/${channel}`))
  await Promise.all(unread.slice(0, readAtMost).map((ref) => findChannel(cache, reader, ref)))
  if (unread.length > readAtMost) return { reason: 'store-unavailable', message: 'some channels are still to be read' }
  const listed: Listed[] = []
  for (const place of places) {
    const found = await findChannel(cache, reader, place)
    if ('reason' in found) continue
    for (const { board, offered, via } of readChannelState(found.view, reader.clock()).boards)
      for (const one of offered ? [offered, ...via.toReversed()] : []) {
        const { version, publishedAt } = one.release
        listed.push({ ...place, board, version, publishedAt, candidate: one, isLast: one === offered })
      }
  }
  return ofOneBoard(listed)
}
