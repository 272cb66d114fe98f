/** What a mirror's operator withholds, without signing it. It can only restrict. Pure. */
import type { Channel } from './channel.ts'
import { rampFrom } from './ramp.ts'
import { compareVersions, parseVersion } from './version.ts'
import { boardOf, type Candidate, type ChannelView, type Refusal } from './view.ts'

export interface Restriction {
  readonly holds?: readonly { readonly version: string; readonly board?: string; readonly reason: string }[]
  /** Approved versions; all others are held. */
  readonly versions?: readonly string[]
  /** A second ramp of each release: begins this long after publication, in milliseconds, … */
  readonly afterMs?: number
  /** … and lasts this long, in milliseconds. */
  readonly overMs?: number
}

/** Restrictions by `app/channel`, `channel` or `*`. All that name a channel apply, to its followers too. */
export type Overlay = Readonly<Record<string, Restriction>>

/** Applies an overlay. @param source what the channel follows: restrictions of it apply to its releases here. */
export function restrict(
  view: ChannelView,
  overlay: Overlay | undefined,
  source?: Channel & { readonly channel: string },
): ChannelView {
  const { app, channel } = view.scope
  const restrictionsFor = (names: readonly string[]): readonly Restriction[] =>
    names.flatMap((name) => (overlay && Object.hasOwn(overlay, name) ? [overlay[name] ?? {}] : []))
  const own = restrictionsFor([`${app}/${channel}`, channel, '*'])
  const followed = source ? restrictionsFor([`${app}/${source.channel}`, source.channel]) : []
  if (own.length + followed.length === 0) return view
  const versions = followed.length > 0 ? (source?.releases ?? []).map(({ version }) => parseVersion(version)) : []
  const restrictionsOf = ({ version }: Candidate): readonly Restriction[] =>
    versions.some((one) => compareVersions(one, version) === 0) ? [...own, ...followed] : own
  const boards = [...view.boards].map(
    ([board, { candidates }]) =>
      [board, boardOf(candidates.map((one) => restrictCandidate(board, one, restrictionsOf(one))))] as const,
  )
  return { ...view, boards: new Map(boards) }
}

function restrictCandidate(board: string, candidate: Candidate, restrictions: readonly Restriction[]): Candidate {
  const publishedAt = Date.parse(candidate.release.publishedAt)
  const refusals = restrictions.map((one) => refusalOf(board, candidate, one))
  const ramps = restrictions.flatMap(({ afterMs = 0, overMs = 0 }) =>
    afterMs + overMs === 0 ? [] : [rampFrom(publishedAt + afterMs, overMs)],
  )
  return {
    ...candidate,
    refusal: candidate.refusal ?? refusals.find((one) => one !== undefined),
    ramps: [...candidate.ramps, ...ramps],
  }
}

function refusalOf(board: string, { version }: Candidate, { holds = [], versions }: Restriction): Refusal | undefined {
  const isIt = (text: string): boolean => compareVersions(parseVersion(text), version) === 0
  const hold = holds.find((one) => (one.board ?? board) === board && isIt(one.version))
  if (hold) return { reason: 'held', because: `on this mirror: ${hold.reason}` }
  if (versions === undefined || versions.some(isIt)) return undefined
  return { reason: 'held', because: 'on this mirror: it was not approved' }
}
