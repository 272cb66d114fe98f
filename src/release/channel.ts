/**
 * A channel as plain data: the part of a ChannelManifest that deciding and editing work on.
 * `documents/channel.ts` has the schema that decodes it.
 */

/** Size in bytes, digests in lower-case hex; `required: false` is optional, absent is required. */
export type Package = Readonly<{ name: string; size: number; sha256: string; sha1: string; required?: boolean }> & {
  /** Of the first package of a release for browsers and desktop software. */
  readonly install?: Install
  /** Of a further package: what it is a difference from. */
  readonly patch?: Patch
}

/** What a client runs in a package, and with what; and the first version of the browser that gets it. */
export type Install = Readonly<{ run?: string; arguments?: string; minBrowser?: string }>

/** A difference that makes the first package of the release. @see Chromium, puffin, zucchini */
export interface Patch {
  /** The SHA-256 of the file that it is applied to. */
  readonly from: string
  readonly kind: 'puff' | 'zucc'
}

export interface BoardPackages {
  /** Base URLs ending in "/", in the order clients try them; empty: this deployment serves the packages. */
  readonly codebases: readonly string[]
  /** The OS package first: update_engine installs the first and no other. */
  readonly packages: readonly [Package, ...Package[]]
}

/** A release without a file: its ostree commit, its image in a registry by digest, or both. */
export type Image = Readonly<{ checksum?: string; oci?: string }>

export type BoardContent = BoardPackages | Image
export const isImage = (of: PackageSet): of is Image => typeof of === 'object' && !('packages' in of)
/** How machines name what they install. */
export type Scheme = keyof Image
export const payloadOf = (of: PackageSet, scheme: Scheme): string | undefined => (isImage(of) ? of[scheme] : undefined)
export const imageText = ({ checksum, oci }: Image): string =>
  [checksum && `ostree ${checksum}`, oci].filter(Boolean).join(', ')
/** None of an image, or where the details are not at hand. */
export const filesOf = (of: PackageSet | undefined): readonly Package[] =>
  typeof of === 'object' && 'packages' in of ? of.packages : []

/** Shares are 0 to 1. */
export type RampStep = Readonly<{ at: string; share: number }>

/** As windows and cadences name them. */
export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

export type Window = Readonly<{ days: readonly Weekday[]; from: string; to: string; timeZone: string }>
type Weekday = (typeof weekdays)[number]

export interface Target {
  readonly oem?: { readonly only?: readonly string[]; readonly not?: readonly string[] }
  /** Ranges of versions: of the operating system, and of what runs. */
  readonly os?: string
  readonly from?: string
  readonly machines?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
}

export type Reasoned = Readonly<{ reason: string }>
export type Conditions = Readonly<{ windows?: readonly Window[]; target?: Target }>

/** What deciding does not need. Format 2 keeps it in a document of its own. */
export interface Details {
  readonly components?: Readonly<Record<string, string>>
  readonly cves?: readonly string[]
  readonly notes?: Pick<Package, 'sha256' | 'size'>
  readonly boards: Readonly<Record<string, BoardContent>>
}

/** Packages by the digest that names their folder; `elsewhere`: this deployment does not serve them. */
export type PackageSet = BoardContent | string

export interface Release extends Conditions, Omit<Details, 'boards'> {
  readonly version: string
  /** RFC 3339, UTC. */
  readonly publishedAt: string
  readonly boards: Readonly<Record<string, PackageSet>>
  /** The document that has the details; the release has none itself then. */
  readonly details?: Pick<Package, 'sha256' | 'size'>
  readonly ramp?: readonly RampStep[]
  readonly floor?: Reasoned
  readonly deadEnd?: Reasoned
  readonly withdrawn?: Reasoned
}

export interface Channel extends Conditions {
  /** Running versions that are offered the newest release even where it is lower. */
  readonly rollbackFrom?: readonly string[]
  readonly releases: readonly Release[]
}

/**
 * Limits of a rollout, as shares (0 to 1) of the machines that were offered it: `failures` counts every failure, `fellBack`
 * only machines that came back in their old version. `within` is ISO 8601, from the offer on.
 */
export interface Guard {
  readonly failures?: number
  readonly fellBack?: number
  /** Machines that must have been offered the release. */
  readonly atLeast: number
  readonly within: string
}

/** Withholds a version, on one board or (no `board`) on all. The timestamp key signs it. */
export type Hold = Reasoned & Readonly<{ version: string; board?: string; at: string }>

/** A release whose details are at hand. */
export type DetailedRelease = Release & Details

export const isDetailed = (release: Release): release is DetailedRelease => release.details === undefined

export const packagesFor = <P extends PackageSet>(
  { boards }: { readonly boards: Readonly<Record<string, P>> },
  board: string,
): P | undefined => (Object.hasOwn(boards, board) ? boards[board] : undefined)
