/** One board of a channel: the offered release, until when, and why not a newer one. */
import { percent } from '../../kernel/format.ts'
import type { Reason } from '../../release/reasons.ts'
import {
  offeredFrom,
  type Progress,
  type ReleaseStatus,
  type RolloutStatus,
  type WindowStatus,
} from '../../release/rollout-status.ts'
import type { Candidate } from '../../release/view.ts'
import { age, atMost, filled, type Html, inEnglish, instant, none, part, time } from './fragments.ts'
import type { Words } from './words-en.ts'

/** More are in the JSON, and on the page of the channel. */
const maxComponents = 8

interface Shown {
  readonly now: number
  readonly words: Words
  readonly level: 4 | 3
}

/** Boards that are offered the same are shown once, under all of their names. */
export function boards(statuses: readonly RolloutStatus[], shown: Shown): readonly Html[] {
  const groups = Map.groupBy(statuses, keyOf)
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? [board(first, [first, ...others].map((one) => one.board).join(', '), shown)] : [],
  )
}

const keyOf = ({ offered, newest, via, withheld, rollbacks }: RolloutStatus): string =>
  JSON.stringify([
    ...[offered, newest, ...via].map((one) => one?.release.version),
    ...[withheld?.reason, withheld?.because],
    ...rollbacks.map(({ from, to }) => [...from, to.release.version]),
  ])

function board(status: RolloutStatus, names: string, { now, words, level }: Shown): Html {
  const { offered, newest, via, withheld, window, rollbacks } = status
  const heading = part`${names} ${chip(status, words)}`
  const sentBack = rollbacks.map(
    ({ from, to }) => part`<p class="small"><b>${words.board.sentBack(from.join(', '), to.release.version)}</b></p>\n`,
  )
  return part`<div class="board">${level === 4 ? part`<h4>${heading}</h4>` : part`<h3>${heading}</h3>`}
${
  offered
    ? part`<p class="version">${offered.release.version}</p>
<p class="small">${words.board.offered}${words.comma}${filled(words.board.published, age(offeredFrom(offered), now, words))}</p>`
    : part`<p class="version nothing">${words.board.none}</p>`
}
${via.length === 0 ? none : part`<p class="small">${words.board.via(via.map(({ release }) => release.version).join(', '))}</p>\n`}${windowLine(window, now, words)}${sentBack}${
  withheld === undefined
    ? none
    : part`<p class="small">${words.board.newest}${words.colon}<b>${newest.release.version}</b>${newest.seenFrom > now ? none : part`${words.comma}${age(offeredFrom(newest), now, words)}`}</p>
${whyNot(status, now, words)}`
}${components(offered ?? newest, words)}</div>\n`
}

const worst: readonly Reason[] = ['held', 'withdrawn', 'floor-held', 'dead-end']

function chip(status: RolloutStatus, words: Words): Html {
  const { withheld, offered } = status
  const isForSome = withheld === undefined && (offered?.targets.length ?? 0) > 0
  const state = isForSome ? 'target' : (withheld?.reason ?? 'up-to-date')
  const isLater = withheld?.reason === 'up-to-date'
  const label = stateLabel({ state: isLater ? 'later' : state, progress: keptBack(status)?.progress }, words)
  const isBad = !offered || (withheld && worst.includes(withheld.reason)) || isStopped(status)
  const kind = isBad ? 'bad' : withheld === undefined && !isForSome ? 'good' : 'wait'
  return part`<span class="state ${kind}">${label}</span>`
}

const keptBack = ({ withheld, newest, releases }: RolloutStatus): ReleaseStatus | undefined =>
  releases.find(({ candidate }) => candidate === (withheld?.candidate ?? newest))

const isStopped = (status: RolloutStatus): boolean =>
  status.withheld?.reason === 'not-in-ramp' && keptBack(status)?.progress?.stoppedAt !== undefined

export function stateLabel({ state, progress }: Pick<ReleaseStatus, 'state' | 'progress'>, words: Words): string {
  if (state === 'offered' || state === 'floor' || state === 'later' || state === 'superseded') return words.board[state]
  if (state !== 'not-in-ramp' || progress === undefined) return words.reasons[state]
  return `${progress.stoppedAt === undefined ? words.reasons[state] : words.ramp.isStopped} ${percent(progress.share)}`
}

function windowLine(window: WindowStatus | undefined, now: number, words: Words): Html {
  if (window === undefined) return none
  const { isOpen, edge } = window
  if (edge === undefined) return part`<p class="small">${isOpen ? none : words.board.windowNever}</p>`
  const sentence = isOpen ? words.board.windowOpen : words.board.windowClosed
  return part`<p class="small">${filled(sentence, time(edge, now, words))}</p>\n`
}

function whyNot(status: RolloutStatus, now: number, words: Words): Html {
  const { withheld, offered, newest } = status
  const because = withheld?.because
  const isRamped = withheld?.reason === 'not-in-ramp'
  const isKept = withheld !== undefined && !isRamped && withheld.reason !== 'up-to-date'
  const kept = keptBack(status)
  return part`${because === undefined ? none : part`<p class="small">${withheld?.reason === 'target' ? inEnglish(because) : reasonLink(because)}</p>\n`}${
    isKept ? part`<p class="small">${meanwhile(withheld.reason, offered, words)}</p>\n` : none
  }${newest.seenFrom > now ? part`<p class="small">${filled(words.board.waits, time(newest.seenFrom, now, words))}</p>\n` : none}${
    isRamped && kept?.progress ? ramp(kept.candidate.release.version, kept.progress, now, words) : none
  }`
}

function meanwhile(reason: Reason, offered: Candidate | undefined, { board }: Words): string {
  if (reason === 'floor-held') return board.belowFloor
  if (offered) return board.meanwhile(offered.release.version)
  return reason === 'target' ? board.others : board.meanwhileNothing
}

/** The operator's words; where they are a plain URL, a link to it. */
export function reasonLink(because: string): Html {
  return /^https?:\/\/[^\s"'<>]+$/.test(because)
    ? part`<a href="${because}" rel="noreferrer">${because}</a>`
    : part`${because}`
}

function ramp(version: string, { from, to, share, stoppedAt }: Progress, now: number, words: Words): Html {
  const isStopped = stoppedAt !== undefined
  return part`<div class="ramp${isStopped ? ' stopped' : ''}"><svg role="img" aria-label="${words.ramp.label(version, percent(share))}" viewBox="0 0 100 1" preserveAspectRatio="none"><rect width="${Math.round(share * 10_000) / 100}" height="1"/></svg>
<dl><div><dt>${words.ramp.start}</dt><dd>${instant(from)}</dd></div><div><dt>${words.ramp.now}</dt><dd>${percent(share)}</dd></div><div><dt>${words.ramp.end}</dt><dd>${to === undefined ? '–' : instant(to)}</dd></div></dl>
${isStopped ? part`<p class="small">${filled(words.ramp.stopped, time(stoppedAt, now, words))}</p>` : none}</div>\n`
}

function components({ release }: Candidate, words: Words): Html {
  const list = Object.entries(release.components ?? {}).map(
    ([name, version]) => part`<div><dt>${name}</dt><dd>${version}</dd></div>\n`,
  )
  if (list.length === 0) return none
  const rest = (count: number) => part`<div><dt>${words.channel.more(count)}</dt><dd></dd></div>`
  return part`<dl class="parts">${atMost(list, maxComponents, rest)}</dl>`
}
