/**
 * A channel as plain data: the part of a ChannelManifest that deciding and editing work on.
 * `documents/channel.ts` has the schema that decodes it.
 */

export interface Package {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex. */
  readonly sha1: string
  /** `false`: optional. Absent means required. */
  readonly required?: boolean
}

export interface BoardPackages {
  /** Base URLs ending in "/", in the order clients try them; empty: this deployment serves the packages. */
  readonly codebases: readonly string[]
  /** The OS package first: update_engine installs the first and no other. */
  readonly packages: readonly [Package, ...Package[]]
}

export interface RampStep {
  readonly at: string
  /** 0 to 1. */
  readonly share: number
}

/** As windows and cadences name them. */
export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

export interface Window {
  readonly days: readonly (typeof weekdays)[number][]
  readonly from: string
  readonly to: string
  readonly timeZone: string
}

export interface Target {
  readonly oem?: { readonly only?: readonly string[]; readonly not?: readonly string[] }
  readonly from?: string
  readonly machines?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
}

export interface Reasoned {
  readonly reason: string
}

export interface Release {
  readonly version: string
  /** RFC 3339, UTC. */
  readonly publishedAt: string
  readonly components?: Readonly<Record<string, string>>
  readonly cves?: readonly string[]
  readonly notes?: { readonly sha256: string; readonly size: number }
  readonly boards: Readonly<Record<string, BoardPackages>>
  readonly ramp?: readonly RampStep[]
  readonly windows?: readonly Window[]
  readonly target?: Target
  readonly floor?: Reasoned
  readonly deadEnd?: Reasoned
  readonly withdrawn?: Reasoned
}

export interface Channel {
  readonly windows?: readonly Window[]
  readonly target?: Target
  /** Running versions that are offered the newest release even where it is lower. */
  readonly rollbackFrom?: readonly string[]
  readonly releases: readonly Release[]
}

/** Withholds a version, on one board or (no `board`) on all. The timestamp key signs it. */
export interface Hold extends Reasoned {
  readonly version: string
  readonly board?: string
  readonly at: string
}
