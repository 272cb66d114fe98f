/**
 * Omaha 3.x and 4.x in JSON, as Chromium, its updater and its forks send it. Members that are unknown, or of a type that no
 * client sends, are ignored: one bad app spoils no other.
 * @see Chromium, docs/updater/protocol_3_1.md, protocol_4.md; components/update_client
 */
import { lastCount, type OmahaClient } from '../checks/omaha/client.ts'
import type { OmahaAppRequest, OmahaEvent, OmahaRequest } from '../checks/omaha/omaha.ts'
import { PlatteError } from '../kernel/errors.ts'
import { parseJsonObject } from '../kernel/json.ts'
import { maxRequestBytes } from '../kernel/limits.ts'
import type { Random } from '../kernel/random.ts'
import type { ClientLimits } from '../release/decide.ts'
import { placeClient, platformBoard } from './client.ts'

type Members = Readonly<Record<string, unknown>>
type Draft<T> = { -readonly [Name in keyof T]: T[Name] }

/** Extensions of one browser, in one request. */
const maxApps = 256
const maxEvents = 64
/** Indexes of installation data, of one app. */
const maxData = 16
/** Files that a client keeps, of one app. */
const maxHeld = 64

const nothing: Members = {}
const none: readonly unknown[] = []
const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const objectOf = (value: unknown): Members => (isObject(value) ? value : nothing)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : none)
/** What one app has too many of spoils no other app. */
const firstOf = (value: unknown, most: number): readonly unknown[] => listOf(value).slice(0, most)

const tooLarge = (what: string): PlatteError =>
  new PlatteError('too-large', `the request is too large: more than ${what}`)

/**
 * @param body decoded from at most `maxRequestBytes` of UTF-8.
 * @throws PlatteError('bad-request') for what is no JSON, or no request; 'too-large' naming the limit.
 */
export function parseJsonRequest(body: string, random: Random): OmahaRequest {
  if (body.length > maxRequestBytes) throw tooLarge(`${maxRequestBytes} bytes`)
  const request = parseJsonObject(body.startsWith('\ufeff') ? body.slice(1) : body)?.request
  if (!isObject(request)) throw new PlatteError('bad-request', 'the body is not JSON with an object "request"')
  const protocol = textOf(request.protocol)
  if (!/^[34]\.\d{1,3}$/.test(protocol)) {
    const shown = JSON.stringify(protocol.slice(0, 40))
    throw new PlatteError('bad-request', `"request" is of Omaha protocol ${shown}; this endpoint speaks 3.x and 4.x`)
  }
  const shared = sharedOf(request)
  const apps = listOf(isVersion4(protocol) ? request.apps : request.app)
  if (apps.length > maxApps) throw tooLarge(`${maxApps} apps`)
  return { protocol, installSource: '', apps: apps.map((app) => appOf(objectOf(app), shared, random)) }
}

export const isVersion4 = (protocol: string): boolean => protocol.startsWith('4')

/** What all apps of a request have in common. */
function sharedOf(request: Members) {
  const os = objectOf(request.os)
  return {
    // The process may be of another architecture than the machine.
    board: platformBoard([textOf(request['@os']), textOf(os.platform)], [textOf(os.arch), textOf(request.arch)]),
    osVersion: textOf(os.version),
    session: textOf(request.sessionid),
    browser: textOf(request.prodversion),
    operations: textOf(request.acceptformat),
  }
}

function appOf(app: Members, shared: ReturnType<typeof sharedOf>, random: Random): OmahaAppRequest {
  const [appId, version, iid] = [textOf(app.appid), textOf(app.version), textOf(app.iid)]
  const problems = appId.trim() === '' ? ['appid is empty'] : []
  const events = eventsOf(app, problems)
  const updateCheck = isObject(app.updatecheck)
  const hints = [textOf(app.release_channel), textOf(app.ap), textOf(app.cohorthint)]
  const { channel, rampId, cohort } = placeClient(hints, { id: iid, cohort: textOf(app.cohort) }, random)
  const client: Draft<OmahaClient> = {
    installSource: textOf(app.installsource),
    rampId,
    browser: shared.browser,
    operations: shared.operations,
    held: heldBy(app),
    data: dataOf(app),
  }
  if (cohort !== undefined && updateCheck) client.cohort = cohort
  if (isObject(app.ping)) addPing(client, app.ping)
  const request: Draft<OmahaAppRequest> = {
    appId,
    version,
    track: channel,
    board: shared.board,
    machineId: iid,
    oem: textOf(app.brand),
    oemVersion: shared.osVersion,
    bootId: shared.session,
    machineAlias: '',
    ping: isObject(app.ping),
    updateCheck,
    events,
    client,
  }
  if (updateCheck) request.limits = limitsOf(objectOf(app.updatecheck))
  if (problems.length > 0) request.problem = problems.join('; ')
  return request
}

function addPing(client: Draft<OmahaClient>, { rd, r, ad, a }: Members): void {
  const [seen, active] = [lastCount(rd, r), lastCount(ad, a)]
  if (seen !== undefined) client.lastSeen = seen
  if (active !== undefined) client.lastActive = active
}

/** These are members of JSON's own types; texts of earlier clients are read, too. Without permission there is no rollback. */
function limitsOf(check: Members): ClientLimits {
  const limits: Draft<ClientLimits> = {}
  const prefix = textOf(check.targetversionprefix)
  if (prefix !== '') limits.versionPrefix = prefix
  if (isTrue(check.updatedisabled)) limits.takesNoUpdate = true
  if (!isTrue(check.rollback_allowed)) limits.takesNoRollback = true
  return limits
}

const isTrue = (value: unknown): boolean => value === true || value === 1 || value === 'true' || value === '1'

function dataOf({ data }: Members): readonly string[] {
  const indexes: string[] = []
  for (const one of firstOf(data, maxData)) {
    const { name, index } = objectOf(one)
    if (name === 'install') indexes.push(textOf(index))
  }
  return indexes
}

/** `cached_items` in 4.x; in 3.x a fingerprint, which this endpoint makes of the SHA-256. */
function heldBy({ cached_items, packages, fp }: Members): readonly string[] {
  const held: string[] = []
  const add = (one: unknown): void => {
    if (typeof one === 'string' && one !== '') held.push(one.startsWith('1.') ? one.slice(2) : one)
  }
  for (const one of firstOf(cached_items, maxHeld)) add(objectOf(one).sha256)
  for (const one of firstOf(objectOf(packages).package, maxHeld)) add(objectOf(one).fp)
  add(fp)
  return held
}

/** `event` in 3.x, `events` in 4.x. */
function eventsOf({ event, events }: Members, problems: string[]): readonly OmahaEvent[] {
  const list = listOf(events ?? event)
  if (list.length === 0) return []
  if (list.length > maxEvents) problems.push(`events after the first ${maxEvents} were dropped`)
  return list.slice(0, maxEvents).flatMap((one, index) => {
    const { eventtype, eventresult, previousversion, ...more } = objectOf(one)
    const [type, result] = [numberOf(eventtype), numberOf(eventresult ?? 0)]
    if (!isCount(type) || !isCount(result)) {
      problems.push(`event ${index + 1} was dropped: its type or result is no number`)
      return []
    }
    const read: Draft<OmahaEvent> = { type, result }
    const error = errorOf(more)
    if (error !== undefined) read.error = error
    if (typeof previousversion === 'string') read.previousVersion = previousversion
    return [read]
  })
}

/** Earlier clients send numbers as texts. `Number` throws for an object with a member `toString`. */
const numberOf = (value: unknown): number =>
  typeof value === 'number' || (typeof value === 'string' && value !== '') ? Number(value) : Number.NaN
const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < 1e9

/** e.g. `category 2 code 2 extra 8`: not to be mistaken for a code of update_engine. */
function errorOf({ errorcat, errorcode, extracode1 }: Members): string | undefined {
  const parts = [['category', errorcat] as const, ['code', errorcode] as const, ['extra', extracode1] as const]
  const known = parts.filter(([, value]) => Number.isSafeInteger(value) && value !== 0)
  return known.length > 0 ? known.map(([name, value]) => `${name} ${value}`).join(' ') : undefined
}
