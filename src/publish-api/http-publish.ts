/**
 * The publish function: `POST /v1/<action>` for each command, with the identity token of a pipeline, and
 * `POST /v1/refresh`, which does for one channel what the schedule does and needs no token.
 */
import type { Context, Hono } from 'hono'
import type { ChannelRef } from '../catalog/read.ts'
import { type Action, actions } from '../channels/commands.ts'
import type { Authorize, Routes } from '../checks/serving.ts'
import * as fields from '../documents/fields.ts'
import { channelKey } from '../documents/paths.ts'
import { readJson } from '../http/body.ts'
import { bearerToken } from '../http/credentials.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { PlatteError } from '../kernel/errors.ts'
import { authorise } from './authorise.ts'
import { answerCommand, type PublishFunction, readRequest } from './publish-function.ts'

/** As long as a manifest may be. */
const maxOrderBytes = 1024 * 1024
/** A refresh reads the store: more frequent requests get 429. */
const refreshEveryMs = 1000
const noStore = { 'cache-control': 'no-store' }

export interface PublishServing {
  readonly publishFunction: PublishFunction
  readonly request: Asked
  /** Names what was committed in one channel. */
  readonly refresh: (ref: ChannelRef) => Promise<object>
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
    const { bytes, value } = await readJson(c.req.raw, maxOrderBytes)
    const request = readRequest(action, value)
    const publisher = { ...publishFunction.publisher, log: requestLog(publishFunction.publisher.log, c.req.raw) }
    const answer = await answerCommand(
      { ...publishFunction, publisher },
      { ...request, bytes, token: tokenOf(c.req.raw) },
    )
    if (!request.isPlan) await reload()
    const { command } = request
    const channel = command.action === 'channel-rename' ? command.name : command.channel
    const key = channelKey(command.app, channel, Number(answer.seq))
    return c.json({ ...answer, manifest: `/${key}` }, 200, noStore)
  }
  return (app: Hono) => {
    for (const action of actions) app.post(`/v1/${action}`, take(action)).all((c: Context) => refuseMethod(c, 'POST'))
    app.post('/v1/refresh', refreshing(serving)).all((c: Context) => refuseMethod(c, 'POST'))
  }
}

function refreshing({ refresh, publishFunction, request }: PublishServing): (c: Context) => Promise<Response> {
  return async (c) => {
    const ref = { app: c.req.query('app') ?? '', channel: c.req.query('channel') ?? '' }
    if (!fields.isName(ref.app) || !fields.isName(ref.channel))
      return refuse(c, 'bad-request', 'say which: /v1/refresh?app=APP&channel=CHANNEL')
    const now = publishFunction.publisher.clock()
    if (now >= request.at && now - request.at < refreshEveryMs)
      return refuse(c, 'rate-limited', 'ask again in a second', { headers: { 'retry-after': '1' } })
    request.at = now
    return c.json(await refresh(ref), 200, noStore)
  }
}

/** The same check for uploads, which change no channel: their token is not used up. */
export const authorizeBy =
  ({ authorising }: PublishFunction): Authorize =>
  async (request, { action, app, channel }) =>
    void (await authorise(authorising, tokenOf(request), { action, app, channels: [channel] }))

/** @throws PlatteError('unauthorized') */
function tokenOf({ headers }: { readonly headers: Headers }): string {
  const token = bearerToken(headers)
  if (token) return token
  throw new PlatteError('unauthorized', 'send an identity token: Authorization: Bearer TOKEN')
}
