/** Events as files in the store: batches of JSON lines, one write at a time. Failed batches are lost and counted. */
import type { EventSink } from '../checks/events.ts'
import { eventsKey } from '../documents/paths.ts'
import type { Clock } from '../kernel/clock.ts'
import { logLine } from '../kernel/json-log.ts'
import { describeError, type Log } from '../kernel/log.ts'
import type { Random } from '../kernel/random.ts'
import type { Documents } from '../store/documents.ts'

/** The age at which a batch is written. */
const batchMs = 60_000
/** The characters at which a batch is written. Lines are never cut; a character has at most four bytes. */
const batchAt = 128 * 1024
/** Held characters beyond which events are lost, as when the store hangs. */
const holdAtMost = 2 * 1024 * 1024

export interface StoredEvents {
  readonly sink: EventSink
  /** Events lost since the start. */
  lost(): number
  /** Writes what is held; resolves after 5 seconds at the latest. */
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

export function storeEvents({ documents, clock, random, log }: Parts): StoredEvents {
  const waiting: Batch[] = []
  const { write, lose, lost } = batchWriter({ documents, clock, random, log })
  let held = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let writer: Promise<void> | undefined

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
    // With nothing to write, writeAll would end before `writer` is set, and never clear it.
    if (waiting.length > 0) writer ??= writeAll()
  }
  return {
    sink: (event) => {
      if (held > holdAtMost) return lose(1)
      const now = clock()
      const line = logLine(now, event)
      const batch = openBatch(waiting, now)
      batch.lines.push(line)
      batch.size += line.length
      held += line.length
      if (batch.size >= batchAt) flush()
      else timer ??= later(flush)
    },
    lost,
    close: async () => {
      flush()
      await Promise.race([writer, new Promise((resolve) => setTimeout(resolve, closeMs))])
    },
  }
}

function openBatch(waiting: Batch[], now: number): Batch {
  const newest = waiting.at(-1)
  if (newest !== undefined && newest.size < batchAt) return newest
  const batch = { began: now, lines: [], size: 0 }
  waiting.push(batch)
  return batch
}

/** Writes batches, and counts lost lines; the next batch reports them. */
function batchWriter({ documents, clock, random, log }: Parts) {
  let lost = 0
  let unreported = 0
  const lose = (count: number): void => {
    lost += count
    unreported += count
  }
  const write = async ({ began, lines }: Batch): Promise<void> => {
    const reported = unreported
    const notice = reported === 0 ? [] : [logLine(clock(), { level: 'warn', event: 'events', lostLines: reported })]
    const bytes = new TextEncoder().encode([...notice, ...lines].join(''))
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await documents.create(eventsKey(began, Math.floor(random() * 2 ** 32)), bytes)
        unreported -= reported
        return
      } catch (error) {
        log({ level: 'warn', event: 'events', ...describeError(error), attempt: attempt + 1 })
      }
    }
    lose(lines.length)
  }
  return { write, lose, lost: () => lost }
}

/** Events never keep a process alive. */
function later(flush: () => void): ReturnType<typeof setTimeout> {
  const timer = setTimeout(flush, batchMs)
  if (typeof timer === 'object') timer.unref()
  return timer
}
