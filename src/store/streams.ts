/** What several adapters do with streams of bytes. Imports nothing of a runtime. */
import { PlatteError } from '../kernel/errors.ts'
import type { Hasher } from '../kernel/hasher.ts'
import type { ByteRange, ExpectedPackage } from './packages.ts'
import type { Part } from './uploads.ts'

/**
 * Reads a body to its end.
 * @param maxBytes the cap; it holds while reading.
 * @throws PlatteError('too-large'), and whatever the body fails with.
 */
export async function readAtMost(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  name: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  await pump(body, async (chunk) => {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(name, maxBytes)
    chunks.push(chunk)
  })
  return joined(chunks, size)
}

/** The chunks as one, `size` bytes together. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

export const tooLarge = (name: string, maxBytes: number): PlatteError =>
  new PlatteError('too-large', `${name}: is larger than ${maxBytes} bytes`)

/** Hands every chunk to `take`, one after the other; where `take` throws, the body is cancelled and that error is thrown. */
async function pump(body: ReadableStream<Uint8Array>, take: (chunk: Uint8Array) => Promise<void>) {
  const reader = body.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) await take(next.value)
  } catch (error) {
    await reader.cancel(error).catch(() => undefined)
    throw error
  }
}

/**
 * Hands a part of an upload to `take`, chunk by chunk.
 * @throws PlatteError('bad-request') as soon as it is too long, where it ends too early or breaks off; whatever `take`
 *   fails with.
 */
export async function pumpPart(
  body: ReadableStream<Uint8Array>,
  { number, size }: Part,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  let taken = 0
  let isReading = true
  const refuse = (words: string, cause?: unknown): PlatteError =>
    new PlatteError('bad-request', `part ${number} ${words} ${size} bytes`, { cause })
  await pump(body, async (chunk) => {
    isReading = false
    taken += chunk.length
    if (taken > size) throw refuse('has more than')
    await take(chunk)
    isReading = true
  }).catch((cause: unknown) => {
    throw isReading ? refuse(`broke off after ${taken} of`, cause) : cause
  })
  if (taken < size) throw refuse(`has ${taken} instead of`)
}

/** What a package is held against, if anything, and with what. */
export interface Measure {
  readonly hasher: Hasher
  /** For messages. */
  readonly name: string
  readonly expected?: ExpectedPackage
}

/** Counts and hashes a package as it comes by. */
function measuring({ hasher, name, expected }: Measure) {
  let size = 0
  return {
    /** @throws PlatteError('mismatch') as soon as it is too long, before the chunk is hashed. */
    add(chunk: Uint8Array): void | Promise<void> {
      size += chunk.length
      if (expected !== undefined && size > expected.size) throw wrongSize(name, `more than ${expected.size}`, expected)
      return hasher.update(chunk)
    },
    /** @throws PlatteError('mismatch') */
    async end() {
      if (expected !== undefined && size !== expected.size) throw wrongSize(name, `${size}`, expected)
      const digests = await hasher.digest()
      if (expected !== undefined && digests.sha256 !== expected.sha256)
        throw new PlatteError('mismatch', `${name}: has SHA-256 ${digests.sha256}, expected ${expected.sha256}`)
      if (expected?.sha1 !== undefined && digests.sha1 !== expected.sha1)
        throw new PlatteError('mismatch', `${name}: has SHA-1 ${digests.sha1}, expected ${expected.sha1}`)
      return { size, ...digests }
    },
  }
}

/**
 * Streams a package through a hasher into `write` and holds it against what was expected, if something was.
 * @throws PlatteError('mismatch') as soon as the body is too long, or at its end; whatever the body or `write` fails with.
 */
export async function hashInto(
  body: ReadableStream<Uint8Array>,
  write: (chunk: Uint8Array) => Promise<void>,
  measure: Measure,
) {
  const { add, end } = measuring(measure)
  await pump(body, async (chunk) => {
    const adding = add(chunk)
    await Promise.all([write(chunk), adding])
  })
  return await end()
}

/** The same for who pulls: hands the chunks on, and fails before the end where the whole is not what was expected. */
export async function* hashedChunks(body: ReadableStream<Uint8Array>, measure: Measure): AsyncGenerator<Uint8Array> {
  const { add, end } = measuring(measure)
  const reader = body.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      await add(next.value)
      yield next.value
    }
    await end()
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

const wrongSize = (name: string, size: string, expected: ExpectedPackage): PlatteError =>
  new PlatteError('mismatch', `${name}: has ${size} bytes, expected ${expected.size}`)

/** @throws PlatteError('bad-request') for a range that does not lie within `size` bytes. */
export function checkRange(name: string, range: ByteRange | undefined, size: number): ByteRange {
  if (range === undefined) return { start: 0, end: size - 1 }
  const { start, end } = range
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end < size) return range
  throw new PlatteError('bad-request', `${name}: has no bytes ${start} to ${end}, its size is ${size}`)
}

/** Only these bytes of a body: those before are passed over, those behind not waited for. */
export function sliceOf(body: ReadableStream<Uint8Array>, { start, end }: ByteRange): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let at = 0
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    for (let isEmpty = true; isEmpty; ) {
      const { value } = await reader.read()
      const part = value?.subarray(Math.max(0, start - at), end + 1 - at) ?? new Uint8Array()
      at += value?.length ?? 0
      isEmpty = part.length === 0
      if (!isEmpty) controller.enqueue(part)
      if (value !== undefined && at <= end) continue
      await reader.cancel()
      return controller.close()
    }
  }
  return new ReadableStream<Uint8Array>({ pull, cancel: (reason) => reader.cancel(reason) }, { highWaterMark: 0 })
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
