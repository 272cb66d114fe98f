/** Reads a small request body, bounded before it is read. */

import { PlatteError } from '../kernel/errors.ts'
import { maxRequestBytes } from '../kernel/limits.ts'

/** A proxy that is still sending takes an early answer for a broken connection; so much is read and dropped for its sake. */
const drainAtMostBytes = 1024 * 1024

/**
 * @returns the body as UTF-8.
 * @throws PlatteError('too-large') beyond `maxRequestBytes`, 'unsupported-encoding' for a compressed one,
 *   'bad-request' for an empty one, or one that broke off.
 */
export function readBody(request: Request): Promise<string> {
  const announced = Number(request.headers.get('content-length') ?? Number.NaN)
  if (announced > drainAtMostBytes) return Promise.reject(tooLarge())
  // Every runtime's HTTP server holds a body to its Content-Length, where it has no Transfer-Encoding.
  const isBounded = announced <= maxRequestBytes && request.headers.get('transfer-encoding') === null
  const reader = isBounded ? request.text() : readAtMost(request.body, maxRequestBytes, { fatal: false, tooLarge })
  return reader.then((text) => (text.startsWith('<') ? text : checkOdd(text, request.headers)), brokenOff)
}

/**
 * Reads a small body of any kind.
 * @throws PlatteError('too-large') beyond `maxBytes`, 'unsupported-encoding' for a compressed one, 'bad-request' for one
 *   that broke off.
 */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  checkPlain(request.headers)
  const refused = new PlatteError('too-large', `the request has more than ${maxBytes} bytes`)
  if (Number(request.headers.get('content-length') ?? 0) > drainAtMostBytes) throw refused
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length
      if (size > drainAtMostBytes) throw refused
      if (size <= maxBytes) chunks.push(chunk)
    }
  } catch (cause) {
    brokenOff(cause)
  }
  if (size > maxBytes) throw refused
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer())
}

/** @throws PlatteError('unsupported-encoding') for a body that is compressed. */
export function checkPlain(headers: Headers): void {
  if ((headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity')
    throw new PlatteError('unsupported-encoding', 'send the request without Content-Encoding')
}

/** What does not start as XML does is mostly no text at all: only then is it worth looking why. */
function checkOdd(text: string, headers: Headers): string {
  checkPlain(headers)
  if (isBlank(text)) throw emptyBody()
  return text
}

export const isBlank = (text: string): boolean => !text.startsWith('<') && text.trim() === ''
export const emptyBody = (): PlatteError =>
  new PlatteError('bad-request', 'the body is empty: POST an Omaha request here')

/**
 * Reads a body of another protocol.
 * @throws PlatteError('too-large') beyond `maxBytes`; 'bad-request' for one that is not UTF-8, or broke off.
 */
export async function readText({ body, headers }: Request, maxBytes: number): Promise<string> {
  const tooMuch = (): PlatteError => new PlatteError('too-large', `the body has more than ${maxBytes} bytes`)
  if (Number(headers.get('content-length') ?? Number.NaN) > drainAtMostBytes) throw tooMuch()
  const strict = { fatal: true, tooLarge: tooMuch }
  return readAtMost(body, maxBytes, strict).catch(brokenOff)
}

async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  { fatal, tooLarge }: { readonly fatal: boolean; readonly tooLarge: () => PlatteError },
): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal })
  let size = 0
  let text = ''
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > drainAtMostBytes) throw tooLarge()
    if (size <= maxBytes) text += decoder.decode(chunk, { stream: true })
  }
  if (size > maxBytes) throw tooLarge()
  return text + decoder.decode()
}

/** A client that goes away in the middle is no failure of ours. */
function brokenOff(cause: unknown): never {
  if (cause instanceof PlatteError) throw cause
  const isText = !(cause instanceof TypeError && /utf-8|encod/i.test(cause.message))
  throw isText ? bodyBrokeOff(cause) : new PlatteError('bad-request', 'the body is not UTF-8', { cause })
}

export const bodyBrokeOff = (cause: unknown): PlatteError =>
  new PlatteError('bad-request', 'the body broke off before its end', { cause })

const tooLarge = (): PlatteError =>
  new PlatteError('too-large', `the request has more than ${maxRequestBytes} bytes; no Omaha client sends so much`)
