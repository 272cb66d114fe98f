/** What the attributes of an Omaha request mean, after XML: the same for the strict reader and for the fast one. */

import { omahaErrorCode } from './error-codes.ts'
import type { OmahaAppRequest, OmahaEvent } from './omaha.ts'

/** An `<app>` as written; absent attributes are ''. */
export interface AppElement {
  readonly appid: string
  readonly version: string
  readonly track: string
  readonly board: string
  readonly machineid: string
  readonly oem: string
  readonly oemversion: string
  readonly bootid: string
  readonly machinealias: string
  readonly multimanifestok: string
  readonly ping: boolean
  readonly updatecheck: boolean
  readonly events: readonly EventElement[]
}

/** An `<event>` as written; absent attributes are ''. */
export interface EventElement {
  readonly eventtype: string
  readonly eventresult: string
  readonly errorcode: string
  readonly previousversion: string
}

/** What of `<os>` says which board this is; absent attributes are ''. */
export interface OsElement {
  readonly arch: string
  /** `<version>_<uname -m>`. */
  readonly sp: string
}

/** Makes an app's request from its element. @param engine what the request calls its client. What cannot be used is named in `problem`; nothing throws. */
export function appRequest(app: AppElement, os: OsElement, engine = ''): OmahaAppRequest {
  const read = app.events.map(readEvent)
  const problems = read.filter((event) => typeof event === 'string')
  if (app.appid.trim() === '') problems.unshift('appid is empty')
  const request = {
    appId: app.appid,
    version: app.version,
    track: bare(app.track),
    board: app.board !== '' ? app.board : boardOf(os),
    machineId: app.machineid,
    oem: app.oem,
    oemVersion: app.oemversion,
    bootId: app.bootid,
    machineAlias: app.machinealias,
    ping: app.ping,
    updateCheck: app.updatecheck,
    events: read.filter((event) => typeof event !== 'string'),
    ...syncerOf(app, engine),
  }
  return problems.length === 0 ? request : { ...request, problem: problems.join('; ') }
}

/**
 * A Nebraska's syncer says that it is an old update_engine, but has neither a ping nor an event, which that always sends.
 * @see flatcar/nebraska syncer.go, omaha.go
 */
function syncerOf(app: AppElement, engine: string): Pick<OmahaAppRequest, 'syncer'> {
  if (app.ping || app.events.length > 0 || engine !== 'CoreOSUpdateEngine-0.1.0.0') return {}
  return { syncer: app.multimanifestok === 'true' ? 'many' : 'one' }
}

/** @returns the problem where a number cannot be read. */
function readEvent(event: EventElement, index: number): OmahaEvent | string {
  for (const name of ['eventtype', 'eventresult'] as const)
    if (!/^\d{1,9}$/.test(event[name])) return problemOf(event, index, name)
  if (!/^(?:-?\d{1,10})?$/.test(event.errorcode)) return problemOf(event, index, 'errorcode')
  return {
    type: Number(event.eventtype),
    result: Number(event.eventresult),
    ...(event.errorcode !== '' && { errorCode: omahaErrorCode(Number(event.errorcode)) }),
    ...(isVersion(event.previousversion) && { previousVersion: event.previousversion }),
  }
}

const problemOf = (event: EventElement, index: number, name: keyof EventElement): string =>
  `event ${index + 1} was dropped: ${name} is ${JSON.stringify(event[name].slice(0, 20))}`

/** update_engine sends '' or 0.0.0.0 with every check of a machine that has updated nothing. */
const isVersion = (previous: string): boolean => previous !== '' && previous !== '0.0.0.0'

/** Without the quotes and blanks around it that an update.conf with `GROUP="stable"` or CRLF brings (Flatcar#1209, #1424). */
function bare(track: string): string {
  let [start, end] = [0, track.length]
  while (start < end && isWrapping(track.charCodeAt(start))) start++
  while (start < end && isWrapping(track.charCodeAt(end - 1))) end--
  return track.slice(start, end)
}

/** A blank, a control character or a quote. */
const isWrapping = (code: number): boolean => code <= 32 || code === 34 || code === 39

const boards: Readonly<Record<string, string>> = {
  x86_64: 'amd64-usr',
  amd64: 'amd64-usr',
  x64: 'amd64-usr',
  aarch64: 'arm64-usr',
  arm64: 'arm64-usr',
}

function boardOf({ arch, sp }: OsElement): string {
  if (Object.hasOwn(boards, arch)) return boards[arch] ?? ''
  return Object.entries(boards).find(([name]) => sp.endsWith(`_${name}`))?.[1] ?? ''
}
