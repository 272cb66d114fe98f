/** What a server that is no Platte offers, in Platte's words: channels with their releases, and what has no counterpart. */
import * as v from 'valibot'
import { isName, matching } from '../documents/fields.ts'
import { isTakenPath } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { groupOf, isGroup } from '../kernel/group.ts'
import type { Window } from '../release/channel.ts'

/** A package where the other server says that it is. */
export interface ForeignFile {
  readonly name: string
  readonly url: string
  /** In bytes, where the other server knows it. */
  readonly size?: number
  /** Digests in lower-case hex, as far as the other server knows them. */
  readonly sha1?: string
  readonly sha256?: string
}

/** One version for one board. */
export interface ForeignRelease {
  readonly version: string
  readonly board: string
  /** The OS package first. */
  readonly files: readonly [ForeignFile, ...ForeignFile[]]
  /** Whether the first package may be another file than a payload of update_engine. */
  readonly isRaw: boolean
  /** Why it is a floor. */
  readonly floor?: string
  /** Why machines of this board are offered nothing. */
  readonly held?: string
  /** The length of its ramp, in ISO 8601. */
  readonly rampOver?: string
}

/** Whether an import gave this reason: what is held there for some groups is offered to others. */
export const isHeldThere = (reason: string): boolean =>
  /^(paused|at most 0 updates) in Nebraska, |^not published in CoreUpdate$/.test(reason)

export interface ForeignChannel {
  /** The key of the app. */
  readonly app: string
  readonly channel: string
  readonly description?: string
  /** Other GROUPs that its machines send. */
  readonly aliases: readonly string[]
  readonly windows?: readonly Window[]
  readonly releases: readonly ForeignRelease[]
}

export interface Foreign {
  readonly channels: readonly ForeignChannel[]
  /** What cannot be used as it is there, and is left out: sentences. */
  readonly refused: readonly string[]
  /** What Platte does otherwise, and what has no counterpart: sentences. */
  readonly notes: readonly string[]
}

/** The names that a store knows of an app: of each channel and alias, the channel. */
export type KnownNames = (app: string) => ReadonlyMap<string, string>

/** CoreOS Container Linux and Flatcar: one id. */
export const flatcarApp = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

/** The key of an app. @returns `undefined` where it cannot be one. */
export function keyOf(id: string): string | undefined {
  const key = id
    .trim()
    .replace(/^\{(.*)\}$/, '$1')
    .toLowerCase()
  return isName(key) ? key : undefined
}

/** A track as Platte compares it with what machines send. */
export const trackOf = groupOf

/** A GROUP of machines, a name for people, and ids that may be aliases beside it. */
export type Track = Readonly<{ track: string; title: string; ids?: readonly string[] }>

/**
 * Names the channel of each track: as the store knows it, else as the track is written, else the nearest name that is
 * free. The same every time.
 */
export function nameChannels(
  tracks: readonly Track[],
  known: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  const taken = new Set(known.values())
  const isFree = (name: string): boolean => isName(name) && !isTakenPath(name) && !taken.has(name)
  const give = (track: string, name: string): void => {
    names.set(track, name)
    taken.add(name)
  }
  const isId = (track: string): boolean => uuid.test(track)
  for (const { track, ids = [] } of tracks) {
    // A track that cannot be an alias is found again by an id.
    const there = (isGroup(track) ? [track] : ids).flatMap((one) => known.get(one) ?? [])[0]
    if (there !== undefined) give(track, there)
    else if (!isId(track) && isFree(track)) give(track, track)
  }
  for (const { track, title } of tracks) {
    if (names.has(track)) continue
    const base = plainName(isId(track) ? title : track) || plainName(title) || 'group'
    const numbered = (n: number): string => (n === 1 ? base : `${base}-${n}`)
    let n = 1
    while (!isFree(numbered(n))) n++
    give(track, numbered(n))
  }
  return names
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The letters and digits of a text, as a channel's name may have them. */
const plainName = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '')

/** The names of a channel that can be its aliases, and why others cannot: sentences. */
export function aliasesOf(channel: string, names: readonly string[], known: ReadonlyMap<string, string>) {
  const wanted = [...new Set(names.map(trackOf))].filter((name) => name !== channel)
  const isOther = (name: string): boolean => (known.get(name) ?? channel) !== channel
  const aliases = wanted.filter((name) => isGroup(name) && !isOther(name))
  const refused = wanted
    .filter((name) => !aliases.includes(name))
    .map((name) => {
      const why = isOther(name) ? `it leads to ${known.get(name)}` : 'a GROUP has at most 128 visible characters'
      return `${channel}: ${JSON.stringify(name)} cannot be its alias: ${why}`
    })
  return { aliases, refused }
}

/** Texts of other servers may have several lines. */
export const oneLine = (text: string, maxLength = 500): string =>
  text
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, maxLength)

/** A digest in base64, read as hex. */
export const digestIn = (bytes: number, name: string) =>
  v.pipe(
    v.string(),
    v.transform((text) => hexOf(text, bytes)),
    v.string(`must be a ${name} in base64`),
  )

/** A plain URL of a file or folder, as other servers name it. */
export const fileUrl = v.pipe(
  matching(/^https?:\/\/[^\s?#"'<>&@\\]+$/, 'must be a plain http(s) URL'),
  v.maxLength(400),
)

/** A number of bytes, as other servers write it. */
export const sizeText = v.pipe(matching(/^[1-9]\d{0,14}$/, 'must be a number of bytes'), v.transform(Number))

/** A digest in base64 as hex. @returns `undefined` where it has another length. */
function hexOf(base64: string, bytes: number): string | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return undefined
  const binary = atob(base64)
  if (binary.length !== bytes) return undefined
  return [...binary].map((one) => one.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}

/** An answer of another server that cannot be used. @param where its URL and what of it. */
export const unusable = (where: string, words: string, hint?: string): PlatteError =>
  new PlatteError('bad-document', `${where}: ${words}`, hint === undefined ? {} : { hint })
