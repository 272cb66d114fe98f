/**
 * Events as files in the store: lines of JSON, in batches. One write at a time; what cannot be written is lost and
 * counted, never waited for by a check.
 */

import type { EventSink } from '../checks/events.ts'
import { eventsKey } from '../documents/paths.ts'
import type { Clock } from '../kernel/clock.ts'
import { logLine } from '../kernel/json-log.ts'
import { describeError, type Log } from '../kernel/log.ts'
import type { Random } from '../kernel/random.ts'
import type { Documents } from '../store/documents.ts'

/** A batch is written when it is so old, */
const batchMs = 60_000
/** or has so many characters; a line is never cut, and a character has four bytes at most. */
const batchAt = 128 * 1024
/** Held characters beyond which events are lost: the store hangs. */
const holdAtMost = 2 * 1024 * 1024

/** An open sink. */
export interface StoredEvents {
  readonly sink: EventSink
  /** How many events were lost since the start. */
  lost(): number
  /** Writes what is held, and waits until it is written or lost; 5 seconds at most. */
  close(): Promise<void>
}

const closeMs = 5_000

interface Batch {
  readonly began: number
  readonly lines: string[]
  size: number
}

interface Parts {
  readonly documents: Pick<Documents, 'create'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Opens the sink. */
export function storeEvents({ documents, clock, random, log }: Parts): StoredEvents {
  const waiting: Batch[] = []
  let held = 0
  let lost = 0
  let unsaid = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let writer: Promise<void> | undefined

  const lose = (count: number): void => {
    lost += count
    unsaid += count
  }
  const write = async ({ began, lines }: Batch): Promise<void> => {
    const said = unsaid
    const notice = said === 0 ? [] : [logLine(clock(), { level: 'warn', event: 'events', lostLines: said })]
    const bytes = new TextEncoder().encode([...notice, ...lines].join(''))
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await documents.create(eventsKey(began, Math.floor(random() * 2 ** 32)), bytes)
        unsaid -= said
        return
      } catch (error) {
        log({ level: 'warn', event: 'events', ...describeError(error), attempt: attempt + 1 })
      }
    }
    lose(lines.length)
  }
  const writeAll = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      await write(batch)
      held -= batch.size
    }
    writer = undefined
  }
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    // Of nothing there would be no end: what ends at once has ended before it is remembered as running.
    if (waiting.length > 0) writer ??= writeAll()
  }
  const open = (now: number): Batch => {
    const newest = waiting.at(-1)
    if (newest !== undefined && newest.size < batchAt) return newest
    const batch = { began: now, lines: [], size: 0 }
    waiting.push(batch)
    return batch
  }
  return {
    sink: (event) => {
      if (held > holdAtMost) return lose(1)
      const now = clock()
      const line = logLine(now, event)
      const batch = open(now)
      batch.lines.push(line)
      batch.size += line.length
      held += line.length
      if (batch.size >= batchAt) flush()
      else timer ??= later(flush)
    },
    lost: () => lost,
    close: async () => {
      flush()
      await Promise.race([writer, new Promise((resolve) => setTimeout(resolve, closeMs))])
    },
  }
}

/** Events never keep a process alive. */
function later(flush: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(flush, batchMs)
  if (typeof timer === 'object') timer.unref()
  return timer
}
