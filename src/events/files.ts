/** The lines of files of events: Platte's own, and those that other services write of what a function prints. */
import { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import { eventsFolder } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import type { Documents } from '../store/documents.ts'

const hourMs = 60 * 60 * 1000
const dayMs = 24 * hourMs
/** Clocks of servers differ. */
const aheadMs = 5 * 60 * 1000
/** Firehose gathers a file for this long, under the hour of its first line. */
const gatherMs = 15 * 60 * 1000
/** Firehose writes at most 128 MiB; Platte's own files are smaller. */
const maxFileBytes = 128 * 1024 * 1024
/** What one file may unpack to. */
const maxUnpacked = 1024 * 1024 * 1024
/** The characters of a line. One of CloudWatch holds many lines. */
const maxLine = 16 * 1024 * 1024

/** The whole range, or only the folders into which files are written now. Instants. */
export interface Range {
  readonly since: Instant
  readonly until: Instant
  readonly isNow?: boolean
}

/** The keys of files of events. @throws PlatteError('refused') where the store cannot be listed. */
export async function* eventKeys({ list, folders }: Documents, range: Range): AsyncIterable<string> {
  if (list === undefined || folders === undefined)
    throw new PlatteError('refused', 'this store cannot be listed, so its events cannot be found', {
      hint: 'run it where the store is, or give it the files',
    })
  const found: string[] = []
  if (range.isNow) found.push(...foldersOfNow(range.until))
  else for await (const name of folders('events/')) if (isWithin(name, range)) found.push(`events/${name}/`)
  for (const folder of found.sort())
    for await (const key of list(folder)) if (!(hourOf(key) > range.until + aheadMs)) yield key
}

/** When the hour of a file began, or its day where it has none. */
function hourOf(key: string): Instant {
  const [, day = '', hour = '00'] = /^events\/dt=([\d-]+)\/(?:hr=(\d\d)\/)?/.exec(key) ?? []
  return Date.parse(`${day.replace(/^(\d{4})-?(\d\d)-?(\d\d)$/, '$1-$2-$3')}T${hour}:00Z`)
}

/** When the last line of a file was written, at the latest: a later one is of a wrong clock, whenever it is read. */
export const endOf = (key: string): Instant => hourOf(key) + (key.includes('/hr=') ? hourMs : dayMs) + gatherMs

/** Starts a day early: a file is named by its first line. What a wrong clock dates ahead waits for its day and hour. */
function isWithin(name: string, { since, until }: Range): boolean {
  const [, ...parts] = /^dt=(\d{4})-?(\d\d)-?(\d\d)$/.exec(name) ?? []
  const day = Date.parse(parts.join('-'))
  return day > since - 2 * dayMs && day <= until + aheadMs
}

/** Platte and Firehose have a folder for each hour; Logpush has one for each day, and writes it without "-". */
function foldersOfNow(now: Instant): readonly string[] {
  const texts = [now - hourMs, now, now + aheadMs].map(isoText)
  const hours = texts.map((text) => `${eventsFolder(text.slice(0, 10))}hr=${text.slice(11, 13)}/`)
  const days = texts.map((text) => eventsFolder(text.slice(0, 10).replaceAll('-', '')))
  return [...new Set([...hours, ...days])]
}

/** Lines of a file; `undefined` for one that is too long. */
export type Lines = readonly (string | undefined)[]

/** The lines of a file, in bunches; `undefined` for a file that cannot be read, which ends it. None where it is gone. */
export async function* storedLines(documents: Documents, key: string): AsyncIterable<Lines> {
  const stored = await documents.get(key, maxFileBytes).catch((error: unknown) => {
    if (error instanceof PlatteError && error.code === 'too-large') return error
    throw error
  })
  // A lifecycle rule may delete a file that was just listed.
  if (stored === undefined) return
  if (stored instanceof PlatteError) return yield [undefined]
  try {
    yield* linesOf(unpacked(pieces(stored.bytes)))
  } catch {
    // Damaged, or unpacks to too much: what came before counts.
    yield [undefined]
  }
}

type Chunks = AsyncIterable<Uint8Array>

const pieceBytes = 64 * 1024

/** In pieces, so that a damaged one costs no lines of those before. */
async function* pieces(bytes: Uint8Array): Chunks {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/**
 * As often as it is packed: CloudWatch sends gzip, and Firehose may pack it again. A file that is cut short ends early.
 * @throws Error for damaged bytes.
 */
export async function* unpacked(chunks: Chunks, layers = 2): Chunks {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done) return
  const all = async function* (): Chunks {
    yield first.value
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  if (layers === 0 || !isGzip(first.value)) return yield* all()
  yield* unpacked(gunzipped(all()), layers - 1)
}

async function* gunzipped(chunks: Chunks): Chunks {
  const source = Readable.from(chunks)
  const gunzip = createGunzip({ chunkSize: pieceBytes, finishFlush: constants.Z_SYNC_FLUSH })
  source.on('error', (error) => gunzip.destroy(error))
  let size = 0
  try {
    for await (const chunk of source.pipe(gunzip)) {
      size += chunk.length
      if (size > maxUnpacked) throw new Error('unpacks to more than 1 GiB')
      yield chunk
    }
  } finally {
    source.destroy()
  }
}

/**
 * CloudWatch's records, and the messages that Firehose takes out of them, may follow each other without a line feed. A
 * quote inside a text is escaped, so never matches.
 */
const objectStart = /(?<=\})(?=\{"(?:messageType|time)":")/

/** Whole lines, also where a chunk ends within one. */
export async function* linesOf(chunks: Chunks): AsyncIterable<Lines> {
  const decoder = new TextDecoder()
  let rest = ''
  // Within a line that is too long: it is dropped until it ends.
  let isDropping = false
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true })
    // Texts that are only joined are not copied, however long a line becomes.
    const joined = rest + text
    const lines: (string | undefined)[] = isSplit(text) ? split(joined) : [joined]
    rest = lines.pop() ?? ''
    if (isDropping && lines.length > 0) {
      lines.shift()
      isDropping = false
    }
    if (rest.length > maxLine && !isDropping) {
      lines.push(undefined)
      isDropping = true
    }
    if (isDropping) rest = ''
    if (lines.length > 0) yield lines
  }
  if (rest !== '') yield split(rest)
}

const isSplit = (text: string): boolean => text.includes('\n') || text.includes('}{"')

const split = (text: string): string[] =>
  text.split('\n').flatMap((line) => (line.includes('}{"') ? line.split(objectStart) : line))
