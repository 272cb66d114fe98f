/** Byte streams of any runtime. Imports nothing of one. */

import { joined } from './bytes.ts'
import { PlatteError } from './errors.ts'

type Body = ReadableStream<Uint8Array>
type Cancel = (reason: unknown) => void | PromiseLike<void>
type Take = (chunk: Uint8Array) => void | Promise<void>

const chunkBytes = 256 * 1024

/** A body that is read on demand. @param next the next chunk, or `undefined` at the end; after a throw it is not called. */
export function streamFrom(next: () => Promise<Uint8Array | undefined>, cancel: Cancel = () => {}): Body {
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const chunk = await next()
    if (chunk === undefined) controller.close()
    else controller.enqueue(chunk)
  }
  return new ReadableStream<Uint8Array>({ pull, cancel }, { highWaterMark: 0 })
}

/**
 * A body that is read into the memory of who reads it, so that the same few pages of memory are used again.
 * @param fill puts the next bytes into that memory, and returns the part of it (or of its new owner) that has them: nothing
 *   at the end; after a throw it is not called.
 */
export function byteStreamFrom(fill: (memory: Uint8Array) => Promise<Uint8Array>, cancel: Cancel): Body {
  const pull = async (controller: ReadableByteStreamController): Promise<void> => {
    const request = controller.byobRequest
    const view = request?.view
    const chunk = await fill(
      view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array(chunkBytes),
    )
    if (chunk.length === 0) controller.close()
    if (request) request.respondWithNewView(chunk)
    else if (chunk.length > 0) controller.enqueue(chunk)
  }
  return new ReadableStream({ type: 'bytes', pull, cancel })
}

/** Shows every chunk to `take`, and the end to `end`; if they throw, cancels the body and fails with that error. */
export function tap(body: Body, take: Take, end: () => void | Promise<void> = () => {}): Body {
  const bytes = byteReaderOf(body)
  const reader = bytes ?? body.getReader()
  const show = async (chunk: Uint8Array | undefined): Promise<void> => {
    try {
      await (chunk ? take(chunk) : end())
    } catch (error) {
      await reader.cancel(error).catch(() => undefined)
      throw error
    }
  }
  const cancel: Cancel = (reason) => reader.cancel(reason)
  if (bytes)
    return byteStreamFrom(async (memory) => {
      const { value, done } = await bytes.read(memory)
      await show(done ? undefined : value)
      return value ?? new Uint8Array()
    }, cancel)
  return streamFrom(async () => {
    const { value } = await (reader as ReadableStreamDefaultReader<Uint8Array>).read()
    await show(value)
    return value
  }, cancel)
}

/** Reads a body to its end. @throws PlatteError('too-large') while reading, and what the body fails with. */
export async function readAtMost(body: Body, maxBytes: number, name: string) {
  const chunks: Uint8Array[] = []
  let size = 0
  await pump(body, async (chunk) => {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(name, maxBytes)
    chunks.push(chunk)
  })
  return joined(chunks)
}

export const tooLarge = (name: string, maxBytes: number): PlatteError =>
  new PlatteError('too-large', `${name}: is larger than ${maxBytes} bytes`)

/** Hands every chunk to `take` in turn. If `take` throws, cancels the body and throws that error. */
export async function pump(body: Body, take: Take): Promise<void> {
  const reader = body.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) await take(next.value)
  } catch (error) {
    await reader.cancel(error).catch(() => undefined)
    throw error
  }
}

/** The same for who is done with a chunk once `take` is: its memory is used again, and the next chunk is read meanwhile. */
export async function pumpReusing(body: Body, take: Take): Promise<void> {
  const reader = byteReaderOf(body)
  if (reader === undefined) return pump(body, take)
  const read = (memory: Uint8Array) => {
    const reading = reader.read(memory)
    // Awaited after the chunk before it.
    reading.catch(() => undefined)
    return reading
  }
  try {
    let spare: Uint8Array = new Uint8Array(chunkBytes)
    let next = await read(new Uint8Array(chunkBytes))
    while (!next.done) {
      const reading = read(spare)
      await take(next.value)
      spare = new Uint8Array(next.value.buffer)
      next = await reading
    }
  } catch (error) {
    await reader.cancel(error).catch(() => undefined)
    throw error
  }
}

function byteReaderOf(body: Body): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' })
  } catch (error) {
    // A stream that comes with memory of its own; where it has a reader already, the next call says so.
    if (error instanceof TypeError) return undefined
    throw error
  }
}
