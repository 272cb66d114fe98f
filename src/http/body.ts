/** Reads a small request body, bounded before it is read. */
import { PlatteError } from '../errors.ts'
import { maxRequestBytes } from '../protocol/omaha-xml.ts'

/**
 * @returns the body as UTF-8.
 * @throws PlatteError('too-large') beyond `maxRequestBytes`, 'unsupported-encoding' for a compressed one,
 *   'bad-request' for an empty one.
 */
export async function readBody(request: Request): Promise<string> {
  const { headers } = request
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity')
    throw new PlatteError('unsupported-encoding', 'send the request without Content-Encoding')
  const announced = headers.get('content-length')
  if (Number(announced) > maxRequestBytes) throw tooLarge()
  // Every runtime's HTTP server holds a body to its Content-Length, and refuses or drops one beside Transfer-Encoding.
  const text = announced === null ? await readAtMost(request.body, maxRequestBytes) : await request.text()
  if (!/\S/.test(text)) throw new PlatteError('bad-request', 'the body is empty: POST an Omaha request here')
  return text
}

async function readAtMost(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  let size = 0
  let text = ''
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge()
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const tooLarge = (): PlatteError =>
  new PlatteError('too-large', `the request has more than ${maxRequestBytes} bytes; no Omaha client sends so much`)
