/** Posting over plain sockets: a client that costs less than the server that it asks. */
import { connect } from 'node:net'
import { machineId, request } from './world.ts'

/** Enough to keep a server busy at all times. */
export const connections = 32

/** A request as it goes over the wire. */
const postBytes = (path: string, body: string): Buffer =>
  Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nContent-Type: text/xml\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )

/**
 * Checks of so many machines in turn, each under an id of its own; of a single one that of the request.
 * @returns what makes the bytes for one connection, written over for each check: it asks again only when it was answered.
 */
export function checksOf(path: string, machines: number): () => () => Buffer {
  let turn = 0
  return () => {
    const bytes = postBytes(path, request)
    const idAt = bytes.indexOf('machineid="') + 'machineid="'.length
    if (machines > 1)
      return () => {
        bytes.write(machineId(turn++ % machines), idAt, 'latin1')
        return bytes
      }
    return () => bytes
  }
}

/**
 * Posts on one connection for as long as `next` has something to post, the next one when the last is answered.
 * A connection that the server ends behind its answer is made anew. Any other answer than 200 ends this process, loudly.
 * @param wait calls back when the next one may be posted.
 */
export function askForever(
  port: number,
  next: () => Buffer | undefined,
  onAnswer: () => void = () => {},
  wait: (post: () => void) => void = (post) => post(),
): void {
  const socket = connect(port, '127.0.0.1')
  let answer = { missing: 0, closes: false }
  let isOver = false
  const post = (): void => {
    // The server ended it meanwhile: there is another connection in its place.
    if (socket.destroyed) return
    const bytes = next()
    isOver = bytes === undefined
    if (bytes) socket.write(bytes)
    else socket.destroy()
  }
  socket.setNoDelay(true)
  socket.on('connect', () => wait(post))
  socket.on('error', (error) => {
    throw error
  })
  socket.on('close', () => {
    if (!isOver) askForever(port, next, onAnswer, wait)
  })
  socket.on('data', (chunk) => {
    if (answer.missing === 0) answer = readHead(chunk)
    answer.missing -= chunk.length
    if (answer.missing > 0) return
    onAnswer()
    if (!answer.closes) wait(post)
  })
}

/** How many bytes start here, and whether the connection ends behind them. A head comes in one piece, as servers write it. */
function readHead(chunk: Buffer): { missing: number; closes: boolean } {
  const bodyAt = chunk.indexOf('\r\n\r\n') + 4
  const head = chunk.toString('latin1', 0, bodyAt)
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`no whole head of a 200: ${head}`)
  return { missing: bodyAt + Number(length), closes: /\r\nconnection: close\r/i.test(head) }
}

/** Waking a client that sleeps costs the server's write some 10 µs, more often where the server is slower. */
export function stayAwake(isNeeded: () => boolean): void {
  if (isNeeded()) setImmediate(stayAwake, isNeeded)
}
