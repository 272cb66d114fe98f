/**
 * The publish function: `POST /v1/<action>` for each order, with the identity token of a pipeline, and
 * `POST /v1/refresh`, which does for one channel what the schedule does and needs no token.
 */
import type { Context, Hono } from 'hono'
import * as fields from '../documents/fields.ts'
import { type Action, actions, type Order, readOrder } from '../documents/orders.ts'
import { channelKey } from '../documents/paths.ts'
import { PlatteError } from '../errors.ts'
import { authorise } from '../service/authorise.ts'
import { answerOrder, type PublishFunction } from '../service/publish-function.ts'
import type { Place } from '../service/reading.ts'
import { readBytes } from './body.ts'
import { refuse } from './refuse.ts'
import type { Authorize, Routes } from './serving.ts'

/** As long as a manifest may be. */
const maxOrderBytes = 1024 * 1024
/** Who asks more often is told to wait: a look reads the store. */
const refreshEveryMs = 1000
const noStore = { 'cache-control': 'no-store' }

export interface PublishServing {
  readonly publishFunction: PublishFunction
  readonly asked: Asked
  /** Names what was committed in one channel. */
  readonly refresh: (place: Place) => Promise<object>
  /** What is published is answered from here on; without waiting for the next look. */
  readonly reload: () => Promise<void>
}

/** What is remembered between requests: plain data. */
export interface Asked {
  /** When a refresh was last asked for, in milliseconds. */
  at: number
}

/** Every path of the publish function, and of uploads. */
export const publishPaths: readonly string[] = [
  ...actions.map((action) => `/v1/${action}`),
  ...['/v1/refresh', '/v1/uploads', '/v1/uploads/*'],
]

/** The routes of the publish function, for `createApp`. */
export function publishRoutes(serving: PublishServing): Routes {
  const { publishFunction, reload } = serving
  const take = (action: Action) => async (c: Context) => {
    const bytes = await readBytes(c.req.raw, maxOrderBytes)
    const { manifest, ...said } = parseJson(bytes)
    const order = readOrder(action, said, 'usage') as Order
    const asked = { order, bytes, token: tokenOf(c.req.raw), manifest: envelopeOf(manifest) }
    const answer = await answerOrder(publishFunction, asked)
    if (!order.dryRun) await reload()
    const key = channelKey(
      order.app,
      action === 'channel-rename' ? String(said.name) : order.channel,
      Number(answer.seq),
    )
    return c.json({ ...answer, manifest: `/${key}` }, 200, noStore)
  }
  const post = 'only POST is answered here'
  return (app: Hono) => {
    for (const action of actions)
      app.post(`/v1/${action}`, take(action)).all((c: Context) => refuse(c, 405, post, { allow: 'POST' }))
    app.post('/v1/refresh', refreshing(serving)).all((c: Context) => refuse(c, 405, post, { allow: 'POST' }))
  }
}

function refreshing({ refresh, publishFunction, asked }: PublishServing): (c: Context) => Promise<Response> {
  return async (c) => {
    const place = { app: c.req.query('app') ?? '', channel: c.req.query('channel') ?? '' }
    if (!fields.isName(place.app) || !fields.isName(place.channel))
      return refuse(c, 400, 'say which: /v1/refresh?app=APP&channel=CHANNEL')
    const now = publishFunction.publishing.clock()
    if (now >= asked.at && now - asked.at < refreshEveryMs)
      return refuse(c, 429, 'ask again in a second', { 'retry-after': '1' })
    asked.at = now
    return c.json(await refresh(place), 200, noStore)
  }
}

/** The same check for uploads, which change no channel: their token is not used up. */
export const authorizeBy =
  ({ authorising }: PublishFunction): Authorize =>
  async (request, { action, app, channel }) =>
    void (await authorise(authorising, tokenOf(request), { action, app, channels: [channel] }))

/** @throws PlatteError('unauthorized') */
function tokenOf({ headers }: { readonly headers: Headers }): string {
  const token = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  if (token) return token
  throw new PlatteError('unauthorized', 'send an identity token: Authorization: Bearer TOKEN')
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {}
  throw new PlatteError('usage', 'the body is no JSON object in UTF-8')
}

function envelopeOf(manifest: unknown): object | undefined {
  if (manifest === undefined || (typeof manifest === 'object' && manifest !== null)) return manifest
  throw new PlatteError('usage', 'manifest: must be a signed envelope, {"payload":…,"signatures":[…]}')
}
