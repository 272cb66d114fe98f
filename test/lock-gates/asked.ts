/** A server of gates, receivers and Prometheus, whose answers are set by hand. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer =>
  (_, response) =>
    void response.writeHead(code, headers).end(body)

/** Takes the request, and says nothing. */
export const silence: Answer = () => {}

export interface Asked {
  readonly url: string
  /** Paths with their queries, in order. */
  readonly paths: readonly string[]
  answer(next: Answer): void
  close(): void
}

export async function openAsked(first: Answer): Promise<Asked> {
  let now = first
  const paths: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      paths.push(request.url ?? '')
      now(request, response, Buffer.concat(chunks).toString())
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    paths,
    answer: (next) => {
      now = next
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
