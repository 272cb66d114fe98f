/** Resumes a package where a connection broke off. The caller checks the digest over all bytes. */
import { PlatteError } from '../../kernel/errors.ts'
import { streamFrom } from '../../kernel/streams.ts'
import type { ByteRange } from '../packages.ts'
import type { Pace } from './pace.ts'

/** Connections in a row that bring nothing new. */
const fruitlessAtMost = 3

export interface Resuming {
  readonly range: ByteRange
  readonly pace: Pace
  /** Times the number of fruitless attempts. */
  readonly pauseMs: number
  /** Opens the rest of the range. @throws PlatteError('store-unavailable') where a later attempt may succeed. */
  readonly reopen: (range: ByteRange) => Promise<ReadableStream<Uint8Array>>
}

/** @param first what the first connection brings of the range. */
export function resumedBody(first: ReadableStream<Uint8Array>, { range, pace, pauseMs, reopen }: Resuming) {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined = first.getReader()
  let [at, fruitless, breaks] = [range.start, 0, 0]
  const goOn = async (error: unknown): Promise<void> => {
    const isPassing = error instanceof PlatteError && error.code === 'store-unavailable'
    if (!isPassing || pace.isTooSlow() || ++fruitless > fruitlessAtMost) {
      pace.end()
      throw error
    }
    reader = undefined
    breaks++
    await new Promise((resolve) => setTimeout(resolve, pauseMs * fruitless))
  }
  const next = async (): Promise<Uint8Array | undefined> => {
    while (at <= range.end)
      try {
        reader ??= (await reopen({ start: at, end: range.end })).getReader()
        const { value } = await reader.read()
        if (value === undefined) break
        if (value.length > 0) fruitless = 0
        at += value.length
        return value
      } catch (error) {
        await goOn(error)
      }
    pace.end()
    return undefined
  }
  const cancel = async (reason: unknown): Promise<void> => {
    pace.end()
    await reader?.cancel(reason)
  }
  return { body: streamFrom(next, cancel), isPieced: () => breaks > 0 }
}
