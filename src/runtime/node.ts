/** Platte on Node: one process with its own port. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { serve } from '@hono/node-server'
import type { Publisher } from '../channels/publish.ts'
import { jsonLog } from '../kernel/json-log.ts'
import type { Log } from '../kernel/log.ts'
import { checksFirst } from './node-checks.ts'
import { cannotListen, graceMs, type Running, type Served, serveWith, urlHost } from './server.ts'
import type { SettingsWith } from './settings.ts'

/** Idle connections are closed after this time; update_engine gives up after 90 seconds. */
const idleMs = 120_000

/** Serves as `serveWith` does, by node:http. */
export function startServer(settings: SettingsWith<'store' | 'pin'>, publisher: Publisher): Promise<Running> {
  return serveWith(
    async (address, make) => {
      const { server, url } = await listen(address, make)
      return { url, close: () => close(server) }
    },
    settings,
    publisher,
  )
}

/** Listens, then calls `make` with the port, because offers contain it. */
export function listen(
  { host, port }: { readonly host: string; readonly port: number },
  make: (port: number) => Served,
): Promise<{ server: Server; url: string }> {
  return new Promise((resolve, reject) => {
    let served: Served | undefined
    const fetch: Served['fetch'] = (request) => served?.fetch(request) ?? new Response(null, { status: 503 })
    const newServer = (_: object, others: RequestListener) => createServer(checksFirst(() => served?.checks, others))
    const options = { fetch, hostname: host, port, createServer: newServer as typeof createServer }
    const server = serve(options, (info) => {
      served = make(info.port)
      server.setTimeout(idleMs)
      resolve({ server, url: `http://${urlHost(host)}:${info.port}` })
    }) as Server
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(cannotListen({ host, port }, { message: cause.message, isTaken: cause.code === 'EADDRINUSE', cause })),
    )
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}

/**
 * Logs JSON lines to a stream; `flush` writes what is buffered. A failing stream (full disk, closed pipe) loses lines; a
 * slow one is waited for, with a bounded buffer.
 */
export function jsonLogTo(stream: NodeJS.WritableStream): Log & { readonly flush: () => void } {
  stream.on('error', () => {})
  return jsonLog(
    (lines) =>
      new Promise<void>((resolve, reject) => {
        stream.write(lines, (error) => (error ? reject(error) : resolve()))
      }),
  )
}
