/** Reads bodies, bounded while they are read. */
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { maxRequestBytes } from '../kernel/limits.ts'

/** A proxy that is still sending takes an early answer for a broken connection: this much is read and dropped first. */
const drainAtMostBytes = 1024 * 1024

/**
 * Reads the body of an update check, as UTF-8.
 * @throws PlatteError('too-large') beyond `maxRequestBytes`, 'unsupported-encoding' for a compressed one, 'bad-request'
 *   for an empty one, or one that broke off.
 */
export function readBody(request: Request): Promise<string> {
  // Every runtime's HTTP server holds a body without Transfer-Encoding to its Content-Length.
  const length = request.headers.get('content-length')
  const isBounded = length !== null && Number(length) <= maxRequestBytes && !request.headers.has('transfer-encoding')
  const decoded = () => readAll(request, maxRequestBytes).then((bytes) => new TextDecoder().decode(bytes))
  const body = isBounded ? request.text() : decoded()
  return body.then((text) => {
    // A body that does not start as XML is mostly no text at all: only then is it worth finding out why.
    if (!text.startsWith('<')) checkPlain(request.headers)
    if (isBlank(text)) throw emptyBody()
    return text
  }, brokenOff)
}

/** As `readBody`, byte for byte. */
export async function readBodyBytes(request: Request): Promise<Uint8Array> {
  checkPlain(request.headers)
  const bytes = await readAll(request, maxRequestBytes)
  if (bytes.length === 0) throw emptyBody()
  return bytes
}

export const isBlank = (text: string): boolean => !text.startsWith('<') && text.trim() === ''
export const emptyBody = (): PlatteError =>
  new PlatteError('bad-request', 'the body is empty: POST an Omaha request here')

/** @throws PlatteError as `readText`, and 'bad-request' for a body that is not a JSON object. */
export async function readJson(request: Request, maxBytes: number) {
  const { bytes, text } = await readText(request, maxBytes)
  const value = parseJsonObject(text)
  if (value === undefined) throw new PlatteError('bad-request', 'the body must be a JSON object')
  return { bytes, value }
}

/**
 * Reads text of any kind.
 * @throws PlatteError('too-large') beyond `maxBytes`, 'unsupported-encoding' for a compressed body, 'bad-request' for one
 *   that broke off or is not UTF-8.
 */
export async function readText(request: Request, maxBytes: number) {
  checkPlain(request.headers)
  const bytes = await readAll(request, maxBytes)
  try {
    return { bytes, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch (cause) {
    throw new PlatteError('bad-request', 'the body is not UTF-8', { cause })
  }
}

/** @throws PlatteError('unsupported-encoding') for a body that is compressed. */
export function checkPlain(headers: Headers): void {
  if ((headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity')
    throw new PlatteError('unsupported-encoding', 'send the request without Content-Encoding')
}

async function readAll(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  // The body is not even looked at: on Node a stream that nobody reads would hold up the rest of the connection.
  if (Number(request.headers.get('content-length') ?? 0) > Math.max(drainAtMostBytes, maxBytes))
    throw tooLarge(maxBytes)
  return readAtMost(request.body, maxBytes).catch(brokenOff)
}

/** @throws PlatteError('too-large') for a longer stream, of which at most a megabyte is dropped; what the stream fails with. */
async function readAtMost(body: AsyncIterable<Uint8Array> | null, maxBytes: number) {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > Math.max(drainAtMostBytes, maxBytes)) break
    if (size <= maxBytes) chunks.push(chunk)
  }
  if (size > maxBytes) throw tooLarge(maxBytes)
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer())
}

/** A client that goes away in the middle is no failure of this server. */
function brokenOff(cause: unknown): never {
  throw cause instanceof PlatteError ? cause : bodyBrokeOff(cause)
}

export const bodyBrokeOff = (cause: unknown): PlatteError =>
  new PlatteError('bad-request', 'the body broke off before its end', { cause })

const tooLarge = (maxBytes: number): PlatteError =>
  new PlatteError('too-large', `the body has more than ${maxBytes} bytes`)
