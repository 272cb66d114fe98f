/** What joins the log lines of one request: its id, and the trace that it belongs to. */
import type { Hono } from 'hono'
import { type Log, logWith } from '../kernel/log.ts'

/** Fields of a log line. */
export interface RequestIds {
  /** The caller's `x-request-id`, or one that is made here. */
  readonly requestId: string
  /** As it was sent; `undefined` where it is not well-formed. */
  readonly traceparent: string | undefined
}

export const idHeader = 'x-request-id'

/** Letters and digits that no log, shell or page takes for anything else. */
const safeId = /^[\w.=-]{1,128}$/
/** W3C Trace Context, section 3.2: version ff and ids of zeros are invalid. */
const validTrace = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

type HeaderValue = string | null | undefined

/** @param given the value of `idHeader`. */
export const readIds = (given: HeaderValue, traceparent: HeaderValue): RequestIds => ({
  requestId: given && safeId.test(given) ? given : newId(),
  traceparent: traceparent && validTrace.test(traceparent) ? traceparent : undefined,
})

/** 12 random digits of this process and a count: a UUID for each request would cost a check ten times as much. */
let prefix = ''
let count = 0

function newId(): string {
  // Not when the module loads: Workers have no random numbers there.
  if (prefix === '') prefix = `${crypto.randomUUID().slice(24)}-`
  count += 1
  return prefix + count
}

/** On the request itself, so that every layer has the same; a WeakMap costs a check more than all the rest of this. */
const key = Symbol('request ids')

export function idsOf(request: Request & { [key]?: RequestIds }): RequestIds {
  request[key] ??= readHeaders(request)
  return request[key]
}

export const readHeaders = ({ headers }: Request): RequestIds =>
  readIds(headers.get(idHeader), headers.get('traceparent'))

/** Sends the id back with every answer. */
export function sendRequestIds(app: Hono): void {
  const { fetch } = app
  app.fetch = async (request, ...more) => {
    const response = await fetch(request, ...more)
    response.headers.set(idHeader, idsOf(request).requestId)
    return response
  }
}

/** The same log with the ids of a request in every line. */
export const requestLog = (log: Log, request: Request): Log => logWith(log, idsOf(request))
