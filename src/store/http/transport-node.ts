/**
 * Requests by node:http, which connects to exactly the addresses that were judged: there is no second look-up. A server
 * that closes early fails one request; in `fetch` of Node it can end the process.
 */
import { lookup as systemLookup } from 'node:dns'
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { pipeline } from 'node:stream'
import { messageOf } from '../../kernel/errors.ts'
import type { Reply, Sending, Transport } from './transport.ts'

/** @param lookup how names are resolved; the system's way unless given. */
export function nodeTransport(lookup: LookupFunction = systemLookup): Transport {
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) }
  return async (sending) => {
    const { url, isKept } = sending
    const [module, agent] = url.protocol === 'https:' ? [https, agents.https] : [http, agents.http]
    const ask = (options: RequestOptions): Promise<Reply> =>
      replyTo(module.request(url, { ...optionsOf(sending, lookup), ...options }), sending)
    if (!isKept) return ask({ agent: false })
    // A server may close a kept connection in the moment when it is used again.
    return ask({ agent }).catch((error: unknown) => {
      if (error instanceof StaleConnection) return ask({ agent: false })
      throw error
    })
  }
}

class StaleConnection extends Error {}

const optionsOf = ({ method, headers, signal, judge }: Sending, lookup: LookupFunction): RequestOptions => ({
  ...{ method, headers: { ...headers }, signal },
  lookup: (host, options, done) =>
    lookup(host, options, (error, found, family) => {
      if (error) return done(error, found, family)
      try {
        for (const one of typeof found === 'string' ? [{ address: found }] : found) judge(one.address)
      } catch (refusal) {
        return done(refusal as Error, '', 0)
      }
      done(null, found, family)
    }),
})

function replyTo(request: ClientRequest, { method, body, judge }: Sending): Promise<Reply> {
  return new Promise((resolve, reject) => {
    request.once('response', (response) => {
      // Later errors are thrown to the reader of the body.
      response.on('error', () => {})
      resolve(replyOf(response, method))
    })
    request.once('socket', ({ remoteAddress = '' }) => {
      if (!request.reusedSocket || isIP(remoteAddress) === 0) return
      try {
        judge(remoteAddress)
      } catch (refusal) {
        request.destroy(refusal as Error)
      }
    })
    // Never removed: an error without a listener would end the process.
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')
      reject(isStale ? new StaleConnection(messageOf(error), { cause: error }) : error)
    })
    request.once('close', () => reject(new Error('the connection was closed without an answer')))
    if (!(body instanceof Blob)) return void request.end(body)
    request.setHeader('content-length', body.size)
    // An answer may come before the end of the body; a failure is an error of the request.
    pipeline(body.stream(), request, () => {})
  })
}

function replyOf(response: IncomingMessage, method: Sending['method']): Reply {
  const { statusCode: status = 0, rawHeaders } = response
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '')
  const chunks: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]()
  return {
    ...{ status, headers },
    read: async () => (await chunks.next()).value,
    async drop() {
      // Without a body, the connection stays good for the next request.
      if (method === 'HEAD' || status === 304 || response.complete) response.resume()
      else response.destroy()
    },
  }
}
