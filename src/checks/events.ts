/** Contacts: what an app of a request asked, what it got and what it reported, as one line for the sinks. */
import { failureOf } from '../http/problem.ts'
import type { RequestIds } from '../http/request-id.ts'
import type { Clock, Instant } from '../kernel/clock.ts'
import { describeError, type Log, type LogEntry } from '../kernel/log.ts'
import type { Decision } from '../release/decide.ts'
import type { Contact, FleetEvent } from './contact.ts'
import type { Alike } from './omaha/alike.ts'
import { firstToday, type OmahaClient } from './omaha/client.ts'
import type { OmahaAppRequest, OmahaEvent, OmahaRequest, Reported } from './omaha/omaha.ts'
import { shareContact } from './shared-contact.ts'
import { appKey } from './update-check.ts'

export type { Contact, FleetEvent }

/**
 * Takes an event and returns at once. Never throws, never waits, and holds a bounded amount; counts what it loses. Never
 * changes the answer to a check.
 * @param members its `membersText`, where that is known.
 */
export type EventSink = (event: FleetEvent, members?: string) => void

/** One sink that calls several. */
export function fanOut([first, ...others]: readonly [EventSink, ...EventSink[]]): EventSink {
  if (others.length === 0) return first
  return (event, members) => {
    first(event, members)
    for (const sink of others) sink(event, members)
  }
}

interface Reporting {
  readonly events: EventSink
  readonly reader: { readonly log: Log; readonly clock: Clock }
}

/** What is reported beside an app and its answer. */
interface Answered {
  readonly serving: Reporting
  readonly request: OmahaRequest & { readonly alike?: Alike }
  readonly ids: RequestIds
}

/** Lines of one request: one of many apps must not fill a disk. ChromiumOS asks for dozens. */
const maxContacts = 64
/** Events of one line, the last ones; update_engine sends one. */
const maxReported = 8
/** The characters of a problem: it may name each of many events. */
const maxProblem = 200

/** @param decision `undefined` where the app asked for none. */
export function reportContact(from: Answered, key: string, app: OmahaAppRequest, decision?: Decision): void {
  const { serving, request, ids } = from
  const { alike } = request
  if (alike === undefined || ids.traceparent !== undefined) {
    if (request.apps.length > maxContacts && isLeftOut(from, app)) return
    report(serving, contactOf(from, key, app, decision))
    return
  }
  const { contact, members } = shareContact(alike, decision, () => contactOf(from, key, app, decision))
  const { machineId: machine } = app
  const { requestId } = ids
  report(serving, { ...contact, machine, requestId }, `${members[0]}${machine}${members[1]}${requestId}${members[2]}`)
}

function contactOf(
  { serving, request, ids }: Answered,
  key: string,
  app: OmahaAppRequest,
  decision?: Decision,
): Contact {
  const withheld = decision?.kind === 'no-update' ? decision : undefined
  const contact: Draft<Contact> = {
    level: 'info',
    event: 'contact',
    app: cut(key),
    channel: cut(app.track),
    version: cut(app.version),
    board: cut(app.board),
    machine: cut(app.machineId),
    oem: cut(app.oem),
    source: cut(app.client?.installSource ?? request.installSource),
    oemVersion: cut(app.oemVersion) || undefined,
    machinealias: cut(app.machineAlias) || undefined,
    ping: app.ping || undefined,
    check: app.updateCheck || undefined,
    decision: decision?.kind,
    reason: withheld?.reason,
    requestId: ids.requestId,
  }
  // What most contacts lack: each member costs every line, also without a value.
  if (decision?.kind === 'update') contact.offered = decision.offer.release.version
  if (withheld?.because !== undefined) contact.because = withheld.because
  if (app.client !== undefined) addDaily(contact, app.client, serving.reader.clock())
  if (app.events.length > 0) addEvents(contact, app)
  if (app.syncer) contact.syncer = true
  if (app.problem !== undefined) contact.problem = cut(app.problem, maxProblem)
  if (ids.traceparent !== undefined) contact.traceparent = ids.traceparent
  return contact
}

type Draft<T> = { -readonly [Member in keyof T]: T[Member] }

function addDaily(contact: Draft<Contact>, client: OmahaClient, now: Instant): void {
  const daily = firstToday(client, now)
  if (daily !== undefined) contact.daily = daily
}

function addEvents(contact: Draft<Contact>, app: OmahaAppRequest): void {
  const news = app.events.filter((event) => isNews(event, app))
  if (news.length === 0) return
  contact.reported = news.slice(-maxReported).map(reportedOf)
  if (news.length > maxReported) contact.dropped = news.length - maxReported
}

/** Reports once how many are left out. */
function isLeftOut({ serving, request: { apps }, ids }: Answered, app: OmahaAppRequest): boolean {
  const index = apps.indexOf(app)
  const leftOut = apps.length - maxContacts
  if (index === maxContacts) report(serving, { level: 'warn', event: 'contact', leftOut, ...ids })
  return index >= maxContacts
}

/**
 * update_engine and go-omaha say "update complete, after a reboot" with every check: with no version before the reboot, or
 * without mentioning one. Nebraska's updater says it once, alone.
 */
const isNews = ({ type, result, previousVersion }: OmahaEvent, { updateCheck }: OmahaAppRequest): boolean =>
  type !== 3 || result !== 2 || (previousVersion === undefined ? !updateCheck : previousVersion !== '')

const reportedOf = ({ type, result, errorCode, error, previousVersion }: OmahaEvent): Reported => ({
  type,
  result,
  error: errorCode ? `${errorCode.base} ${errorCode.name}` : error,
  previous: (previousVersion && cut(previousVersion)) || undefined,
})

/** What is known of who sent a request that is refused. */
export interface Sender {
  /** As it may be logged, without secrets. */
  readonly path: string
  readonly agent: () => string | null | undefined
  readonly ids: RequestIds
}

/** Reports a refused request, and finds words for the client. @param body as far as it was read. */
export function reportRefusal(serving: Reporting, error: unknown, sender: Sender, body = '') {
  const log = ({ level, code, event: _, ...entry }: LogEntry): void =>
    report(serving, { level, event: 'contact', refused: String(code), ...entry, ...senderOf(sender, body) })
  return failureOf(error, log, sender.path)
}

/** Reports a POST where no update checks are answered: the SERVER of a machine is wrong. @param body as far as it was read. */
export function reportStray(serving: Reporting, { status }: Response, sender: Sender, body: string): void {
  const refused = status === 405 ? 'method-not-allowed' : 'not-found'
  const entry = { refused, path: sender.path.slice(0, 100), status, problem: 'update checks go to /v1/update/' }
  report(serving, { level: 'info', event: 'contact', ...entry, ...senderOf(sender, body) })
}

/** Reports a request that asks and reports nothing; it is answered. */
export function reportNoApp(serving: Reporting, sender: Sender): void {
  const entry = { refused: 'no-app', path: sender.path.slice(0, 100), status: 200, problem: 'the request has no <app>' }
  report(serving, { level: 'info', event: 'contact', ...entry, ...senderOf(sender, '') })
}

/** With what can be read of the first app, whatever makes the body unreadable: update_engine has no user agent. */
function senderOf({ agent, ids }: Sender, body: string) {
  const [, attributes = ''] = /<app\s([^<>]{0,2000})/.exec(body) ?? []
  const valueIn = (name: string) => {
    const [, double, single] = new RegExp(`(?:^|\\s)${name}=(?:"([^"]{1,64})"|'([^']{1,64})')`).exec(attributes) ?? []
    return double ?? single
  }
  const [app = '', channel, version, machine] = ['appid', 'track', 'version', 'machineid'].map(valueIn)
  return { app: appKey(app) || undefined, channel, version, machine, agent: cut(agent() ?? '') || undefined, ...ids }
}

/** A sink must not throw; one with a defect costs its event, and no check. */
function report({ events, reader }: Reporting, event: FleetEvent, members?: string): void {
  try {
    events(event, members)
  } catch (error) {
    reader.log({ level: 'error', event: 'events', ...describeError(error) })
  }
}

/** A client's words in a log are cut at this many characters. */
const cut = (text: string, most = 64): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text)
