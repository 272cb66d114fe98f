/** Reads the lines of events, and reports what a fleet did. */
import { eventsFolder } from '../documents/paths.ts'
import type { Instant } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { parseJsonObject } from '../kernel/json.ts'
import type { Documents } from '../store/documents.ts'
import { type ChannelReport, type Line, newReporter } from './model.ts'

/** Servers write smaller batches. */
const maxFileBytes = 1024 * 1024
/** Servers cut longer texts. */
const maxTextLength = 100
const dayMs = 24 * 60 * 60 * 1000

interface ReportWindow {
  readonly since: Instant
  readonly until: Instant
  readonly app?: string | undefined
  readonly channel?: string | undefined
}

export interface Report {
  /** RFC 3339. */
  readonly since: string
  readonly until: string
  readonly channels: readonly ChannelReport[]
  readonly lost: number
  /** Lines that no server wrote, and files that cannot be read. */
  readonly unreadable: number
}

/** Reports over texts of whole lines, in any order. */
export async function reportOn(texts: AsyncIterable<string | undefined>, wanted: ReportWindow): Promise<Report> {
  const { add, report } = newReporter()
  let [lost, unreadable] = [0, 0]
  for await (const text of texts) {
    if (text === undefined) unreadable += 1
    for (const line of (text ?? '').split('\n')) {
      if (line === '') continue
      const read = readLine(line)
      if (read === undefined) unreadable += 1
      else if (read === 'other') continue
      else if ('lostLines' in read) lost += read.lostLines
      else if (isWanted(read, wanted)) add(read)
    }
  }
  return { since: isoText(wanted.since), until: isoText(wanted.until), channels: report(), lost, unreadable }
}

const isWanted = ({ at, app, channel }: Line, wanted: ReportWindow): boolean =>
  at >= wanted.since && at < wanted.until && (wanted.app ?? app) === app && (wanted.channel ?? channel) === channel

/**
 * The files of events in a store. Starts a day early: a file is named by the day of its first line, and later lines may be of the next day.
 * @throws PlatteError('refused') where the store cannot be listed.
 */
export async function* storedEvents(documents: Documents, window: ReportWindow): AsyncIterable<string | undefined> {
  if (documents.list === undefined)
    throw new PlatteError('refused', 'this store cannot be listed, so its events cannot be found', {
      hint: 'run it where the store is, or give it the files',
    })
  const decoder = new TextDecoder()
  for (let day = window.since - dayMs; day < window.until + dayMs; day += dayMs)
    for await (const key of documents.list(eventsFolder(isoText(day).slice(0, 10)))) {
      const stored = await documents.get(key, maxFileBytes).catch((error: unknown) => {
        if (error instanceof PlatteError && error.code === 'too-large') return undefined
        throw error
      })
      yield stored && decoder.decode(stored.bytes)
    }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= maxTextLength

/** @returns `undefined` for a line that no server wrote. */
function readLine(text: string): Line | { readonly lostLines: number } | 'other' | undefined {
  const value = parseJsonObject(text)
  if (value === undefined) return undefined
  const { event, lostLines, type, result, error, previous } = value
  if (event === 'events' && typeof lostLines === 'number') return { lostLines }
  if (event !== 'check' && event !== 'event') return typeof event === 'string' ? 'other' : undefined
  if (event === 'event' && type === undefined) return 'other'
  const at = typeof value.time === 'string' ? Date.parse(value.time) : Number.NaN
  const texts = [value.app, value.channel, value.version, value.machine]
  if (Number.isNaN(at) || !texts.every(isText)) return undefined
  const [app = '', channel = '', version = '', machine = ''] = texts
  const line: Line = { at, event, app, channel, version, machine }
  if (event === 'check') {
    const answer = value.decision === 'update' ? 'update' : value.reason
    return isText(answer) ? { ...line, answer } : undefined
  }
  if (typeof type !== 'number' || typeof result !== 'number') return undefined
  return { ...line, type, result, ...(isText(error) && { error }), ...(isText(previous) && { previous }) }
}
