/** The least that node:http can do for the same bytes in and out, without a framework. */
import type { RequestListener, Server } from 'node:http'
import type { Answer } from './bare.ts'

/** Gives these answers in turn, instead of the server's own while `isOn`. */
export function answerRaw(server: Server, answers: readonly [Answer, ...Answer[]], isOn: () => boolean): void {
  const others = server.listeners('request') as RequestListener[]
  let turn = 0
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    if (!isOn()) {
      for (const other of others) other(request, response)
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { text, headers } = answers[turn++ % answers.length] ?? answers[0]
      Buffer.concat(chunks).toString()
      response.writeHead(200, { ...headers, 'Content-Length': Buffer.byteLength(text) }).end(text)
    })
  })
}
