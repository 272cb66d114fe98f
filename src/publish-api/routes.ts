/**
 * The publish function: `POST /v1/<action>` for each command and `/v1/uploads`, with the identity token of a pipeline, and
 * `POST /v1/refresh`, which does for one channel what the schedule does and needs no token.
 */
import type { Context } from 'hono'
import { type CatalogCache, reload } from '../catalog/cache.ts'
import { refresh } from '../catalog/edit-catalog.ts'
import { type Action, actions } from '../channels/commands.ts'
import type { Extension, FeatureContext } from '../checks/serving.ts'
import { isName } from '../documents/fields.ts'
import { channelKey } from '../documents/paths.ts'
import { readJson } from '../http/body.ts'
import { bearerToken } from '../http/credentials.ts'
import { newHono } from '../http/hono.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { PlatteError } from '../kernel/errors.ts'
import { authorise } from './authorise.ts'
import { uploadRoutes } from './http-uploads.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import type { Policy } from './policy-document.ts'
import { answerCommand, type PublishFunction, readRequest } from './publish-function.ts'
import { sweepUploads } from './sweep-uploads.ts'
import type { Uploading } from './upload-records.ts'

/** As long as a manifest may be. */
const maxCommandBytes = 1024 * 1024
/** A refresh reads the store: more frequent requests get 429. */
const refreshEveryMs = 1000
const noStore = { 'cache-control': 'no-store' }

/** Every path of the publish function, and of uploads. */
export const publishPaths: readonly string[] = [
  ...actions.map((action) => `/v1/${action}`),
  ...['/v1/refresh', '/v1/uploads', '/v1/uploads/*'],
]

/** Reads keys for each request that publishes: Workers share no promises between requests. */
export async function openPublishFunction(policy: Policy, context: FeatureContext): Promise<Extension> {
  const { cache, packages, newHasher, openWriter, openUploads } = context
  const receiving = { packages, newHasher, uploads: await openUploads() }
  const remembered: IssuerKeys = new Map()
  const lastRefresh = { at: Number.NEGATIVE_INFINITY }
  const answer = async (c: Context): Promise<Response> => {
    const publisher = { ...(await openWriter()), ...receiving }
    const authorising = { policy, remembered, clock: publisher.clock }
    const inner = newHono()
    const notPost = (c: Context) => refuseMethod(c, 'POST')
    for (const action of actions)
      inner.post(`/v1/${action}`, (c) => answerAction(c, action, { publisher, authorising }, cache)).all(notPost)
    inner.post('/v1/refresh', (c) => answerRefresh(c, publisher, { cache, lastRefresh })).all(notPost)
    uploadRoutes({
      uploading: publisher,
      // Uploads change no channel: their token is not used up.
      authorize: async (request, { action, app, channel }) =>
        void (await authorise(authorising, tokenOf(request), { action, app, channels: [channel] })),
    })(inner)
    inner.onError((error) => {
      throw error
    })
    return inner.fetch(c.req.raw)
  }
  return {
    name: 'publish-api',
    mount: (app) => {
      for (const path of publishPaths) app.all(path, answer)
    },
    onSchedule: async (writer, most) => void (await sweepUploads({ ...writer, ...receiving }, most)),
  }
}

async function answerAction(
  c: Context,
  action: Action,
  { publisher, authorising }: PublishFunction,
  cache: CatalogCache,
): Promise<Response> {
  const { bytes, value } = await readJson(c.req.raw, maxCommandBytes)
  const request = readRequest(action, value)
  const logged = { ...publisher, log: requestLog(publisher.log, c.req.raw) }
  const answer = await answerCommand(
    { publisher: logged, authorising },
    { ...request, bytes, token: tokenOf(c.req.raw) },
  )
  if (!request.isPlan) await reload(cache, publisher)
  const { command } = request
  const channel = command.action === 'channel-rename' ? command.name : command.channel
  return c.json({ ...answer, manifest: `/${channelKey(command.app, channel, Number(answer.seq))}` }, 200, noStore)
}

async function answerRefresh(
  c: Context,
  publisher: Uploading,
  { cache, lastRefresh }: { readonly cache: CatalogCache; readonly lastRefresh: { at: number } },
): Promise<Response> {
  const only = { app: c.req.query('app') ?? '', channel: c.req.query('channel') ?? '' }
  if (!isName(only.app) || !isName(only.channel))
    return refuse(c, 'bad-request', 'name the channel: /v1/refresh?app=APP&channel=CHANNEL')
  const now = publisher.clock()
  if (now >= lastRefresh.at && now - lastRefresh.at < refreshEveryMs)
    return refuse(c, 'rate-limited', 'ask again in a second', { headers: { 'retry-after': '1' } })
  lastRefresh.at = now
  const { kind, expires, rolled } = await refresh(publisher, { seen: cache.state, only })
  if (kind === 'refreshed') await reload(cache, publisher)
  return c.json({ kind, expires, rolled }, 200, noStore)
}

/** @throws PlatteError('unauthorized') */
function tokenOf({ headers }: { readonly headers: Headers }): string {
  const token = bearerToken(headers)
  if (token) return token
  throw new PlatteError('unauthorized', 'send an identity token: Authorization: Bearer TOKEN')
}
