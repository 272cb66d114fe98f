/** The lines of files of events: Platte's own, and those that other services write of what a function prints. */
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { eventsFolder } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import type { Documents } from '../store/documents.ts'

const dayMs = 24 * 60 * 60 * 1000
/** Firehose writes at most 128 MiB; Platte's own files are smaller. */
const maxFileBytes = 128 * 1024 * 1024
/** What one file may unpack to. */
const maxUnpacked = 1024 * 1024 * 1024
/** The characters of a line. One of CloudWatch holds many lines. */
const maxLine = 16 * 1024 * 1024

/**
 * The keys of files of events. Starts a day early and ends a day late: a file is named by its first line, or by when it
 * was written. @throws PlatteError('refused') where the store cannot be listed.
 */
export async function* eventKeys(documents: Documents, since: Instant, until: Instant): AsyncIterable<string> {
  if (documents.list === undefined)
    throw new PlatteError('refused', 'this store cannot be listed, so its events cannot be found', {
      hint: 'run it where the store is, or give it the files',
    })
  for (let at = since - dayMs; at < until + dayMs; at += dayMs) {
    const day = isoText(at).slice(0, 10)
    // Logpush writes days without "-".
    for (const name of [day.replaceAll('-', ''), day]) yield* documents.list(eventsFolder(name))
  }
}

/** The lines of a file, in bunches; `undefined` for a file that cannot be read, which ends it. */
export async function* storedLines(documents: Documents, key: string): AsyncIterable<readonly string[] | undefined> {
  const stored = await documents.get(key, maxFileBytes).catch((error: unknown) => {
    if (error instanceof PlatteError && error.code === 'too-large') return undefined
    throw error
  })
  if (stored === undefined) return yield undefined
  try {
    yield* linesOf(unpacked(once(stored.bytes)))
  } catch {
    // Cut short, or damaged: what came before counts.
    yield undefined
  }
}

type Chunks = AsyncIterable<Uint8Array>

async function* once(bytes: Uint8Array): Chunks {
  yield bytes
}

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** As often as it is packed: CloudWatch sends gzip, and Firehose may pack it again. @throws Error for damaged bytes. */
export async function* unpacked(chunks: Chunks, layers = 2): Chunks {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = await iterator.next()
  if (first.done) return
  const all = async function* (): Chunks {
    yield first.value
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  if (layers === 0 || !isGzip(first.value)) return yield* all()
  let size = 0
  const opened = async function* (): Chunks {
    for await (const chunk of Readable.from(all()).compose(createGunzip())) {
      size += chunk.length
      if (size > maxUnpacked) throw new Error('unpacks to more than 1 GiB')
      yield chunk
    }
  }
  yield* unpacked(opened(), layers - 1)
}

/** CloudWatch writes its records one after another, without a line feed. A quote inside a text is escaped, so never matches. */
const recordStart = /(?<=\})(?=\{"messageType":")/

/** Whole lines, also where a chunk ends within one. @throws Error for a line that is too long. */
export async function* linesOf(chunks: Chunks): AsyncIterable<readonly string[]> {
  const decoder = new TextDecoder()
  let rest = ''
  const bunch = (text: string): readonly string[] =>
    text.split('\n').flatMap((line) => (line.startsWith('{"messageType"') ? line.split(recordStart) : line))
  for await (const chunk of chunks) {
    const text = rest + decoder.decode(chunk, { stream: true })
    const end = text.lastIndexOf('\n')
    const lines = bunch(end < 0 ? text : text.slice(0, end))
    // A record without a line feed ends where the next one begins.
    rest = end < 0 ? (lines.at(-1) ?? '') : text.slice(end + 1)
    if (rest.length > maxLine) throw new Error(`a line has more than ${maxLine} characters`)
    yield end < 0 ? lines.slice(0, -1) : lines
  }
  if (rest !== '') yield bunch(rest)
}
