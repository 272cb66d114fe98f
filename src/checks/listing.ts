/** What every channel offers to everybody, for those who list instead of asking for a machine. */

import { currentCatalog, findChannel } from '../catalog/cache.ts'
import type { Problem } from '../catalog/channels.ts'
import type { ChannelRef } from '../catalog/read.ts'
import type { BoardPackages } from '../release/channel.ts'
import { decide } from '../release/decide.ts'
import type { Answering } from './update-check.ts'

/** So many channels are read for one request; Workers may ask a store 50 times. */
const readAtMost = 20

/** What a machine is offered that says nothing of itself but its board. */
export interface Listed extends ChannelRef {
  readonly board: string
  readonly version: string
  /** RFC 3339. */
  readonly publishedAt: string
  readonly packages: BoardPackages
}

/** Every channel and board that offers something. Channels that cannot be used are left out. Never throws. */
export async function listOffers(answering: Answering): Promise<readonly Listed[] | Problem> {
  const { cache, reader, background } = answering
  const state = await currentCatalog(cache, reader, background)
  if ('reason' in state) return state
  const places = [...cache.apps].flatMap(([app, { channels }]) =>
    [...channels.keys()].map((channel) => ({ app, channel })),
  )
  const unread = places.filter(({ app, channel }) => !cache.channels.has(`${app}/${channel}`))
  await Promise.all(unread.slice(0, readAtMost).map((ref) => findChannel(cache, reader, ref)))
  if (unread.length > readAtMost) return { reason: 'store-unavailable', message: 'not every channel was read yet' }
  const listed: Listed[] = []
  for (const place of places) {
    const found = await findChannel(cache, reader, place)
    if ('reason' in found) continue
    for (const board of found.view.boards.keys()) {
      const decision = decide({ version: '', board }, found.view, reader.clock())
      if (decision.kind === 'no-update') continue
      const { release, packages } = decision.offer
      listed.push({ ...place, board, version: release.version, publishedAt: release.publishedAt, packages })
    }
  }
  return listed
}
