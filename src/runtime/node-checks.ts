/**
 * Answers update checks from node:http directly, which costs about half of going through Request and Response. Only the
 * shape that machines send; every other request goes to Hono.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { CheckAnswer, CheckCore } from '../checks/answer.ts'
import { updatePaths } from '../checks/http-updates.ts'
import { bodyBrokeOff, emptyBody, isBlank } from '../http/body.ts'
import { idHeader, readIds } from '../http/request-id.ts'
import { maxRequestBytes } from '../kernel/limits.ts'

/** @param checks is called for each request; `undefined` before anything is served. @param others answers the rest. */
export const checksFirst =
  (checks: () => CheckCore | undefined, others: RequestListener): RequestListener =>
  (request, response) => {
    const core = isPlainCheck(request) ? checks() : undefined
    if (core) answerCheck(core, request, response)
    else others(request, response)
  }

/** Node enforces Content-Length, so this bounds what is read. */
const isPlainCheck = ({ method, url = '', headers }: IncomingMessage): boolean =>
  method === 'POST' &&
  updatePaths.includes(url) &&
  Number(headers['content-length']) <= maxRequestBytes &&
  headers['transfer-encoding'] === undefined &&
  headers['content-encoding'] === undefined &&
  /^[\w.:[\]-]+$/.test(headers.host ?? '')

function answerCheck(core: CheckCore, request: IncomingMessage, response: ServerResponse): void {
  const { headers } = request
  const ids = readIds(headers[idHeader]?.toString(), headers.traceparent?.toString())
  const context = { background: (work: Promise<void>) => void work, path: request.url ?? '', ids }
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('error', (cause) => {
    if (!request.complete) core.refuse(bodyBrokeOff(cause), context)
  })
  request.on('end', () => {
    const [first = Buffer.alloc(0), ...others] = chunks
    const text = (others.length === 0 ? first : Buffer.concat(chunks)).toString()
    const answer = isBlank(text) ? core.refuse(emptyBody(), context) : core.answer(text, context)
    if (answer instanceof Promise) answer.then((later) => send(response, later))
    else send(response, answer)
  })
}

/** A client that disconnected gets no answer: writing to it would emit an error event. */
function send(response: ServerResponse, { status, headers, body }: CheckAnswer): void {
  if (response.destroyed) return
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}
