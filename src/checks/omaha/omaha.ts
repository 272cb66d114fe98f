/**
 * Omaha 3.0 as values: what a request asks and what a response says, whatever its dialect on the wire.
 * @see protocols: flatcar/update_engine omaha_request_action.cc, ChromiumOS update_engine, go-omaha protocol.go
 */

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
  /** The channel's name, without the quotes and blanks that update.conf files bring; empty where absent. */
  readonly track: string
  /** `board`, else made from `os@arch`, else from `os@sp`; empty where none says. */
  readonly board: string
  readonly machineId: string
  readonly oem: string
  readonly oemVersion: string
  readonly bootId: string
  readonly machineAlias: string
  readonly ping: boolean
  readonly updateCheck: boolean
  readonly events: readonly OmahaEvent[]
  /** A Nebraska that copies releases, and whether it takes all that a machine must pass through at once. */
  readonly syncer?: 'one' | 'many'
  /** What of this app's data could not be used and why, for the log: an empty appid, events that were dropped. The rest stands. */
  readonly problem?: string
}

export interface OmahaEvent {
  /** e.g. 13 download started, 14 download finished, 3 update complete. */
  readonly type: number
  /** 0 error, 1 success, 2 success after reboot, 9 deferred. */
  readonly result: number
  readonly errorCode?: OmahaErrorCode
  readonly previousVersion?: string
}

export interface OmahaErrorCode {
  /** Without update_engine's flag bits. */
  readonly base: number
  /** e.g. `rollback`; `code 4711` where nobody named it. */
  readonly name: string
}

export interface OmahaResponse {
  readonly apps: readonly OmahaAppResponse[]
}

export interface OmahaAppResponse {
  readonly appId: string
  readonly status: 'ok' | 'error-unknownApplication'
  /** Acknowledged where it was sent. */
  readonly ping: boolean
  /** Present exactly where an update check was sent. */
  readonly updateCheck?: OmahaOffer | OmahaNoUpdate | OmahaWay
  /** How many events are acknowledged. */
  readonly events: number
}

/** No update, and why: in one word, or more. Clients of today do not show it; people who look at their traffic see it. */
export interface OmahaNoUpdate {
  readonly reason: string
}

/** All that a machine would be offered one after the other, for a server that copies: floors, and the target. */
export interface OmahaWay {
  readonly steps: readonly [OmahaStep, ...OmahaStep[]]
}

export interface OmahaStep {
  readonly offer: OmahaOffer
  /** The operator's words, where it is a floor. */
  readonly floor: string | undefined
  readonly isTarget: boolean
}

/** An update: cannot be made without a version, a place to fetch from and a complete first package. */
export interface OmahaOffer {
  readonly version: string
  /** Absolute, each ending in "/". */
  readonly codebases: readonly [string, ...string[]]
  /** The OS package first. */
  readonly packages: readonly [OmahaPackage, ...OmahaPackage[]]
}

export interface OmahaPackage {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex. */
  readonly sha1: string
  readonly required: boolean
}
