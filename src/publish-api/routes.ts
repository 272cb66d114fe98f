/**
 * The publish function: `POST /v1/<action>` for each command and `/v1/uploads`, with the identity token of a pipeline, and
 * `POST /v1/refresh`, which does for one channel what the schedule does and needs no token.
 *
 * `POST /v1/uploads` lists the missing parts and where to send them, `PUT /v1/uploads/<id>/<number>` takes a part where no
 * bucket does, and `POST /v1/uploads/<id>/complete` verifies what was sent and leaves a receipt. There the id is the secret.
 */
import type { Context, Hono } from 'hono'
import { type CatalogCache, reload } from '../catalog/cache.ts'
import { refresh } from '../catalog/edit-catalog.ts'
import { type Action, actions } from '../channels/commands.ts'
import { loadState } from '../channels/plan.ts'
import { withMarksBelow } from '../channels/promote.ts'
import { requireRoom } from '../channels/room.ts'
import type { Extension, FeatureContext, Routes } from '../checks/serving.ts'
import { maxChannelBytes } from '../documents/channel.ts'
import { isName } from '../documents/fields.ts'
import { channelKey } from '../documents/paths.ts'
import { checkPlain, readJson } from '../http/body.ts'
import { bearerToken } from '../http/credentials.ts'
import { newHono } from '../http/hono.ts'
import { refuse, refuseMethod } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { PayloadKey } from '../payload/keys.ts'
import { type Authorising, authorise, type Intent, type VerifiedToken, verifyToken } from './authorise.ts'
import type { Policy } from './policy-document.ts'
import { answerCommand, type PublishFunction, readRequest } from './publish-function.ts'
import { checkUploadOrder, sweepUploads, type Uploading, type UploadOrder } from './upload-records.ts'
import { type Completed, completeUpload, openUploads, takePart } from './uploads.ts'

/** A command of a megabyte, with the manifest that a pipeline signed. */
const maxCommandBytes = maxChannelBytes + 1024 * 1024
/** An order of 64 packages with long names has 20 kB. */
const maxOrderBytes = 64 * 1024
/** A refresh reads the store: more frequent requests get 429. */
const refreshEveryMs = 1000
const noStore = { 'cache-control': 'no-store' }

/** Paths that take an identity token. */
const tokenPaths: readonly string[] = [...actions.map((action) => `/v1/${action}`), '/v1/uploads']
/** Every path of the publish function, and of uploads. */
export const publishPaths: readonly string[] = [...tokenPaths, '/v1/refresh', '/v1/uploads/*']

/** Reads keys for each request that publishes: Workers share no promises between requests. */
export async function openPublishFunction(policy: Policy, context: FeatureContext): Promise<Extension> {
  const { cache, packages, newHasher, openWriter, openUploads, reader, transport } = context
  const receiving = { packages, newHasher, uploads: await openUploads() }
  const authorising: Authorising = { policy, remembered: new Map(), clock: reader.clock, transport }
  const lastRefresh = { at: Number.NEGATIVE_INFINITY }
  const answer = async (c: Context, token?: VerifiedToken): Promise<Response> => {
    const publisher = { ...(await openWriter()), ...receiving }
    const inner = newHono()
    const notPost = (c: Context) => refuseMethod(c, 'POST')
    for (const action of actions) {
      if (token) inner.post(`/v1/${action}`, (c) => answerAction(c, { action, token }, { publisher, policy }, cache))
      inner.all(`/v1/${action}`, notPost)
    }
    inner.post('/v1/refresh', (c) => answerRefresh(c, publisher, cache, lastRefresh)).all(notPost)
    uploadRoutes({
      uploading: publisher,
      // Uploads change no channel: their token is not used up.
      authorize: async (_, order) => {
        const { app, channel, version, packages } = order
        authoriseUpload(policy, token ?? noToken(), { app, channels: [channel] })
        const state = await loadState(publisher, { ref: { app, channel }, details: withMarksBelow(version, false) })
        // Publishing says what becomes of floors.
        const wanted = { ...order, create: true, skipFloors: true, belowNewest: true }
        await requireRoom(state, wanted, packages, publisher.clock())
        return state.head?.manifest.payloadKeys
      },
    })(inner)
    inner.onError((error) => Promise.reject(error))
    return inner.fetch(c.req.raw)
  }
  return {
    name: 'publish-api',
    mount: (app) => {
      // The token first: without a good one, no body and no key is read.
      for (const path of tokenPaths)
        app.post(path, async (c) =>
          answer(c, await verifyToken(authorising, bearerToken(c.req.raw.headers) || noToken())),
        )
      for (const path of publishPaths) app.all(path, (c) => answer(c))
    },
    onSchedule: async (writer, most) => void (await sweepUploads({ ...writer, ...receiving }, most)),
  }
}

/** Who may publish or adopt into a channel may upload for it. @throws PlatteError('refused') */
function authoriseUpload(policy: Policy, token: VerifiedToken, intent: Omit<Intent, 'action'>): void {
  try {
    authorise(policy, token, { ...intent, action: 'adopt' })
  } catch {
    authorise(policy, token, { ...intent, action: 'publish' })
  }
}

/** @throws PlatteError('unauthorized') */
function noToken(): never {
  throw new PlatteError('unauthorized', 'send an identity token: Authorization: Bearer TOKEN')
}

async function answerAction(
  c: Context,
  { action, token }: { readonly action: Action; readonly token: VerifiedToken },
  { publisher, policy }: PublishFunction,
  cache: CatalogCache,
) {
  const { bytes, value } = await readJson(c.req.raw, maxCommandBytes)
  const request = readRequest(action, value)
  const logged = { ...publisher, log: requestLog(publisher.log, c.req.raw) }
  const answer = await answerCommand({ publisher: logged, policy }, { ...request, bytes, token })
  if (!request.isPlan) await reload(cache, publisher)
  const { command } = request
  const channel = command.action === 'channel-rename' ? command.name : command.channel
  return c.json({ ...answer, manifest: `/${channelKey(command.app, channel, Number(answer.seq))}` }, 200, noStore)
}

async function answerRefresh(c: Context, publisher: Uploading, cache: CatalogCache, lastRefresh: { at: number }) {
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

export interface UploadServing {
  readonly uploading: Uploading
  /** @returns the payload keys of the channel. @throws PlatteError where the sender may not upload to it, or it has no room. */
  readonly authorize: (request: Request, order: UploadOrder) => Promise<readonly PayloadKey[] | undefined>
}

export function uploadRoutes({ uploading, authorize }: UploadServing): Routes {
  const open = async (c: Context): Promise<Response> => {
    const order = checkUploadOrder((await readJson(c.req.raw, maxOrderBytes)).value)
    const keys = await authorize(c.req.raw, order)
    return c.json({ packages: await openUploads(uploading, order, keys) }, 200, noStore)
  }
  const take = async (c: Context): Promise<Response> => {
    const { body, headers } = c.req.raw
    const number = Number(/^[1-9]\d{0,4}$/.exec(c.req.param('number') ?? '')?.[0])
    if (!number) return refuse(c, 'not-found', unknown)
    checkPlain(headers)
    const size = Number(/^\d{1,15}$/.exec(headers.get('content-length') ?? '')?.[0])
    if (body === null || Number.isNaN(size))
      return refuse(c, 'length-required', 'send the part with its Content-Length')
    if ((await takePart(uploading, c.req.param('id') ?? '', { number, size, body })) === 'unknown')
      return refuse(c, 'not-found', unknown)
    return c.json({ number }, 200, noStore)
  }
  const complete = async (c: Context): Promise<Response> => {
    const logged = { ...uploading, log: requestLog(uploading.log, c.req.raw) }
    return answerCompleted(c, await completeUpload(logged, c.req.param('id') ?? ''))
  }
  const others = (allow: string) => (c: Context) => refuseMethod(c, allow)
  return (app: Hono) => {
    app.post('/v1/uploads', open).all(others('POST'))
    app.post('/v1/uploads/:id/complete', complete).all(others('POST'))
    app.put('/v1/uploads/:id/:number', take).all(others('PUT'))
  }
}

const unknown = 'this upload does not exist, or is over: ask for the uploads again'

function answerCompleted(c: Context, completed: Completed): Response {
  if (completed.kind === 'unknown') return refuse(c, 'not-found', unknown)
  if (completed.kind === 'incomplete')
    return refuse(c, 'conflict', `these parts are missing: ${shortened(completed.missing)}; ask for the uploads again`)
  if (completed.kind === 'wrong')
    return refuse(
      c,
      'upload-mismatch',
      `the uploaded bytes differ from those announced, and were removed. ${completed.problem}`,
    )
  const { key, size, sha256, sha1, at } = completed.receipt
  return c.json({ key, size, sha256, sha1, at }, 200, noStore)
}

const shortened = (numbers: readonly number[]): string =>
  numbers.length > 20 ? `${numbers.slice(0, 20).join(', ')} and ${numbers.length - 20} others` : numbers.join(', ')
