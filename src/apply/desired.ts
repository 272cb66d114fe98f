/** What a channel becomes by a file: its members, marks of releases, and holds. Pure. */
import type { ChannelRef } from '../catalog/read.ts'
import type { ChannelManifest } from '../documents/channel.ts'
import { PlatteError } from '../kernel/errors.ts'
import { defined } from '../kernel/json.ts'
import { findRelease } from '../release/add-release.ts'
import type { Channel, Hold, Release } from '../release/channel.ts'
import { isSameHold, markRelease, withField } from '../release/edits.ts'
import { isSameVersion } from '../release/version.ts'
import type { ChannelConfig, HoldWish } from './config.ts'

/** `prune` removes what the file does not mention. */
export type Wanted = Readonly<{ ref: ChannelRef; config: ChannelConfig; prune: boolean }>

/** The path of a member in the file, as errors name it. */
export const pathOf = ({ app, channel }: ChannelRef, ...members: readonly string[]): string =>
  ['apps', app, 'channels', channel, ...members].join('.')

/** An error that names a member of the file. */
export const wrongAt = (path: string, message: string, hint?: string): PlatteError =>
  new PlatteError('refused', `${path}: ${message}`, defined({ hint }))

const members = [
  ...(['description', 'cadence', 'aliases', 'payloadKeys', 'guard'] as const),
  ...(['follow', 'windows', 'target', 'defaultRamp', 'keep'] as const),
]

/** The manifest that the file wants. @throws PlatteError('refused') for a release that is not there, or contradicting marks. */
export function configure(current: ChannelManifest, wanted: Wanted): ChannelManifest {
  const { config, prune } = wanted
  const edited = members.map((name) => {
    const given = config[name]
    const there = current[name]
    const isRemoved = given === undefined ? prune : isNone(given)
    return [name, isRemoved ? (isNone(there) ? there : undefined) : (given ?? there)]
  })
  return withMarks(defined<ChannelManifest>({ ...current, ...Object.fromEntries(edited) }), wanted)
}

const isNone = (value: unknown): boolean =>
  value === false || value === '' || (Array.isArray(value) && value.length === 0)

const marks = [
  ['floor', 'floors', 'floors'],
  ['deadEnd', 'deadEnds', 'dead_ends'],
] as const

/** Marks are removed before others are set: one may move. */
function withMarks(manifest: ChannelManifest, { ref, config, prune }: Wanted): ChannelManifest {
  const kept = (release: Release): Release =>
    marks.reduce((one, [mark, name]) => {
      const [, wish = prune ? false : undefined] =
        Object.entries(config[name] ?? {}).find(([version]) => isSameVersion(version, one.version)) ?? []
      return wish === false ? withField(one, mark, undefined) : one
    }, release)
  let marked: ChannelManifest = { ...manifest, releases: manifest.releases.map(kept) }
  for (const [mark, name, member] of marks)
    for (const [version, reason] of Object.entries(config[name] ?? {})) {
      if (reason === false) continue
      const path = pathOf(ref, member, version)
      requireThere(marked, version, path)
      marked = placing(path, () => markRelease(marked, version, { mark, because: { reason } }))
    }
  return marked
}

function requireThere(channel: Channel, version: string, path: string): Release {
  const found = findRelease(channel, version)
  if (found) return found
  const newest = channel.releases.slice(0, 5).map((one) => one.version)
  const there = newest.length === 0 ? 'the channel has no release' : `its newest are ${newest.join(', ')}`
  throw wrongAt(path, `there is no such release`, `publish, promote or adopt it first; ${there}`)
}

/** Names the member of the file in an error. */
function placing<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof PlatteError)) throw error
    throw new PlatteError(error.code, `${path}: ${error.message}`, defined({ hint: error.hint, cause: error }))
  }
}

/**
 * The holds that the file wants; a known one keeps its date. The same list where nothing changes. A version that is not
 * there can be held before it comes.
 * @param offered the channel with what it follows.
 */
export function holdsOf(there: readonly Hold[], wanted: Wanted, offered: Channel, at: string): readonly Hold[] {
  const { ref, config, prune } = wanted
  const wishes = config.holds ?? []
  const wishOf = (hold: Hold): HoldWish | undefined => wishes.find((wish) => isSameHold(wish, hold))
  const kept = there.filter((hold) => (wishOf(hold)?.reason ?? (prune ? false : hold.reason)) === hold.reason)
  const added = wishes.flatMap(({ version, board, reason }): readonly Hold[] => {
    if (reason === false || kept.some((hold) => isSameHold(hold, { version, board }))) return []
    const path = pathOf(ref, 'holds', version)
    const release = findRelease(offered, version)
    if (release && board !== undefined && !Object.hasOwn(release.boards, board))
      throw wrongAt(`${path}.${board}`, 'no such board', `it has ${Object.keys(release.boards).join(', ')}`)
    return [{ version: release?.version ?? version, ...(board && { board }), reason, at }]
  })
  return added.length === 0 && kept.length === there.length ? there : [...kept, ...added]
}
