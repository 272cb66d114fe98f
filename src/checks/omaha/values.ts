/** What the attributes of an Omaha request mean, after XML: the same for the strict reader and for the fast one. */

import { omahaErrorCode } from './error-codes.ts'
import type { OmahaAppRequest, OmahaEvent } from './omaha.ts'

export type Attributes = Readonly<Record<string, string | undefined>>
type Draft<T> = { -readonly [Name in keyof T]: T[Name] }

/** An `<app>` as written. */
export interface AppElement {
  readonly attributes: Attributes
  readonly ping: boolean
  readonly updatecheck: boolean
  readonly events: readonly Attributes[]
}

/**
 * Makes an app's request from its element. Never throws: what cannot be used is named in `problem`.
 * @param os says which board this is: `arch`, or `sp`, which is `<version>_<uname -m>`.
 * @param engine what the request calls its client.
 */
export function appRequest(app: AppElement, os: Attributes, engine = ''): OmahaAppRequest {
  const { ping, updatecheck } = app
  const { appid = '', version = '', track = '', board, machineid = '', oem = '' } = app.attributes
  const { oemversion = '', bootid = '', machinealias = '' } = app.attributes
  const problems = appid.trim() === '' ? ['appid is empty'] : []
  const events: OmahaEvent[] = []
  for (const [index, element] of app.events.entries()) {
    const event = readEvent(element, index)
    if (typeof event === 'string') problems.push(event)
    else events.push(event)
  }
  const request: Draft<OmahaAppRequest> = {
    appId: appid,
    version,
    track: bare(track),
    board: board || boardOf(os),
    machineId: machineid,
    oem,
    oemVersion: oemversion,
    bootId: bootid,
    machineAlias: machinealias,
    ping,
    updateCheck: updatecheck,
    events,
  }
  // Nebraska's syncer identifies as an old update_engine, but sends neither a ping nor an event (nebraska syncer.go).
  if (!ping && app.events.length === 0 && engine === 'CoreOSUpdateEngine-0.1.0.0')
    request.syncer = app.attributes.multi_manifest_ok === 'true' ? 'many' : 'one'
  if (problems.length > 0) request.problem = problems.join('; ')
  return request
}

/** @returns the problem where a number cannot be read. */
function readEvent(attributes: Attributes, index: number): OmahaEvent | string {
  const { eventtype = '', eventresult = '', errorcode = '', previousversion = '' } = attributes
  for (const name of ['eventtype', 'eventresult', 'errorcode'] as const) {
    const value = attributes[name] ?? ''
    if (!numbers[name].test(value))
      return `event ${index + 1} was dropped: ${name} is ${JSON.stringify(value.slice(0, 20))}`
  }
  const event: Draft<OmahaEvent> = { type: Number(eventtype), result: Number(eventresult) }
  if (errorcode !== '') event.errorCode = omahaErrorCode(Number(errorcode))
  // update_engine sends '' or 0.0.0.0 with every check of a machine that has updated nothing.
  if (previousversion !== '' && previousversion !== '0.0.0.0') event.previousVersion = previousversion
  return event
}

const numbers = { eventtype: /^\d{1,9}$/, eventresult: /^\d{1,9}$/, errorcode: /^(?:-?\d{1,10})?$/ }

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

function boardOf(os: Attributes): string {
  const { arch = '', sp = '' } = os
  if (Object.hasOwn(boards, arch)) return boards[arch] ?? ''
  return Object.entries(boards).find(([name]) => sp.endsWith(`_${name}`))?.[1] ?? ''
}
