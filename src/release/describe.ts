/** The state of a channel as JSON, and as text for terminals. */
import { isoText, percent, timeText } from '../kernel/format.ts'
import { explainReason } from './decide.ts'
import { type ListedRelease, offeredFrom, type ReleaseStatus, type RolloutStatus } from './rollout-status.ts'
import type { Candidate } from './view.ts'

/** A board in `/v1/channels` and `show --json`. Instants are RFC 3339. */
export const boardJson = ({ board, newest, offered, via, withheld, window, rollbacks, releases }: RolloutStatus) => {
  const shown = offered ?? newest
  const progress = releases[0]?.progress
  return {
    ...{ board, offered: offered ? versionOf(offered) : null, newest: versionOf(newest) },
    publishedAt: shown.release.publishedAt,
    offeredFrom: isoText(offeredFrom(shown)),
    components: shown.release.components,
    ...(via.length > 0 && { via: via.map(versionOf) }),
    ...(withheld && { withheld: { reason: withheld.reason, because: withheld.because } }),
    ...(progress && {
      ramp: {
        from: isoText(progress.from),
        to: progress.to === undefined ? null : isoText(progress.to),
        ...(progress.stoppedAt !== undefined && { stoppedAt: isoText(progress.stoppedAt) }),
        share: progress.share,
      },
    }),
    ...(window && { window: { isOpen: window.isOpen, edge: window.edge && isoText(window.edge) } }),
    ...(rollbacks.length > 0 && { rollbacks: rollbacks.map(({ from, to }) => ({ from, to: versionOf(to) })) }),
  }
}

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
  const { candidate, state, because, window, board } = status
  const reason = because === undefined ? '' : `: ${because}`
  const hours = window ? [windowText(window)] : []
  const { floor, deadEnd } = candidate
  const marks = [...(deadEnd ? [`dead end: ${deadEnd.reason}`] : []), ...(floor ? [`floor: ${floor.reason}`] : [])]
  switch (state) {
    case 'offered':
      return ['offered', ...hours, ...marks].join('; ')
    case 'floor':
      return [`floor on the way${reason}`, ...hours].join('; ')
    case 'superseded':
      return marks[0] ?? 'superseded'
    case 'held':
    case 'withdrawn':
    case 'dead-end':
      return `${state} for ${board}${reason}`
    case 'not-in-ramp':
      return rampText(status)
    case 'later':
      return `waits until ${timeText(candidate.seenFrom)}`
    case 'target':
      return `for some machines${reason}`
    case 'floor-held':
      return `waits for a floor that is held or withdrawn${reason}`
    default:
      return `not offered: ${explainReason(state)}`
  }
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
