/**
 * Lambda's Runtime API on 127.0.0.1: hands events to a runtime client, one at a time, and takes its answers.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

const version = '/2018-06-01/runtime'
const deadlineMs = 30_000

export interface RuntimeApi {
  /** As AWS_LAMBDA_RUNTIME_API takes it. */
  readonly ref: string
  /** @throws Error with what the function, or its start, failed with. */
  invoke(event: unknown): Promise<unknown>
  close(): Promise<void>
}

interface Invocation {
  readonly id: string
  readonly event: unknown
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const waiting: Invocation[] = []
  const running = new Map<string, Invocation>()
  let next: ServerResponse | undefined

  const hand = (): void => {
    const invocation = next && waiting.shift()
    if (next === undefined || invocation === undefined) return
    running.set(invocation.id, invocation)
    next.writeHead(200, {
      'Content-Type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': invocation.id,
      'Lambda-Runtime-Deadline-Ms': String(Date.now() + deadlineMs),
      'Lambda-Runtime-Invoked-Function-Arn': 'arn:aws:lambda:eu-central-1:123456789012:function:platte',
      'Lambda-Runtime-Trace-Id': 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1',
    })
    next.end(JSON.stringify(invocation.event))
    next = undefined
  }
  const settle = (id: string, kind: string, body: string): boolean => {
    const invocation = running.get(id)
    if (invocation === undefined) return false
    running.delete(id)
    if (kind === 'response') invocation.resolve(JSON.parse(body))
    else invocation.reject(new Error(body))
    return true
  }
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [method, path = ''] = [request.method, request.url]
    if (method === 'GET' && path === `${version}/invocation/next`) {
      next = response
      return hand()
    }
    const body = await text(request)
    const [, id = '', kind = ''] = /^\/invocation\/([^/]+)\/(response|error)$/.exec(path.slice(version.length)) ?? []
    const isInit = path === `${version}/init/error`
    if (isInit) for (const { reject } of waiting.splice(0)) reject(new Error(body))
    const isKnown = method === 'POST' && path.startsWith(version) && (isInit || settle(id, kind, body))
    response.writeHead(isKnown ? 202 : 400, { 'Content-Type': 'application/json' }).end('{"status":"OK"}')
  }

  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    ref: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    invoke: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ id: randomUUID(), event, resolve, reject })
        hand()
      }),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
