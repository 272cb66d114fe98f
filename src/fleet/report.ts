/** Reads the lines of contacts, and reports what a fleet did. */
import type { Reported } from '../checks/omaha/omaha.ts'
import type { Instant } from '../kernel/clock.ts'
import { isoText } from '../kernel/format.ts'
import { parseJsonObject } from '../kernel/json.ts'
import type { Documents } from '../store/documents.ts'
import { eventKeys, storedLines } from './event-files.ts'
import { type ChannelReport, type Line, newReporter } from './model.ts'

/** Servers cut longer texts. */
const maxTextLength = 100
/** Servers report fewer events in one line. */
const maxEvents = 64

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
  /** Requests that were not answered as update checks. */
  readonly refused: number
  /** Lines that no server wrote, and files that cannot be read. */
  readonly unreadable: number
}

/** Reports over texts of whole lines, in any order. */
export async function reportOn(texts: AsyncIterable<string | undefined>, wanted: ReportWindow): Promise<Report> {
  const { add, report } = newReporter()
  let [lost, refused, unreadable] = [0, 0, 0]
  for await (const text of texts) {
    if (text === undefined) unreadable += 1
    for (const line of (text ?? '').split('\n')) {
      if (line === '') continue
      const read = readLine(line)
      if (read === undefined) unreadable += 1
      else if (read === 'other') continue
      else if ('lostLines' in read) lost += read.lostLines
      else if ('refused' in read) refused += isWithin(read, wanted) ? 1 : 0
      else if (isWanted(read, wanted)) add(read)
    }
  }
  return { since: isoText(wanted.since), until: isoText(wanted.until), channels: report(), lost, refused, unreadable }
}

const isWithin = ({ at }: Pick<Line, 'at'>, { since, until }: ReportWindow): boolean => at >= since && at < until

const isWanted = (line: Line, wanted: ReportWindow): boolean =>
  isWithin(line, wanted) && (wanted.app ?? line.app) === line.app && (wanted.channel ?? line.channel) === line.channel

/** The lines of events in a store, in bunches. @throws PlatteError('refused') where the store cannot be listed. */
export async function* storedEvents(documents: Documents, window: ReportWindow): AsyncIterable<string | undefined> {
  for await (const key of eventKeys(documents, window.since, window.until))
    for await (const lines of storedLines(documents, key)) yield lines?.join('\n')
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= maxTextLength

type Other = { readonly lostLines: number } | { readonly refused: string; readonly at: number }

/**
 * Servers of before 0.2.0 wrote a check and each event as a line of its own.
 * @returns `undefined` for a line that no server wrote.
 */
function readLine(text: string): Line | Other | 'other' | undefined {
  const value = parseJsonObject(text)
  if (value === undefined) return undefined
  const { event, lostLines, leftOut, refused, type } = value
  if (event === 'events' && typeof lostLines === 'number') return { lostLines }
  if (event === 'contact' && typeof leftOut === 'number') return { lostLines: leftOut }
  const isEvent = event === 'event' && type !== undefined
  if (event !== 'contact' && event !== 'check' && !isEvent) return typeof event === 'string' ? 'other' : undefined
  const at = typeof value.time === 'string' ? Date.parse(value.time) : Number.NaN
  if (Number.isNaN(at)) return undefined
  if (event === 'contact' && isText(refused)) return { refused, at }
  return readContact(value, at, isEvent ? [value] : value.reported)
}

type Values = Readonly<Record<string, unknown>>

function readContact(value: Values, at: number, reported: unknown = []): Line | undefined {
  const texts = [value.app, value.channel, value.version, value.machine]
  const answer = value.decision === 'update' ? 'update' : value.reason
  const isAnswered = value.event === 'check' || value.decision !== undefined
  if (!texts.every(isText) || !Array.isArray(reported) || (isAnswered && !isText(answer))) return undefined
  const events = reported.slice(0, maxEvents).map(readEvent)
  if (!events.every((one) => one !== undefined)) return undefined
  const [app = '', channel = '', version = '', machine = ''] = texts
  const line = { at, app, channel, version, machine, isSyncer: value.syncer === true, reported: events }
  return isAnswered ? { ...line, answer: String(answer) } : line
}

function readEvent(value: unknown): Reported | undefined {
  const { type, result, error, previous }: Values = typeof value === 'object' && value ? { ...value } : {}
  if (typeof type !== 'number' || typeof result !== 'number') return undefined
  return { type, result, ...(isText(error) && { error }), ...(isText(previous) && { previous }) }
}
