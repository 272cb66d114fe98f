/** The one core of an update check: a body in, an answer out. What listens for requests is a shell around it. */
import type { Background } from '../catalog/cache.ts'
import { packagesUrlOf } from '../documents/paths.ts'
import { failureText, kindOf } from '../http/problem.ts'
import { idHeader, type RequestIds } from '../http/request-id.ts'
import { after, type MaybePromise, mapInOrder } from '../kernel/maybe-promise.ts'
import type { BoardPackages } from '../release/channel.ts'
import { boardNameOf } from '../release/decide.ts'
import { reasonText } from '../release/explanation.ts'
import { type Dialect, xmlDialect } from './dialect.ts'
import { reportContact, reportNoApp, reportRefusal, type Sender } from './events.ts'
import type { Alike } from './omaha/alike.ts'
import {
  type OmahaAppRequest,
  type OmahaAppResponse,
  type OmahaOffer,
  type OmahaPatch,
  type OmahaRequest,
  rollbackError,
} from './omaha/omaha.ts'
import type { Serving } from './serving.ts'
import { type Answering, appKey, type Checked, checkForUpdate, onBoard, type Query } from './update-check.ts'

/** What a shell sends. */
export interface CheckAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a shell knows of a request beside its body. */
export interface CheckContext extends Sender {
  readonly background: Background
}

/** In the order of a Response. The id's name is `idHeader`, written out: an object with a computed name costs a check 1 %. */
const answerHeaders = ({ requestId }: RequestIds, { contentType }: Dialect) => ({
  'cache-control': 'no-store',
  'content-type': contentType,
  'x-request-id': requestId,
})
const refusalHeaders = { 'cache-control': 'no-store', 'content-type': 'text/plain; charset=UTF-8' }

export type CheckCore = ReturnType<typeof openChecks>

/** Answers checks; never throws or rejects. */
export function openChecks(serving: Serving) {
  const { cache, reader, review, extensions = [] } = serving
  const onChecks = extensions.flatMap(({ onCheck }) => onCheck ?? [])
  const json = extensions.find((one) => one.json)?.json
  const offers = new WeakMap<BoardPackages, OmahaOffer>()
  const refuse = (error: unknown, context: CheckContext, body?: string): CheckAnswer => {
    const failure = reportRefusal(serving, error, context, body)
    const headers = { ...refusalHeaders, [idHeader]: context.ids.requestId }
    return { status: kindOf(failure.code).status, headers, body: failureText(failure) }
  }
  /** At once, unless the store has to be read first. */
  const answerIn = (dialect: Dialect, text: string, context: CheckContext): MaybePromise<CheckAnswer> => {
    try {
      const request = dialect.parse(text)
      const { background, ids } = context
      if (request.apps.length === 0) reportNoApp(serving, context)
      const checking = { cache, reader, review, background, serving, offers, request, ids }
      const answer = after(
        mapInOrder(request.apps, (app) => answerApp(checking, app)),
        (apps) => {
          const body = dialect.render(request, apps, reader.clock())
          const rendered = { status: 200, headers: answerHeaders(ids, dialect), body }
          if (onChecks.length === 0) return rendered
          const noted = { apps: request.apps, ids }
          return Promise.all(onChecks.map((run) => run(serving, checking, noted))).then(() => rendered)
        },
      )
      return answer instanceof Promise ? answer.catch((error) => refuse(error, context, text)) : answer
    } catch (error) {
      return refuse(error, context, text)
    }
  }
  return {
    prover: extensions.find((one) => one.prover)?.prover,
    /** Answers a check whose body could not be read. */
    refuse,
    answerIn,
    /** Answers the body of a check, in the dialect that it begins in. */
    answer: (body: string, context: CheckContext): MaybePromise<CheckAnswer> =>
      answerIn(json !== undefined && isJson(body) ? json : xmlDialect, body, context),
  }
}

/** XML begins with "<", perhaps behind blanks and a byte order mark. */
const isJson = (body: string): boolean => !body.startsWith('<') && /^\s*\{/.test(body)

/** One request that is being answered. */
interface Checking extends Answering {
  readonly serving: Serving
  /** One object for each release and board, so that its rendering is made once. */
  readonly offers: WeakMap<BoardPackages, OmahaOffer>
  readonly request: OmahaRequest & { readonly alike?: Alike }
  readonly ids: RequestIds
}

function answerApp(checking: Checking, app: OmahaAppRequest): MaybePromise<OmahaAppResponse> {
  const query = queryOf(checking.request, app)
  if (!app.updateCheck) return responseOf(checking, app, query)
  if (app.syncer !== undefined) return answerSyncer(checking, app, query)
  if (app.client !== undefined) return answerClient(checking, app, query)
  return after(checkForUpdate(checking, query), (decision) => responseOf(checking, app, query, decision))
}

function queryOf({ installSource }: OmahaRequest, app: OmahaAppRequest): Query {
  const { appId, track: channel, version, board, oem, machineId, limits, syncer, events, client } = app
  const hasFallenBack = events.some(({ errorCode }) => errorCode?.base === rollbackError)
  return {
    app: appKey(appId),
    channel,
    version,
    board,
    oem,
    machineId: client === undefined ? machineId : client.rampId,
    isManual: client === undefined ? installSource === 'ondemandupdate' : client.installSource === 'ondemand',
    isSyncer: syncer !== undefined,
    limits: hasFallenBack ? { ...limits, hasFallenBack } : limits,
    browser: client?.browser,
    os: client && app.oemVersion,
  }
}

const answerClient = (checking: Checking, app: OmahaAppRequest, asked: Query): MaybePromise<OmahaAppResponse> =>
  after(onBoard(checking, asked), (query) =>
    after(checkForUpdate(checking, query), (decision) => responseOf(checking, app, query, decision)),
  )

/** `decision` is `undefined` for an app without an updatecheck. */
function responseOf(checking: Checking, app: OmahaAppRequest, query: Query, decision?: Checked): OmahaAppResponse {
  const { appId, ping } = app
  const events = app.events.length
  reportContact(checking, query.app, app, decision)
  if (decision === undefined) return { appId, status: 'ok', ping, events }
  const isUpdate = decision.kind === 'update'
  return {
    appId,
    status: !isUpdate && decision.reason === 'unknown-app' ? 'error-unknownApplication' : 'ok',
    ping,
    updateCheck: isUpdate ? offerOf(checking, query, decision) : { reason: reasonText(decision) },
    events,
  }
}

/**
 * A Nebraska that copies releases gets one step of its path. One that cannot mark floors gets none of them: its machines
 * would jump over them.
 */
function answerSyncer(checking: Checking, app: OmahaAppRequest, query: Query): MaybePromise<OmahaAppResponse> {
  return after(checkForUpdate(checking, query), (decided) => {
    const floor = decided.kind === 'update' ? decided.offer.floor?.reason : undefined
    const decision = app.syncer === 'one' && floor !== undefined ? noFloors : decided
    const response = responseOf(checking, app, query, decision)
    if (app.syncer === 'one' || decision.kind === 'no-update') return response
    return { ...response, updateCheck: { step: offerOf(checking, query, decision), floor } }
  })
}

const noFloors: Checked = { kind: 'no-update', reason: 'floor-held', because: 'this syncer takes no floors' }

type Offered = Extract<Checked, { readonly kind: 'update' }>

function offerOf({ serving, offers }: Checking, query: Query, { offer: candidate, packages: of }: Offered): OmahaOffer {
  const known = offers.get(of)
  if (known) return known
  const { version } = candidate.release
  const { codebases, packages } = of
  const [os, ...extras] = packages
  const first = packagesUrlOf(serving.publicUrl, { app: query.app, version, board: boardNameOf(query) }, of)
  const offer: OmahaOffer = {
    version,
    codebases: [first, ...codebases.slice(1)],
    packages: [
      { ...os, required: true },
      ...extras.filter(({ patch }) => !patch).map((one) => ({ ...one, required: one.required ?? true })),
    ],
    install: os.install ?? {},
    patches: extras.filter((one): one is typeof one & OmahaPatch => one.patch !== undefined),
  }
  offers.set(of, offer)
  return offer
}
