/**
 * Platte on Node: one process with its own port. It answers update checks from node:http directly, which costs about half
 * of going through Request and Response: only the shape that machines send, every other request goes to Hono.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Publisher } from '../channels/publish.ts'
import type { CheckAnswer, CheckContext, CheckCore } from '../checks/answer.ts'
import { updatePaths } from '../checks/http-updates.ts'
import { answerProven, asksForProof } from '../checks/proof.ts'
import { bodyBrokeOff, emptyBody, isBlank } from '../http/body.ts'
import { idHeader, readIds } from '../http/request-id.ts'
import { systemClock } from '../kernel/clock.ts'
import { jsonLog } from '../kernel/json-log.ts'
import { maxRequestBytes } from '../kernel/limits.ts'
import { type Address, cannotListen, graceMs, type Running, type Served, serveWith, urlOf } from './server.ts'
import type { SettingsWith } from './settings.ts'
import { unparsed } from './unparsed.ts'

/** An import would also read what node:http has for WebSockets, and load all of Node's fetch: a quarter of a start. */
const { createServer } = process.getBuiltinModule('node:http')

/** Idle connections are closed after this time; update_engine gives up after 90 seconds. */
const idleMs = 120_000

/** Serves as `serveWith` does, by node:http. */
export const startServer = (settings: SettingsWith<'store' | 'pin'>, publisher: Publisher): Promise<Running> =>
  serveWith(listen, settings, publisher)

/** Listens, then calls `make` with the port, because offers contain it. */
export function listen({ host, port }: Address, make: (port: number) => Served): Promise<Running & { server: Server }> {
  return new Promise((resolve, reject) => {
    let served: Served | undefined
    const checks = () => served?.checks
    const others = throughRequests(
      (request, peer) => served?.fetch(request, peer) ?? new Response(null, { status: 503 }),
      host,
      checks,
    )
    const server = createServer(checksFirst(checks, others)).on('clientError', unparsed(checks, systemClock))
    server.listen(port, host, () => {
      const info = server.address() as AddressInfo
      served = make(info.port)
      server.setTimeout(idleMs)
      resolve({ server, url: urlOf(host, info.port), stop: () => close(server) })
    })
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(cannotListen({ host, port }, cause.code === 'EADDRINUSE', cause)),
    )
  })
}

/** Request and Response load for the first request that needs them. Where their file is gone, as after an upgrade, checks go on. */
function throughRequests(fetch: Served['fetch'], hostname: string, checks: Checks): RequestListener {
  let listener: RequestListener | undefined
  const load = async (): Promise<RequestListener> => {
    const { getRequestListener } = await import('@hono/node-server')
    listener ??= getRequestListener(fetch, { hostname })
    return listener
  }
  return (request, response) => {
    if (listener) listener(request, response)
    else
      load().then(
        (loaded) => loaded(request, response),
        (error) => {
          const core = checks()
          // Its path may hold a secret.
          if (core) send(response, core.refuse(error, contextOf(request, '')))
          else response.destroy()
        },
      )
  }
}

async function close(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  await closed
  clearTimeout(timer)
}

/** Called for each request; `undefined` before anything is served. */
type Checks = () => CheckCore | undefined

/** @param others answers the rest. */
const checksFirst =
  (checks: Checks, others: RequestListener): RequestListener =>
  (request, response) => {
    const core = isPlainCheck(request) ? checks() : undefined
    if (core) answerCheck(core, request, response)
    else others(request, response)
  }

/** Node enforces Content-Length, so this bounds what is read. */
const isPlainCheck = ({ method, url = '', headers }: IncomingMessage): boolean =>
  method === 'POST' &&
  (updatePaths.includes(url) || (asksForProof(url) && updatePaths.includes(pathOf(url)))) &&
  Number(headers['content-length']) <= maxRequestBytes &&
  headers['transfer-encoding'] === undefined &&
  headers['content-encoding'] === undefined &&
  /^[\w.:[\]-]+$/.test(headers.host ?? '')

const pathOf = (url: string): string => url.split('?', 1)[0] ?? ''

const contextOf = ({ headers }: IncomingMessage, path: string): CheckContext => ({
  background: (work) => void work,
  path,
  ids: readIds(headers[idHeader]?.toString(), headers.traceparent?.toString()),
  agent: () => headers['user-agent'],
})

function answerCheck(core: CheckCore, request: IncomingMessage, response: ServerResponse): void {
  const { url = '' } = request
  const isProven = asksForProof(url)
  const context = contextOf(request, isProven ? pathOf(url) : url)
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('error', (cause) => {
    if (!request.complete) core.refuse(bodyBrokeOff(cause), context)
  })
  request.on('end', () => {
    // Machines send it in one piece.
    const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
    const text = body.toString()
    const answer = isBlank(text)
      ? core.refuse(emptyBody(), context)
      : isProven
        ? answerProven(core, body, url, context)
        : core.answer(text, context)
    if (answer instanceof Promise) answer.then((later) => send(response, later))
    else send(response, answer)
  })
}

/** A client that disconnected gets no answer: writing to it would emit an error event. */
function send(response: ServerResponse, { status, headers, body }: CheckAnswer): void {
  if (response.destroyed) return
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body)
}

/**
 * Logs JSON lines to a stream; `flush` writes what is buffered. A failing stream (full disk, closed pipe) loses lines; a
 * slow one is waited for, with a bounded buffer.
 */
export function jsonLogTo(stream: NodeJS.WritableStream) {
  stream.on('error', () => {})
  return jsonLog(
    (lines) =>
      new Promise<void>((resolve, reject) => void stream.write(lines, (error) => (error ? reject(error) : resolve()))),
  )
}
