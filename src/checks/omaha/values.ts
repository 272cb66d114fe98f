/** What the attributes of an Omaha request mean, after XML: the same for the strict reader and for the fast one. */

import { omahaErrorCode } from './error-codes.ts'
import type { OmahaAppRequest, OmahaEvent } from './omaha.ts'

/** The attributes of an element by their names, '' for one that is absent. */
export type Attributes = (name: string) => string

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
  const { attributes, ping, updatecheck } = app
  const read = app.events.map(readEvent)
  const problems = read.filter((event) => typeof event === 'string')
  if (attributes('appid').trim() === '') problems.unshift('appid is empty')
  const request = {
    appId: attributes('appid'),
    version: attributes('version'),
    track: bare(attributes('track')),
    board: attributes('board') || boardOf(os),
    machineId: attributes('machineid'),
    oem: attributes('oem'),
    oemVersion: attributes('oemversion'),
    bootId: attributes('bootid'),
    machineAlias: attributes('machinealias'),
    ping,
    updateCheck: updatecheck,
    events: read.filter((event) => typeof event !== 'string'),
    ...syncerOf(app, engine),
  }
  return problems.length === 0 ? request : { ...request, problem: problems.join('; ') }
}

/**
 * Nebraska's syncer identifies as an old update_engine, but sends neither a ping nor an event; a machine sends one.
 * @see flatcar/nebraska syncer.go, omaha.go
 */
function syncerOf(app: AppElement, engine: string): Pick<OmahaAppRequest, 'syncer'> {
  if (app.ping || app.events.length > 0 || engine !== 'CoreOSUpdateEngine-0.1.0.0') return {}
  return { syncer: app.attributes('multi_manifest_ok') === 'true' ? 'many' : 'one' }
}

/** @returns the problem where a number cannot be read. */
function readEvent(attributes: Attributes, index: number): OmahaEvent | string {
  const odd = (['eventtype', 'eventresult', 'errorcode'] as const).find((name) => !numbers[name].test(attributes(name)))
  if (odd) return `event ${index + 1} was dropped: ${odd} is ${JSON.stringify(attributes(odd).slice(0, 20))}`
  const [errorCode, previousVersion] = [attributes('errorcode'), attributes('previousversion')]
  return {
    type: Number(attributes('eventtype')),
    result: Number(attributes('eventresult')),
    ...(errorCode !== '' && { errorCode: omahaErrorCode(Number(errorCode)) }),
    ...(isVersion(previousVersion) && { previousVersion }),
  }
}

const numbers = { eventtype: /^\d{1,9}$/, eventresult: /^\d{1,9}$/, errorcode: /^(?:-?\d{1,10})?$/ }

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

function boardOf(os: Attributes): string {
  const arch = os('arch')
  if (Object.hasOwn(boards, arch)) return boards[arch] ?? ''
  return Object.entries(boards).find(([name]) => os('sp').endsWith(`_${name}`))?.[1] ?? ''
}
