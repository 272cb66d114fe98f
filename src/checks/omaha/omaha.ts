/**
 * Omaha 3.0 requests and responses as values, independent of the format on the wire.
 * @see protocols: flatcar/update_engine omaha_request_action.cc, ChromiumOS update_engine, go-omaha protocol.go
 */
import type { ClientLimits } from '../../release/decide.ts'

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
}

export interface OmahaEvent {
  /** e.g. 13 download started, 14 download finished, 3 update complete. */
  readonly type: number
  /** 0 error, 1 success, 2 success after reboot, 9 deferred. */
  readonly result: number
  readonly errorCode?: OmahaErrorCode
  readonly previousVersion?: string
}

/** `base` is without update_engine's flag bits; `name` e.g. `rollback`, `code 4711` for an unknown one. */
export interface OmahaErrorCode {
  readonly base: number
  readonly name: string
}

export interface OmahaAppResponse {
  readonly appId: string
  readonly status: 'ok' | 'error-unknownApplication'
  /** Acknowledged where it was sent. */
  readonly ping: boolean
  /** Present exactly where an update check was sent. No client shows `reason`; it helps people who look at the traffic. */
  readonly updateCheck?: OmahaOffer | { readonly reason: string } | OmahaStep
  /** How many events are acknowledged. */
  readonly events: number
}

/** What a server that copies releases gets: the next step of its path. */
export interface OmahaStep {
  readonly step: OmahaOffer
  /** The operator's words, where it is a floor. */
  readonly floor: string | undefined
}

export interface OmahaOffer {
  readonly version: string
  /** Absolute, each ending in "/". */
  readonly codebases: readonly [string, ...string[]]
  /** The OS package first. */
  readonly packages: readonly [OmahaPackage, ...OmahaPackage[]]
}

/** Digests in lower-case hex. */
export interface OmahaPackage {
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly sha256: string
  readonly sha1: string
  readonly required: boolean
}
