/** `GET /v1/graph`: which updates a machine with Zincati may take. */
import type { Context } from 'hono'
import { currentCatalog, findChannel } from '../catalog/cache.ts'
import type { LoadedChannel, Problem } from '../catalog/channels.ts'
import type { ChannelRef } from '../catalog/read.ts'
import { reportContact } from '../checks/events.ts'
import { answering, type Serving } from '../checks/serving.ts'
import { type Answering, decideFor, noUpdateBecause, readAtMost, requireImage } from '../checks/update-check.ts'
import { matches } from '../http/credentials.ts'
import { failureOf, kindOf } from '../http/problem.ts'
import { idsOf, requestLog } from '../http/request-id.ts'
import { textDigest } from '../kernel/digest.ts'
import { groupOf } from '../kernel/group.ts'
import { isImage } from '../release/channel.ts'
import { type Decision, explainReason } from '../release/decide.ts'
import { type Asked, readAsked } from './asked.ts'
import { readGraph } from './graph.ts'

export const graphPath = '/v1/graph'

const common = {
  'content-type': 'application/json',
  'cache-control': 'no-cache',
  'access-control-allow-origin': '*',
}

/** @returns `undefined` for any other path. */
export async function answerGraph(serving: Serving, c: Context): Promise<Response | undefined> {
  if (c.req.path !== graphPath) return undefined
  const { method } = c.req
  if (method !== 'GET' && method !== 'HEAD')
    return refuse(405, 'method_not_allowed', 'the graph is read with GET', { allow: 'GET, HEAD' })
  try {
    return await answer(serving, c)
  } catch (error) {
    const { code, detail } = failureOf(error, requestLog(serving.reader.log, c.req.raw), graphPath)
    return refuse(kindOf(code).status, code.replaceAll('-', '_'), detail)
  }
}

async function answer(serving: Serving, c: Context): Promise<Response> {
  const asked = readAsked((name) => c.req.query(name))
  if (typeof asked === 'string') return refuse(400, 'bad_request', asked)
  const service = answering(serving, c)
  const found = await findStream(service, serving.app, asked)
  if ('reason' in found) {
    report(serving, c, asked, { app: serving.app ?? '', channel: asked.stream }, noUpdateBecause(found))
    return refuseFor(found)
  }
  const { ref, loaded } = found
  const { scheme, payload, basearch: board, version, platform: oem, nodeUuid: machineId, wariness } = asked
  const now = service.reader.clock()
  const query = { ...ref, board, version, oem, machineId, scheme, ...(wariness !== undefined && { wariness }) }
  const decision = requireImage(decideFor(service, query, loaded, now), scheme)
  report(serving, c, asked, ref, decision)
  const body = JSON.stringify(readGraph(loaded.view, { ...query, payload }, decision, now))
  const headers = { ...common, etag: `"${textDigest(body).slice(0, 32)}"` }
  if (matches(c.req.header('if-none-match'), headers.etag)) return new Response(null, { status: 304, headers })
  return new Response(c.req.method === 'HEAD' ? null : body, { headers })
}

type Found = Readonly<{ ref: ChannelRef; loaded: LoadedChannel }>

/**
 * Requests name no app: it is the one of the settings if its channel has images for the board, else the only one whose
 * channel has. @param own the app of the settings.
 */
async function findStream(service: Answering, own: string | undefined, asked: Asked): Promise<Found | Problem> {
  const { cache, reader, background } = service
  const current = await currentCatalog(cache, reader, background)
  if ('reason' in current) return current
  const apps = [...cache.apps.keys()].sort((a, b) => Number(b === own) - Number(a === own))
  const found: Found[] = []
  let problem: Problem | undefined
  for (const app of apps.slice(0, readAtMost)) {
    const one = await findIn(service, app, asked)
    if ('reason' in one) problem = !problem || problem.reason === 'unknown-channel' ? one : problem
    else found.push(one)
    if (app === own && found.length > 0) break
  }
  const [first, second] = found
  if (second !== undefined) return { reason: 'unknown-app', message: 'several apps have this stream: set PLATTE_APP' }
  return first ?? problem ?? { reason: 'unknown-channel', message: '' }
}

/** A group that is an alias leads to its channel, else the stream does. */
async function findIn({ cache, reader }: Answering, app: string, asked: Asked): Promise<Found | Problem> {
  const [group, stream] = [groupOf(asked.group), groupOf(asked.stream)]
  const names = cache.apps.get(app)?.aliases.has(group) ? [group, stream] : [stream]
  for (const channel of names) {
    const loaded = await findChannel(cache, reader, { app, channel })
    if ('reason' in loaded && loaded.reason === 'unknown-channel') continue
    if ('reason' in loaded) return loaded
    const candidates = loaded.view.boards.get(asked.basearch)?.candidates ?? []
    const hasImages = candidates.some(({ packages }) => isImage(packages))
    return hasImages ? { ref: { app, channel }, loaded } : { reason: 'no-release-for-board', message: '' }
  }
  return { reason: 'unknown-channel', message: '' }
}

function report(serving: Serving, c: Context, asked: Asked, ref: ChannelRef, decision: Decision): void {
  const { app: appId, channel: track } = ref
  const { version, basearch: board, nodeUuid: machineId, platform: oem } = asked
  const said = { appId, track, version, board, machineId, oem, oemVersion: '', bootId: '', machineAlias: '' }
  const app = { ...said, ping: false, updateCheck: true, events: [] }
  const request = { protocol: '', installSource: 'scheduler', apps: [app] }
  reportContact({ serving, request, ids: idsOf(c.req.raw) }, appId, app, decision)
}

function refuseFor({ reason, message }: Problem): Response {
  const isKnown = ['unknown-app', 'unknown-channel', 'no-release-for-board'].includes(reason)
  const value = reason === 'unknown-app' ? message : explainReason(reason)
  return refuse(isKnown ? 404 : 503, reason.replaceAll('-', '_'), value)
}

/** As Zincati reads errors: `kind` becomes a label of its metrics. */
const refuse = (status: number, kind: string, value: string, headers: Readonly<Record<string, string>> = {}) =>
  new Response(JSON.stringify({ kind, value }), {
    status,
    headers: { ...common, 'cache-control': 'no-store', ...headers },
  })
