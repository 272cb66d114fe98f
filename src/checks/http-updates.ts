/** Omaha update checks over HTTP. */
import type { Context } from 'hono'
import { packageFolder } from '../documents/paths.ts'
import { readBody } from '../http/body.ts'
import { idHeader, idsOf, type RequestIds } from '../http/request-id.ts'
import type { Decision } from '../release/decide.ts'
import { reasonText } from '../release/explanation.ts'
import type { Candidate } from '../release/view.ts'
import type { CheckEvent, FleetEvent } from './events.ts'
import type { OmahaAppRequest, OmahaAppResponse, OmahaOffer, OmahaRequest } from './omaha/omaha.ts'
import { parseOmahaRequest, renderOmahaResponse } from './omaha/xml.ts'
import { answering, type Serving } from './serving.ts'
import {
  type Answering,
  appKey,
  checkForUpdate,
  decideAtOnce,
  type Query,
  upgradePathForSyncer,
} from './update-check.ts'

const xml = { 'content-type': 'text/xml; charset=utf-8', 'cache-control': 'no-store' }

/** Answers a POST with an Omaha 3.0 response, 200 whatever the decision. */
export function answerUpdate(serving: Serving): (c: Context) => Promise<Response> {
  const offers = new WeakMap<Candidate, OmahaOffer>()
  return async (c) => {
    const request = parseOmahaRequest(await readBody(c.req.raw))
    const service = answering(serving, c)
    const ids = idsOf(c.req.raw)
    const apps: OmahaAppResponse[] = []
    for (const app of request.apps) {
      const query = queryOf(request, app)
      if (app.syncer !== undefined && app.updateCheck) {
        apps.push(await answerSyncer({ serving, offers, request, ids }, app, { service, query }))
        continue
      }
      const decision = app.updateCheck
        ? (decideAtOnce(service, query) ?? (await checkForUpdate(service, query)))
        : undefined
      apps.push(answerApp({ serving, offers, request, ids }, app, query.app, decision))
    }
    if (serving.locks) await serving.locks.note(serving, service, request.apps)
    return new Response(renderOmahaResponse({ apps }), { headers: { ...xml, [idHeader]: ids.requestId } })
  }
}

const queryOf = (
  { installSource }: OmahaRequest,
  { appId, track, version, board, oem, machineId }: OmahaAppRequest,
): Query => ({
  app: appKey(appId),
  channel: track,
  version,
  board,
  oem,
  machineId,
  isManual: installSource === 'ondemandupdate',
})

interface Answer {
  readonly serving: Serving
  readonly offers: WeakMap<Candidate, OmahaOffer>
  readonly request: OmahaRequest
  readonly ids: RequestIds
}

/** @param decision `undefined` where the app did not ask for one. */
function answerApp(
  { serving, offers, request, ids }: Answer,
  app: OmahaAppRequest,
  key: string,
  decision: Decision | undefined,
): OmahaAppResponse {
  const { appId, ping, events } = app
  tellEvents(serving, key, app, ids)
  if (decision === undefined) return { appId, status: 'ok', ping, events: events.length }
  tell(serving, checkEvent(key, app, { request, ids }, decision))
  return {
    appId,
    status: decision.kind === 'no-update' && decision.reason === 'unknown-app' ? 'error-unknownApplication' : 'ok',
    ping,
    updateCheck:
      decision.kind === 'update'
        ? offerOf(serving, offers, key, app.board, decision.offer)
        : { reason: reasonText(decision) },
    events: events.length,
  }
}

/**
 * A Nebraska that copies: it is told every floor, and where it cannot take several releases at once, nothing while there
 * are floors; its machines would jump them.
 */
async function answerSyncer(
  { serving, offers, request, ids }: Answer,
  app: OmahaAppRequest,
  { service, query }: { readonly service: Answering; readonly query: Query },
): Promise<OmahaAppResponse> {
  const way = await upgradePathForSyncer(service, query)
  const { steps } = way.kind === 'way' ? way : {}
  const last = steps?.at(-1)
  const isTooMany = way.kind === 'way' && app.syncer === 'one' && (way.steps.length > 1 || !way.isWhole)
  const decision: Decision =
    way.kind === 'no-update'
      ? way
      : last && !isTooMany
        ? { kind: 'update', offer: last }
        : { kind: 'no-update', reason: 'floor-held', because: 'this syncer takes no floors' }
  const answer = answerApp({ serving, offers, request, ids }, app, query.app, decision)
  if (way.kind === 'no-update' || isTooMany || app.syncer === 'one') return answer
  const [first, ...others] = way.steps.map((one) => ({
    offer: offerOf(serving, offers, query.app, app.board, one),
    floor: one.release.floor?.reason,
    isTarget: one === last && way.isWhole,
  }))
  return first ? { ...answer, updateCheck: { steps: [first, ...others] } } : answer
}

/** One object for each release and board, so that its rendering is made once. */
function offerOf(
  { publicUrl }: Serving,
  offers: WeakMap<Candidate, OmahaOffer>,
  app: string,
  board: string,
  candidate: Candidate,
): OmahaOffer {
  const known = offers.get(candidate)
  if (known) return known
  const { version } = candidate.release
  const { codebases, packages } = candidate.packages
  const [first, ...others] = codebases
  const [os, ...extras] = packages
  const offer: OmahaOffer = {
    version,
    codebases: first ? [first, ...others] : [`${publicUrl}/${packageFolder({ app, version, board }, packages)}`],
    packages: [{ ...os, required: true }, ...extras.map((one) => ({ ...one, required: one.required ?? true }))],
  }
  offers.set(candidate, offer)
  return offer
}

/** A sink never throws; one that has a defect costs its event, and no check. */
function tell({ events, reader }: Serving, event: FleetEvent): void {
  try {
    events(event)
  } catch (error) {
    reader.log({ level: 'error', event: 'events', problem: `a defect: ${error}` })
  }
}

function checkEvent(
  key: string,
  app: OmahaAppRequest,
  { request, ids }: Pick<Answer, 'request' | 'ids'>,
  decision: Decision,
): CheckEvent {
  return {
    level: 'info',
    event: 'check',
    app: short(key),
    channel: short(app.track),
    version: short(app.version),
    board: short(app.board),
    machine: short(app.machineId),
    oem: short(app.oem),
    source: short(request.installSource),
    decision: decision.kind,
    reason: decision.kind === 'update' ? undefined : decision.reason,
    offered: decision.kind === 'update' ? decision.offer.release.version : undefined,
    because: decision.kind === 'update' ? undefined : decision.because,
    problem: app.problem,
    requestId: ids.requestId,
    traceparent: ids.traceparent,
  }
}

/** update_engine sends one event a request; a log line for each of many would let a small request fill a disk. */
const maxEventLines = 4

/** Every check carries an event that says nothing new; those are not worth a line. */
function tellEvents(serving: Serving, key: string, app: OmahaAppRequest, ids: RequestIds): void {
  const news = app.events.filter(
    ({ type, result, previousVersion }) => type !== 3 || result !== 2 || previousVersion !== undefined,
  )
  if (news.length > maxEventLines)
    serving.reader.log({ level: 'warn', event: 'event', app: short(key), dropped: news.length - maxEventLines, ...ids })
  for (const { type, result, errorCode, previousVersion } of news.slice(0, maxEventLines)) {
    tell(serving, {
      level: 'info',
      event: 'event',
      app: short(key),
      channel: short(app.track),
      version: short(app.version),
      board: short(app.board),
      machine: short(app.machineId),
      type,
      result,
      error: errorCode && `${errorCode.base} ${errorCode.name}`,
      previous: previousVersion && short(previousVersion),
      ...ids,
    })
  }
}

/** A client's words in a log are cut at this many characters. */
const short = (text: string): string => (text.length > 64 ? `${text.slice(0, 63)}…` : text)

/** Says in plain words that the endpoint is up: people who open it in a browser take a 404 for an outage. */
export function describeUpdateEndpoint(c: Context): Response {
  return c.text(
    `This is an Omaha update endpoint, and it is up.

Machines ask it with POST. In update.conf:
  SERVER=<this URL>
  GROUP=<channel>
By hand:
  curl -sS --data-binary @request.xml -H 'Content-Type: text/xml' <this URL>
Health: /healthz
`,
    200,
    { 'cache-control': 'no-store' },
  )
}
