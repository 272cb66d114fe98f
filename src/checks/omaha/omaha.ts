/**
 * Omaha 3.0 requests and responses as values, and what attributes of a request mean: the same for the strict reader and for
 * the fast one.
 * @see protocols: flatcar/update_engine omaha_request_action.cc, ChromiumOS update_engine, go-omaha protocol.go
 */
import { groupOf } from '../../kernel/group.ts'
import type { Install, Patch } from '../../release/channel.ts'
import type { ClientLimits } from '../../release/decide.ts'
import type { OmahaClient } from './client.ts'

export interface OmahaRequest {
  /** As sent; 3.x. */
  readonly protocol: string
  /** `scheduler`, `ondemandupdate`, … or empty. */
  readonly installSource: string
  readonly apps: readonly OmahaAppRequest[]
}

export interface OmahaAppRequest {
  /** Echoed byte for byte (after decoding): go-omaha compares it with what it sent. */
  readonly appId: string
  /** Any text; empty where absent. */
  readonly version: string
  /** The channel's name, without the quotes and blanks that update.conf files bring, in NFC; empty where absent. */
  readonly track: string
  /** `board`; where it is empty, made from `os@arch`; where that is empty, from `os@sp`. Empty for an unknown value. */
  readonly board: string
  readonly machineId: string
  readonly oem: string
  readonly oemVersion: string
  readonly bootId: string
  readonly machineAlias: string
  readonly ping: boolean
  readonly updateCheck: boolean
  /** What the client restricts in its update check. */
  readonly limits?: ClientLimits
  readonly events: readonly OmahaEvent[]
  /** A Nebraska that copies releases, and whether it takes all that a machine must pass through at once. */
  readonly syncer?: 'one' | 'many'
  /** For the log: which data of this app was ignored, and why. */
  readonly problem?: string
  /** What the dialects of browsers and desktop software add. */
  readonly client?: OmahaClient
}

export interface OmahaEvent {
  /** e.g. 13 download started, 14 download finished, 3 update complete. */
  readonly type: number
  /** 0 error, 1 success, 2 success after reboot, 9 deferred. */
  readonly result: number
  readonly errorCode?: OmahaErrorCode
  /** An error in the words of another dialect, whose numbers mean something else. */
  readonly error?: string
  /** Empty where it was sent as none, as by update_engine with every check of a machine that has updated nothing. */
  readonly previousVersion?: string
}

/** An event as logs and reports have it. */
export interface Reported {
  /** Omaha's: 13 download started, 14 download finished, 3 update complete. */
  readonly type: number
  /** Omaha's: 0 error, 1 success, 2 success after a reboot, 9 deferred. */
  readonly result: number
  /** Number and name, such as `44 rollback`. */
  readonly error?: string | undefined
  /** The version before the reboot. */
  readonly previous?: string | undefined
}

/** `base` is without update_engine's flag bits; `name` e.g. `rollback`, `code 4711` for an unknown one. */
export interface OmahaErrorCode {
  readonly base: number
  readonly name: string
}

export interface OmahaAppResponse {
  readonly appId: string
  readonly status: 'ok' | 'error-unknownApplication'
  readonly ping: boolean
  /** Present exactly where an update check was sent. No client shows `reason`; it helps people who look at the traffic. */
  readonly updateCheck?: OmahaOffer | { readonly reason: string } | OmahaStep
  /** How many events are acknowledged. */
  readonly events: number
}

/** What a server that copies releases gets: the next step of its path, and the operator's words where it is a floor. */
export interface OmahaStep {
  readonly step: OmahaOffer
  readonly floor: string | undefined
}

export interface OmahaOffer {
  readonly version: string
  /** Absolute, each ending in "/". */
  readonly codebases: readonly [string, ...string[]]
  /** The OS package first. */
  readonly packages: readonly [OmahaPackage, ...OmahaPackage[]]
  /** For browsers and desktop software. */
  readonly install?: Install
  readonly patches?: readonly OmahaPatch[]
}

export type OmahaPatch = Omit<OmahaPackage, 'required'> & { readonly patch: Patch }

/** `size` in bytes, digests in lower-case hex. */
export interface OmahaPackage {
  readonly name: string
  readonly size: number
  readonly sha256: string
  readonly sha1: string
  readonly required: boolean
}

export type Attributes = Readonly<Record<string, string | undefined>>
type Draft<T> = { -readonly [Name in keyof T]: T[Name] }

/** An `<app>` as written. */
export interface AppElement {
  readonly attributes: Attributes
  ping: boolean
  /** Its attributes, where it is there. */
  updatecheck: Attributes | undefined
  readonly events: Attributes[]
}

/**
 * Makes an app's request from its element. Never throws: what cannot be used is named in `problem`.
 * @param os says which board this is: `arch`, or `sp`, which is `<version>_<uname -m>`.
 * @param engine what the request calls its client.
 */
export function appRequest(app: AppElement, os: Attributes, engine = ''): OmahaAppRequest {
  const { ping, updatecheck } = app
  const { appid: appId = '', version = '', track = '', board, machineid: machineId = '', oem = '' } = app.attributes
  const { oemversion: oemVersion = '', bootid: bootId = '', machinealias: machineAlias = '' } = app.attributes
  const problems = appId.trim() === '' ? ['appid is empty'] : []
  const events: OmahaEvent[] = []
  for (const element of app.events) {
    const event = readEvent(element)
    if (typeof event === 'string') problems.push(`event ${app.events.indexOf(element) + 1} was dropped: ${event}`)
    else events.push(event)
  }
  // Nebraska's syncer identifies as an old update_engine, but sends neither a ping nor an event (nebraska syncer.go).
  const isSyncer = !ping && app.events.length === 0 && engine === 'CoreOSUpdateEngine-0.1.0.0'
  const request: Draft<OmahaAppRequest> = {
    appId,
    version,
    track: groupOf(track),
    board: board || boardOf(os, isSyncer),
    machineId,
    oem,
    oemVersion,
    bootId,
    machineAlias,
    ping,
    updateCheck: updatecheck !== undefined,
    events,
  }
  if (isSyncer) request.syncer = app.attributes.multi_manifest_ok === 'true' ? 'many' : 'one'
  const limits = limitsOf(updatecheck)
  if (limits) request.limits = limits
  if (problems.length > 0) request.problem = problems.join('; ')
  return request
}

/** @see Omaha 3.0, the attributes of `<updatecheck>`. `rollback_allowed` counts only where it is written. */
function limitsOf(updatecheck: Attributes | undefined): ClientLimits | undefined {
  if (updatecheck === undefined || updatecheck === noAttributes) return undefined
  const { targetversionprefix = '', updatedisabled = '', rollback_allowed = '' } = updatecheck
  const limits = {
    ...(targetversionprefix !== '' && { versionPrefix: targetversionprefix }),
    ...(/^(true|1)$/i.test(updatedisabled) && { takesNoUpdate: true }),
    ...(/^(false|0)$/i.test(rollback_allowed) && { takesNoRollback: true }),
  }
  return Object.keys(limits).length > 0 ? limits : undefined
}

/** Of the `<updatecheck>` that update_engine writes. */
export const noAttributes: Attributes = {}

/** @returns the problem where a number cannot be read. */
function readEvent({ eventtype = '', eventresult = '', errorcode = '', previousversion }: Attributes) {
  if (!natural.test(eventtype)) return `eventtype is ${shown(eventtype)}`
  if (!natural.test(eventresult)) return `eventresult is ${shown(eventresult)}`
  if (errorcode !== '' && !integer.test(errorcode)) return `errorcode is ${shown(errorcode)}`
  const event: Draft<OmahaEvent> = { type: Number(eventtype), result: Number(eventresult) }
  if (errorcode !== '') event.errorCode = omahaErrorCode(Number(errorcode))
  if (previousversion !== undefined) event.previousVersion = previousversion === '0.0.0.0' ? '' : previousversion
  return event
}

const natural = /^\d{1,9}$/
const integer = /^-?\d{1,10}$/
const shown = (value: string): string => JSON.stringify(value.slice(0, 20))

const [amd64, arm64] = ['amd64-usr', 'arm64-usr']
const boards: Readonly<Record<string, string>> = { x86_64: amd64, amd64, x64: amd64, aarch64: arm64, arm64 }

/**
 * A stated value that is not known is no board: the next source knows less. Nebraska's syncer calls arm64 `arm`, whatever it
 * runs on itself (nebraska syncer.go).
 */
function boardOf({ arch = '', sp = '' }: Attributes, isSyncer: boolean): string {
  if (isSyncer && arch === 'arm') return 'arm64-usr'
  if (arch !== '') return Object.hasOwn(boards, arch) ? (boards[arch] ?? '') : ''
  return Object.entries(boards).find(([name]) => sp.endsWith(`_${name}`))?.[1] ?? ''
}

/** Bits 28 to 31 say how the machine runs (own update URL, test image, resumed, developer mode), not what failed. */
const baseBits = 0x0fffffff

/** update_engine runs the old version although it installed an update. */
export const rollbackError = 44

/** By number, from 0. @see flatcar/update_engine action_processor.h, ActionExitCode */
const errorNames = `
  success error omaha-request omaha-response-handler filesystem-copier postinstall set-bootable-flag
  install-device-open kernel-device-open download-transfer payload-hash payload-size payload-verification
  new-partition-info download-write rootfs-verification kernel-verification unsigned-payload bad-signature
  booted-from-firmware-b download-state-initialization bad-magic signature-missing-in-manifest manifest-parse
  metadata-signature metadata-signature-verification metadata-signature-mismatch operation-hash-verification
  operation-execution operation-hash empty-response bad-xml metadata-size metadata-signature-invalid invalid-response
  ignored-by-policy deferred-by-policy http-error operation-hash-missing metadata-signature-missing
  deferred-by-back-off powerwash pcr-policy-verification pcr-policy-http rollback
`
  .trim()
  .split(/\s+/)

/** Names an error code without flag bits, such as `rollback` or `http 404`; `code 4711` for an unknown one. */
export function omahaErrorName(base: number): string {
  if (base === 2000) return 'no-http-answer'
  if (base === 2999) return 'odd-http-code'
  return errorNames[base] ?? (base > 2000 && base < 2999 ? `http ${base - 2000}` : `code ${base}`)
}

/** @param code as sent: base and flag bits, signed or unsigned 32 bits. */
export function omahaErrorCode(code: number): OmahaErrorCode {
  const base = code & baseBits
  return { base, name: omahaErrorName(base) }
}
