/** The two ways to reach an endpoint: in this process, and over a socket. */
import { type IncomingMessage, request } from 'node:http'
import type { Send } from './runner.ts'

/** Calls `fetch` in this process, as a server in front of it would. */
export function sendInside(fetch: (request: Request) => Response | Promise<Response>): Send {
  return async ({ method, path, headers, body }) => {
    const isChunked = 'Transfer-Encoding' in headers
    const response = await fetch(
      new Request(`http://127.0.0.1${path}`, {
        method,
        headers,
        ...(body && { body: isChunked ? new Blob([body]).stream() : body, duplex: 'half' }),
      }),
    )
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: new Uint8Array(await response.arrayBuffer()),
    }
  }
}

/** Over a connection of its own for each request, as update_engine does; the path and the framing are sent as they are. */
export function sendOver(url: string): Send {
  return async ({ method, path, headers, body }) => {
    const { hostname, port } = new URL(url)
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const sent = request({ hostname, port, method, path, headers, agent: false }, resolve)
    // A refusal may come before all was sent; then the rest does not arrive.
    sent.on('error', reject)
    sent.end(body)
    const response = await promise
    const chunks: Uint8Array[] = []
    for await (const chunk of response) chunks.push(chunk)
    return {
      status: response.statusCode ?? 0,
      header: (name) => response.headers[name]?.toString(),
      body: Buffer.concat(chunks),
    }
  }
}
