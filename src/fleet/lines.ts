/** Reads lines of JSON, as a server, Workers Logs or CloudWatch have them. Clients are not authenticated: any may be false. */
import type { FleetEvent } from '../checks/events.ts'
import type { Reported } from '../checks/omaha/omaha.ts'
import type { Instant } from '../kernel/clock.ts'
import type { Sighting } from './facts.ts'

/** Servers cut longer texts. */
const maxTextLength = 100
/** Servers report fewer events in one line. */
const maxEvents = 64
/** No line of Platte is older. */
const earliest: Instant = Date.UTC(2020, 0)

/** What a line may be. */
export interface LineTaker {
  sighting(sighting: Sighting): void
  /** A request that was not answered as an update check. */
  refused(at: Instant): void
  /** Events that a server could not keep. */
  lost(count: number): void
  /** A line of Platte that was cut or damaged. */
  unreadable(): void
  /** Another program wrote it. */
  foreign(): void
}

type Values = Readonly<Record<string, unknown>>

/** Reads one line; what Platte logs besides, and what platforms add to it, counts as nothing. */
export function readLine(text: string, take: LineTaker): void {
  const value = parse(text)
  if (Array.isArray(value?.Logs)) readTrace(value.Logs, take)
  else if (typeof value?.messageType === 'string') readRecord(value, take)
  else readOwn(text, value, take)
}

function parse(text: string): Values | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : undefined
  } catch {
    return undefined
  }
}

/** The console of one invocation of a Worker, as Logpush writes it. @see Cloudflare, Logpush datasets, Workers trace events */
function readTrace(logs: readonly { readonly Message?: unknown }[], take: LineTaker): void {
  for (const { Message } of logs.filter((log) => typeof log === 'object' && log !== null))
    for (const text of Array.isArray(Message) ? Message : []) if (typeof text === 'string') readPrinted(text, take)
}

/** Log events of CloudWatch. @see AWS, CloudWatch Logs, subscription filters with Amazon Data Firehose */
function readRecord({ messageType, logEvents }: Values, take: LineTaker): void {
  // Others, such as CONTROL_MESSAGE, try out the destination.
  if (messageType !== 'DATA_MESSAGE' || !Array.isArray(logEvents)) return
  for (const one of logEvents) if (typeof one?.message === 'string') readPrinted(one.message, take)
}

function readPrinted(text: string, take: LineTaker): void {
  for (const line of text.split('\n')) if (line !== '') readOwn(line, parse(line), take)
}

/** Lines that Lambda writes around those of a function, as text and as JSON. @see AWS, Lambda, log formats */
const platformText =
  /^(INIT_START|START|END|REPORT|INIT_REPORT|RESTORE_START|RESTORE_REPORT|XRAY|EXTENSION|TELEMETRY)\b/
const isOfPlatform = (text: string, type: unknown): boolean =>
  typeof type === 'string' ? type.startsWith('platform.') : platformText.test(text)

/** Servers of before 0.2.0 wrote a check and each event as a line of its own. */
function readOwn(text: string, value: Values | undefined, take: LineTaker): void {
  const { event, lostLines, leftOut, type } = value ?? {}
  const lost = event === 'events' ? lostLines : event === 'contact' ? leftOut : undefined
  if (value === undefined && text.startsWith('{"')) take.unreadable()
  else if (value === undefined || typeof event !== 'string') isOfPlatform(text, type) || take.foreign()
  else if (typeof lost === 'number') take.lost(lost)
  else if (event === 'contact' || event === 'check') readContact(value, value.reported, take)
  else if (event === 'event' && type !== undefined) readContact(value, [value], take)
}

function readContact(value: Values, reported: unknown, take: LineTaker): void {
  const { event, refused, time } = value
  const at = typeof time === 'string' ? Date.parse(time) : Number.NaN
  const isRefused = event === 'contact' && isText(refused)
  const sighting = at >= earliest && !isRefused ? sightingOf(value, at, reported) : undefined
  if (sighting) take.sighting(sighting)
  else if (at >= earliest && isRefused) take.refused(at)
  else take.unreadable()
}

/** An event as this process has it. */
export function readEvent(event: FleetEvent, at: Instant, take: LineTaker): void {
  const sighting = event.refused === undefined && event.leftOut === undefined && sightingOf(event, at, event.reported)
  if (sighting) take.sighting(sighting)
  else if (event.refused !== undefined) take.refused(at)
  else if (event.leftOut !== undefined) take.lost(event.leftOut)
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= maxTextLength

/** Facts are kept by lines of text. */
const isPlain = (value: unknown): value is string => isText(value) && !value.includes('\n')

function sightingOf(value: Values, at: Instant, reported: unknown = []): Sighting | undefined {
  const { app, channel, version, machine = '', board = '', oem = '', oemVersion = '', machinealias = '' } = value
  const isAnswered = value.event === 'check' || value.decision !== undefined
  const answer = !isAnswered ? '' : value.decision === 'update' ? 'update' : value.reason
  const offered = value.offered ?? ''
  if (!isPlain(app) || !isPlain(channel) || !isPlain(version) || !isPlain(machine) || !isPlain(board)) return undefined
  if (!isPlain(oem) || !isPlain(oemVersion) || !isPlain(machinealias)) return undefined
  if (!isPlain(answer) || !isPlain(offered) || !Array.isArray(reported)) return undefined
  const events = reported.length === 0 ? none : reported.slice(0, maxEvents).map(reportedOf)
  if (!events.every((one) => one !== undefined)) return undefined
  const [isSyncer, alias] = [value.syncer === true, machinealias]
  return {
    at,
    app,
    channel,
    version,
    machine,
    board,
    oem,
    oemVersion,
    alias,
    isSyncer,
    answer,
    offered,
    reported: events,
  }
}

const none: readonly Reported[] = []

function reportedOf(value: unknown): Reported | undefined {
  const { type, result, error, previous }: Values = typeof value === 'object' && value ? { ...value } : {}
  if (!Number.isSafeInteger(type) || !Number.isSafeInteger(result)) return undefined
  return {
    ...{ type: Number(type), result: Number(result) },
    ...(isPlain(error) && { error }),
    ...(isPlain(previous) && { previous }),
  }
}
