/** Contacts as files in the store: batches of JSON lines, compressed, one write at a time. */

import type { StoreReader } from '../catalog/read.ts'
import type { EventSink } from '../checks/events.ts'
import { eventsKey } from '../documents/paths.ts'
import { logLine } from '../kernel/json-log.ts'
import { describeError } from '../kernel/log.ts'
import type { Random } from '../kernel/random.ts'
import { readAtMost } from '../kernel/streams.ts'
import type { Documents } from '../store/documents.ts'

/** The age at which a batch is written, and the pause after a failed write. */
const batchMs = 60_000
/** The characters at which a batch is written. Lines are never cut. */
const batchAt = 8 * 1024 * 1024
/** What may wait: the characters of lines, and the bytes of compressed batches. Beyond it, new lines are lost. */
const holdAtMost = 32 * 1024 * 1024
const closeMs = 5_000

interface Writing extends Pick<StoreReader, 'clock' | 'log'> {
  readonly documents: Pick<Documents, 'create'>
  readonly random: Random
}

/** Lines until they are compressed. */
interface Batch {
  readonly began: number
  lines: string[]
  /** Of what is held. */
  size: number
  /** Once compressed, its bytes and its key stay: a repeated write finds what the first one may have left. */
  file?: { key: string; readonly bytes: Uint8Array }
}

/**
 * Writes a file a minute, or when it is full. Where the store fails, lines wait for it, bounded; more are lost, and the
 * next file counts them.
 * `close` writes what is held, and resolves after 5 seconds at the latest.
 */
export function storeEvents(writing: Writing) {
  const { write, compress, lose, lost } = batchWriter(writing)
  const full: Batch[] = []
  let open: Batch | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let writer: Promise<void> | undefined
  const held = (): number => full.reduce((sum, { size }) => sum + size, open?.size ?? 0)

  const writeAll = async (): Promise<void> => {
    // A failed batch stays the first: the next minute tries again.
    for (let [batch] = full; batch !== undefined && (await write(batch)); [batch] = full) full.shift()
    // Compressed, ten times as much can wait.
    for (const batch of full) await compress(batch)
    writer = undefined
    if (full.length > 0) wait()
  }
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (open) full.push(open)
    open = undefined
    // With nothing to write, writeAll would end before `writer` is set, and never clear it.
    if (full.length > 0) writer ??= writeAll()
  }
  const wait = (): void => {
    timer ??= setTimeout(flush, batchMs)
    // Events never keep a process alive.
    if (typeof timer === 'object') timer.unref()
  }
  const sink: EventSink = (event, members) => {
    if (held() > holdAtMost) return lose(1)
    const now = writing.clock()
    const line = logLine(now, event, members)
    open ??= { began: now, lines: [], size: 0 }
    open.lines.push(line)
    open.size += line.length
    if (open.size >= batchAt) flush()
    else wait()
  }
  const close = async (): Promise<void> => {
    flush()
    await Promise.race([writer, new Promise((resolve) => setTimeout(resolve, closeMs))])
  }
  return { sink, lost, close }
}

/** Writes batches, and counts lost lines; the next batch reports them. */
function batchWriter({ documents, clock, random, log }: Writing) {
  let [lost, unreported] = [0, 0]
  const lose = (count: number): void => {
    lost += count
    unreported += count
  }
  const keyOf = ({ began }: Batch): string => eventsKey(began, Math.floor(random() * 2 ** 32))
  const compress = async (batch: Batch) => {
    if (batch.file) return batch.file
    const notice = unreported === 0 ? [] : [logLine(clock(), { level: 'warn', event: 'events', lostLines: unreported })]
    unreported = 0
    const bytes = await gzip([...notice, ...batch.lines].join(''))
    const file = { key: keyOf(batch), bytes }
    Object.assign(batch, { lines: [], size: bytes.length, file })
    return file
  }
  /** @returns whether it is in the store. */
  const write = async (batch: Batch): Promise<boolean> => {
    for (const attempt of [1, 2]) {
      try {
        const file = await compress(batch)
        if ((await documents.create(file.key, file.bytes)) !== 'taken') return true
        file.key = keyOf(batch)
      } catch (error) {
        log({ level: 'warn', event: 'events', ...describeError(error), attempt })
      }
    }
    return false
  }
  return { write, compress, lose, lost: () => lost }
}

const gzip = (text: string): Promise<Uint8Array> =>
  readAtMost(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip')), Number.POSITIVE_INFINITY, 'events')
