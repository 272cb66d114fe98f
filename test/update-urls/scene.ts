/** A Platte that browsers ask, over a socket, as an upstream; and what stands in its place for one answer. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { EditResult } from '../../src/channels/plan.ts'
import { nodeTransport } from '../../src/store/http/transport-node.ts'
import { adoptOffer, planOffer } from '../../src/upstreams/adopt.ts'
import { openUpstream } from '../../src/upstreams/kinds.ts'
import type { Adoption } from '../../src/upstreams/look-up.ts'
import { archiveOf, crxOf, fileOf, idOf, rsa } from '../crx/make.ts'
import { serveDialects } from '../dialects/server.ts'
import { serve, type TestServer } from '../upstream/server.ts'
import { newKey, newStore, publishOne, type TestStore } from '../world.ts'

export const app = idOf(rsa)
const made = new Map<string, Buffer>()
/** The same bytes each time: an archive has the time when it was made. */
export function crx(version: string): Buffer {
  const found = made.get(version) ?? crxOf(archiveOf({ version }))
  made.set(version, found)
  return found
}

/** @returns whether it answered. */
export type Instead = (request: IncomingMessage, response: ServerResponse) => boolean

/** @param version the newest of the upstream. */
export async function publishThere(store: TestStore, version: string, more: object = {}): Promise<void> {
  await publishOne(store, version, { app, board: 'any', sources: [fileOf(crx(version), 'extension.crx')], ...more })
}

export async function scene(format: 1 | 2 = 1) {
  const origin = await newStore({ format })
  let instead: Instead = () => false
  const later: { listener?: ReturnType<typeof getRequestListener> } = {}
  const server: TestServer = await serve((request, response) => {
    if (!instead(request, response)) void later.listener?.(request, response)
  })
  const url = server.url.slice(0, -1)
  const platte = serveDialects(origin, url)
  later.listener = getRequestListener(platte.app.fetch)
  const [root, release, timestamp] = [await newKey('EdDSA'), await newKey('EdDSA'), await newKey('EdDSA')]
  const own = await newStore({ root: [root], release: [release], timestamp: [timestamp], format })
  const plan = (kind: 'gupdate' | 'omaha-json', more: Partial<Adoption> = {}) => {
    const path = kind === 'gupdate' ? '/service/update2/crx' : '/service/update2/json'
    const upstream = openUpstream(`${kind}:${url}${path}`, { transport: nodeTransport() })
    const there = { app, channel: 'stable', boards: ['any'], to: 'prod', packages: 'copy', create: true } as const
    return { upstream, planned: planOffer(own.publisher, upstream, { ...there, ...more }) }
  }
  return {
    ...{ origin, own, url, platte, close: server.close },
    answer: (other: Instead): void => {
      instead = other
    },
    /** Requests for packages. */
    files: () => server.seen.filter(({ method, path }) => method === 'GET' && path.startsWith('/packages/')).length,
    seen: server.seen,
    plan,
    run: async (kind: 'gupdate' | 'omaha-json', more?: Partial<Adoption>): Promise<EditResult> => {
      const { upstream, planned } = plan(kind, more)
      return adoptOffer(own.publisher, upstream, await planned)
    },
  }
}
export type Scene = Awaited<ReturnType<typeof scene>>
