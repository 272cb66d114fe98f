/** The state of a channel as JSON, and as text for terminals. */
import { isoText, percent, timeText } from '../kernel/format.ts'
import type { Release } from './channel.ts'
import { explainReason, type Reason, type Withheld } from './decide.ts'
import {
  type ListedRelease,
  offeredFrom,
  type Progress,
  type ReleaseStatus,
  type RolloutStatus,
} from './rollout-status.ts'
import type { Candidate } from './view.ts'

type Detailed = (release: Release) => Release

/** A board in `/v1/channels` and `show --json`. Instants are RFC 3339. @param detailed a release with its details. */
export const boardJson = (status: RolloutStatus, detailed: Detailed = (release) => release) => {
  const { board, newest, offered, via, withheld, window, rollbacks, releases } = status
  const shown = offered ?? newest
  const progress = releases[0]?.progress
  return {
    ...{ board, offered: offered ? versionOf(offered) : null, newest: versionOf(newest) },
    publishedAt: shown.release.publishedAt,
    offeredFrom: isoText(offeredFrom(shown)),
    components: detailed(shown.release).components,
    ...(via.length > 0 && { via: via.map(versionOf) }),
    ...(withheld && { withheld: withheldJson(withheld) }),
    ...(progress && { ramp: rampJson(progress) }),
    ...(window && { window: { isOpen: window.isOpen, edge: window.edge && isoText(window.edge) } }),
    ...(rollbacks.length > 0 && { rollbacks: rollbacks.map(({ from, to }) => ({ from, to: versionOf(to) })) }),
  }
}

/** `version`: the release that is withheld, or the floor that keeps machines back. */
const withheldJson = ({ reason, because, candidate }: Withheld) => ({
  ...{ reason, because },
  ...(candidate && { version: versionOf(candidate) }),
})

const rampJson = ({ from, to, stoppedAt, share }: Progress) => ({
  ...{ from: isoText(from), to: to === undefined ? null : isoText(to) },
  ...(stoppedAt !== undefined && { stoppedAt: isoText(stoppedAt) }),
  share,
})

const versionOf = ({ release }: Candidate): string => release.version

/** e.g. `by way of 2.0.0; window open until 2026-11-24 13:00:00 UTC`; empty where everybody is offered the newest. */
export function boardText({ newest, offered, via, window, rollbacks, releases }: RolloutStatus): string {
  const [first] = releases
  return [
    ...(via.length > 0 ? [`by way of ${via.map(versionOf).join(', ')}`] : []),
    ...(window && offered ? [windowText(window)] : []),
    ...(first && offered !== newest ? [`${versionOf(newest)}: ${stateText(first)}`] : []),
    ...rollbacks.map(({ from, to }) => `machines on ${from.join(', ')} are being sent back to ${versionOf(to)}`),
  ].join('; ')
}

/** The states of a release; boards are named where they differ. */
export function releaseText({ boards }: ListedRelease): string {
  const groups = [...Map.groupBy(boards, stateText)]
  const texts = groups.map(([text, same]) => {
    const names = same.map(({ board }) => board)
    return groups.length === 1 || names.some((name) => text.includes(name)) ? text : `${text} (${names.join(', ')})`
  })
  return texts.join('; ')
}

function stateText(status: ReleaseStatus): string {
  const { state, because, floor } = status
  const text = stateTexts[state] ?? (() => `not offered: ${explainReason(state as Reason)}`)
  const reason = because === undefined ? '' : `: ${because}`
  return floor
    ? `waits for the floor ${versionOf(floor)}, ${floorTexts[state] ?? state}${reason}`
    : text(status, reason)
}

type StateText = (status: ReleaseStatus, reason: string) => string

const hoursOf = ({ window }: ReleaseStatus): readonly string[] => (window ? [windowText(window)] : [])
const marksOf = ({ candidate: { floor, deadEnd } }: ReleaseStatus): readonly string[] => [
  ...(deadEnd ? [`dead end: ${deadEnd.reason}`] : []),
  ...(floor ? [`floor: ${floor.reason}`] : []),
]
const brakeText: StateText = ({ state, board }, reason) => `${state} for ${board}${reason}`

const stateTexts: { readonly [State in ReleaseStatus['state']]?: StateText } = {
  offered: (status) => ['offered', ...hoursOf(status), ...marksOf(status)].join('; '),
  floor: (status, reason) => [`floor on the way${reason}`, ...hoursOf(status)].join('; '),
  superseded: (status) => marksOf(status)[0] ?? 'superseded',
  ...{ held: brakeText, withdrawn: brakeText, 'dead-end': brakeText },
  'not-in-ramp': (status) => rampText(status),
  later: ({ candidate }) => `waits until ${timeText(candidate.seenFrom)}`,
  target: (_, reason) => `for some machines${reason}`,
}

/** How a floor keeps machines below it. */
const floorTexts: { readonly [State in ReleaseStatus['state']]?: string } = {
  'floor-held': 'which is held or withdrawn',
  target: 'which is for some machines',
  'not-in-ramp': 'which has not reached all machines',
  'outside-window': 'which is offered in its windows only',
}

function rampText({ progress, board }: ReleaseStatus): string {
  const { share, to, stoppedAt } = progress ?? { share: 0, to: undefined, stoppedAt: undefined }
  const offered = `${percent(share)} of ${board}`
  if (stoppedAt !== undefined) return `ramp stopped at ${offered}, ${timeText(stoppedAt)}`
  return `ramp: ${offered}${to === undefined ? '' : `, 100 % at ${timeText(to)}`}`
}

function windowText({ isOpen, edge }: NonNullable<ReleaseStatus['window']>): string {
  if (edge === undefined) return isOpen ? 'window always open' : 'window never opens'
  return `window ${isOpen ? 'open' : 'closed'} until ${timeText(edge)}`
}
