/** A client that costs little: keep-alive connections that post the same bytes again as soon as they are answered. Started by checks.ts. */
import { connect, type Socket } from 'node:net'
import { request } from './world.ts'

/** Enough to keep a server busy at all times. */
const connections = 32

const [port = '0', seconds = '10'] = process.argv.slice(2)
const head = `POST /v1/update/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: */*\r\nContent-Type: text/xml\r\nContent-Length: ${request.length}\r\n\r\n`
const bytes = Buffer.from(head + request)
const end = performance.now() + Number(seconds) * 1000

for (let i = 0; i < connections; i++) askForever(connect(Number(port), '127.0.0.1'))
stayAwake()

/** Waking a client that sleeps costs the server's write some 10 µs, more often where the server is slower. */
function stayAwake(): void {
  if (performance.now() < end) setImmediate(stayAwake)
}

function askForever(socket: Socket): void {
  let missing = 0
  socket.setNoDelay(true)
  socket.on('connect', () => socket.write(bytes))
  socket.on('error', () => process.exit(1))
  socket.on('data', (chunk) => {
    missing += missing === 0 ? lengthOf(chunk) - chunk.length : -chunk.length
    if (missing > 0) return
    if (performance.now() < end) socket.write(bytes)
    else socket.destroy()
  })
}

/** Bytes of the answer that starts here. Its head comes in one piece, since the server writes it in one. */
function lengthOf(chunk: Buffer): number {
  const bodyAt = chunk.indexOf('\r\n\r\n') + 4
  const length = /content-length: (\d+)/i.exec(chunk.toString('latin1', 0, bodyAt))?.[1]
  if (chunk.toString('latin1', 9, 12) !== '200' || length === undefined) process.exit(1)
  return bodyAt + Number(length)
}
