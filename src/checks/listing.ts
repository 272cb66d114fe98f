/** What every channel offers, for clients that list instead of asking for a machine. */

import { currentCatalog, findChannel } from '../catalog/cache.ts'
import type { Problem } from '../catalog/channels.ts'
import type { ChannelRef } from '../catalog/read.ts'
import type { BoardPackages } from '../release/channel.ts'
import { readChannelState } from '../release/rollout-status.ts'
import type { Answering } from './update-check.ts'

/** Channels read for one request: a Worker may ask a store 50 times. */
const readAtMost = 20

/** A release that machines of a board end at, or pass through on the way. */
export interface Listed extends ChannelRef {
  readonly board: string
  readonly version: string
  /** RFC 3339. */
  readonly publishedAt: string
  readonly packages: BoardPackages
  /** Whether machines end here; else it is a floor. */
  readonly isLast: boolean
}

/** Every channel and board that offers something, the last step first. Leaves out channels that cannot be used. Never throws. */
export async function listOffers(answering: Answering): Promise<readonly Listed[] | Problem> {
  const { cache, reader, background } = answering
  const state = await currentCatalog(cache, reader, background)
  if ('reason' in state) return state
  const places = [...cache.apps].flatMap(([app, { channels }]) =>
    [...channels.keys()].map((channel) => ({ app, channel })),
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
        listed.push({ ...place, board, version, publishedAt, packages: one.packages, isLast: one === offered })
      }
  }
  return listed
}
