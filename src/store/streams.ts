/** Bodies of packages and documents, for all adapters. Imports nothing of a runtime. */
import { PlatteError } from '../kernel/errors.ts'
import type { Hasher } from '../kernel/hasher.ts'
import { pump, streamFrom } from '../kernel/streams.ts'
import type { ByteRange, ExpectedPackage } from './packages.ts'
import type { Part } from './uploads.ts'

/** Hands a part to `take`, chunk by chunk. @throws PlatteError('bad-request') if it is too long, too short or breaks off. */
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

/** How a package is hashed, and what it must turn out to be. */
interface Measure {
  readonly hasher: Hasher
  readonly name: string
  readonly expected?: ExpectedPackage
}

function measuring({ hasher, name, expected }: Measure) {
  let size = 0
  const wrong = (found: string, wanted: string | number): PlatteError =>
    new PlatteError('mismatch', `${name}: has ${found}, expected ${wanted}`)
  return {
    /** @throws PlatteError('mismatch') once the package is too long, before the chunk is hashed. */
    add(chunk: Uint8Array): void | Promise<void> {
      size += chunk.length
      if (expected !== undefined && size > expected.size) throw wrong(`more than ${expected.size} bytes`, expected.size)
      return hasher.update(chunk)
    },
    /** @throws PlatteError('mismatch') */
    async end() {
      if (expected !== undefined && size !== expected.size) throw wrong(`${size} bytes`, expected.size)
      const { sha256, sha1 } = await hasher.digest()
      if (expected !== undefined && sha256 !== expected.sha256) throw wrong(`SHA-256 ${sha256}`, expected.sha256)
      if (expected?.sha1 !== undefined && sha1 !== expected.sha1) throw wrong(`SHA-1 ${sha1}`, expected.sha1)
      return { size, sha256, sha1 }
    },
  }
}

/**
 * Streams a package through a hasher into `write`. @throws PlatteError('mismatch') for another size or digest.
 * @param read `pumpReusing` where `write` is done with a chunk when it resolves.
 */
export async function hashInto(
  body: ReadableStream<Uint8Array>,
  write: (chunk: Uint8Array) => Promise<void>,
  measure: Measure,
  read = pump,
) {
  const { add, end } = measuring(measure)
  await read(body, async (chunk) => {
    const writing = write(chunk)
    await Promise.all([writing, add(chunk)])
  })
  return await end()
}

/** The same as a generator: fails before its end if the package is not the expected one. */
export async function* hashedChunks(body: ReadableStream<Uint8Array>, measure: Measure): AsyncGenerator<Uint8Array> {
  const { add, end } = measuring(measure)
  for await (const chunk of body) {
    await add(chunk)
    yield chunk
  }
  await end()
}

/** How much of an answer waits until the package is verified. */
const heldBytes = 65_536

/**
 * A range of a package whose last bytes come once the whole has the expected digest; fails before them otherwise.
 * @param onWrong gets the failure, for the log.
 */
export function verifiedStream(
  body: ReadableStream<Uint8Array>,
  measure: Measure,
  range: ByteRange,
  onWrong: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const chunks = hashedChunks(body, measure)
  const held: Uint8Array[] = []
  let [at, size, isWhole] = [0, 0, false]
  const keep = (chunk: Uint8Array): void => {
    const part = chunk.subarray(Math.max(0, range.start - at), Math.max(0, range.end + 1 - at))
    at += chunk.length
    size += part.length
    if (part.length > 0) held.push(part)
  }
  const next = async (): Promise<Uint8Array | undefined> => {
    try {
      while (!isWhole && size - (held[0]?.length ?? size) < heldBytes) {
        const { value } = await chunks.next()
        if (value === undefined) isWhole = true
        else keep(value)
      }
    } catch (error) {
      onWrong(error)
      throw error
    }
    const chunk = held.shift()
    size -= chunk?.length ?? 0
    return chunk
  }
  return streamFrom(next, async (reason) => {
    await chunks.return(undefined)
    // A generator that never began leaves it alone.
    if (!body.locked) await body.cancel(reason)
  })
}

export const isRange = ({ start, end }: ByteRange): boolean =>
  Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end

/** @throws PlatteError('bad-request') for a range outside of `size` bytes. */
export function checkRange(name: string, range: ByteRange | undefined, size: number): ByteRange {
  if (range === undefined) return { start: 0, end: size - 1 }
  if (isRange(range) && range.end < size) return range
  throw new PlatteError('bad-request', `${name}: range ${range.start} to ${range.end} is outside its ${size} bytes`)
}

/** Only these bytes of a body; does not wait for those behind them. */
export function sliceOf(body: ReadableStream<Uint8Array>, { start, end }: ByteRange): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let at = 0
  const next = async (): Promise<Uint8Array | undefined> => {
    while (at <= end) {
      const { value } = await reader.read()
      if (value === undefined) break
      const part = value.subarray(Math.max(0, start - at), end + 1 - at)
      at += value.length
      if (at > end) await reader.cancel()
      if (part.length > 0) return part
    }
    return undefined
  }
  return streamFrom(next, (reason) => reader.cancel(reason))
}
