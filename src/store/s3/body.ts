/** Bodies of S3 answers: bounded, complete or an error, never waited for without end. */
import { Readable } from 'node:stream'
import { joined, tooLarge } from '../streams.ts'
import { S3Failure } from './failure.ts'

function readableOf(body: unknown): Readable {
  if (body instanceof Readable) return body
  throw new S3Failure('the store sent no body')
}

const short = (size: number, length: number): S3Failure =>
  new S3Failure(`the store sent ${size} bytes where it announced ${length}`)

/** Reads a body to its end. @throws PlatteError('too-large'); S3Failure if its length is not the announced one. */
export async function readBody(
  body: unknown,
  length: number | undefined,
  { maxBytes, name }: { readonly maxBytes: number; readonly name: string },
): Promise<Uint8Array> {
  const stream = readableOf(body)
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    if (length !== undefined && length > maxBytes) throw tooLarge(name, maxBytes)
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > maxBytes) throw tooLarge(name, maxBytes)
      chunks.push(chunk)
    }
  } finally {
    stream.destroy()
  }
  if (length !== undefined && size !== length) throw short(size, length)
  return joined(chunks, size)
}

export const dropBody = (body: unknown): void => void readableOf(body).destroy()

/**
 * A body that is read on demand. Fails if the store sends nothing for `patienceMs` while the reader waits, or another
 * number of bytes than `length`.
 */
export function streamBody(
  body: unknown,
  length: number,
  { patienceMs, explain }: { readonly patienceMs: number; readonly explain: (error: S3Failure) => unknown },
): ReadableStream<Uint8Array> {
  const stream = readableOf(body)
  const chunks = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  let size = 0
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const stalled = new S3Failure(`the store sent nothing for ${patienceMs / 1000} s`, { kind: 'timeout' })
    const timer = setTimeout(() => stream.destroy(stalled), patienceMs)
    const next = await chunks.next().finally(() => clearTimeout(timer))
    size += next.done ? 0 : next.value.length
    if (size > length || (next.done && size < length)) throw short(size, length)
    if (next.done) controller.close()
    else controller.enqueue(next.value)
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        pull(controller).catch((error: unknown) => {
          stream.destroy()
          throw explain(
            error instanceof S3Failure ? error : new S3Failure(error instanceof Error ? error.message : String(error)),
          )
        }),
      cancel: () => void stream.destroy(),
    },
    { highWaterMark: 0 },
  )
}
