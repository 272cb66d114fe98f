/** Where a board of a channel stands: what is offered, and what keeps back what is newer. */
import type { Reason } from '../../release/decide.ts'
import { progressOf, type RolloutStatus } from '../../release/rollout-status.ts'
import { age, atMost, filled, type Html, inEnglish, minuteText, none, part, percent, time } from './fragments.ts'
import type { Words } from './words-en.ts'

/** More are in the JSON, and on the page of the channel. */
const maxComponents = 8

interface Shown {
  readonly now: number
  readonly words: Words
  /** Of headings. */
  readonly level: 4 | 3
}

/** Boards that stand at the same are shown once, under all of their names. */
export function boards(standings: readonly RolloutStatus[], shown: Shown): readonly Html[] {
  const groups = Map.groupBy(standings, (one) => keyOf(one))
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? [board(first, [first, ...others].map((one) => one.board).join(', '), shown)] : [],
  )
}

const keyOf = ({ offered, newest, withheld }: RolloutStatus): string =>
  JSON.stringify([offered?.release.version, newest.release.version, withheld?.reason, withheld?.because])

function board(standing: RolloutStatus, names: string, { now, words, level }: Shown): Html {
  const { offered, newest, withheld } = standing
  const heading =
    level === 4
      ? part`<h4>${names} ${chip(standing, now, words)}</h4>`
      : part`<h3>${names} ${chip(standing, now, words)}</h3>`
  return part`<div class="board">${heading}
${
  offered
    ? part`<p class="version">${offered.release.version}</p>
<p class="small">${words.board.offered}${words.comma}${filled(words.board.published, age(Date.parse(offered.release.publishedAt), now, words))}</p>`
    : part`<p class="version nothing">${words.board.none}</p>`
}
${windowLine(standing, now, words)}${
  withheld === undefined
    ? none
    : part`<p class="small">${words.board.newest}${words.colon}<b>${newest.release.version}</b>${words.comma}${age(Date.parse(newest.release.publishedAt), now, words)}</p>
${whyNot(standing, now, words)}`
}${components(offered ?? newest, words)}</div>\n`
}

const worst: readonly Reason[] = ['held', 'withdrawn', 'floor-held', 'dead-end']

function chip({ withheld, offered, newest }: RolloutStatus, now: number, words: Words): Html {
  const { reason } = withheld ?? { reason: 'up-to-date' as const }
  const share = reason === 'not-in-ramp' ? progressOf(newest, now)?.share : undefined
  const isLater = withheld !== undefined && reason === 'up-to-date'
  const isForSome = withheld === undefined && (offered?.targets.length ?? 0) > 0
  const isGood = withheld === undefined && !isForSome
  const kind = worst.includes(reason) || !offered ? 'bad' : isGood ? 'good' : 'wait'
  const label = isLater ? words.board.later : words.reasons[isForSome ? 'target' : reason]
  return part`<span class="state ${kind}">${label}${share === undefined ? none : ` ${percent(share)}`}</span>`
}

function windowLine({ window }: RolloutStatus, now: number, { board, ...words }: Words): Html {
  if (window === undefined) return none
  const { isOpen, edge } = window
  if (edge === undefined) return part`<p class="small">${isOpen ? none : board.windowNever}</p>`
  const sentence = isOpen ? board.windowOpen : board.windowClosed
  return part`<p class="small">${filled(sentence, time(edge, now, { board, ...words }))}</p>\n`
}

function whyNot({ withheld, offered, newest }: RolloutStatus, now: number, words: Words): Html {
  const because = withheld?.because
  const isRamped = withheld?.reason === 'not-in-ramp'
  const isKept = withheld !== undefined && !isRamped && withheld.reason !== 'up-to-date'
  return part`${because === undefined ? none : part`<p class="small">${withheld?.reason === 'target' ? inEnglish(because) : reasonLink(because)}</p>\n`}${
    isKept ? part`<p class="small">${meanwhile(withheld.reason, offered, words)}</p>\n` : none
  }${newest.seenFrom > now ? part`<p class="small">${filled(words.board.waits, time(newest.seenFrom, now, words))}</p>\n` : none}${
    isRamped ? ramp(newest, now, words) : none
  }`
}

function meanwhile(reason: Reason, offered: RolloutStatus['offered'], { board }: Words): string {
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

function ramp(candidate: RolloutStatus['newest'], now: number, words: Words): Html {
  const progress = progressOf(candidate, now)
  if (progress === undefined) return none
  const { from, to, share, stoppedAt } = progress
  const label = words.ramp.label(candidate.release.version, percent(share))
  return part`<div class="ramp"><svg role="img" aria-label="${label}" viewBox="0 0 100 1" preserveAspectRatio="none"><rect width="${Math.round(share * 10_000) / 100}" height="1"/></svg>
<dl><div><dt>${words.ramp.start}</dt><dd>${instant(from)}</dd></div><div><dt>${words.ramp.now}</dt><dd>${percent(share)}</dd></div><div><dt>${words.ramp.end}</dt><dd>${to === undefined ? '–' : instant(to)}</dd></div></dl>
${stoppedAt === undefined ? none : part`<p class="small">${filled(words.ramp.stopped, time(stoppedAt, now, words))}</p>`}</div>\n`
}

const instant = (at: number): Html => part`<time datetime="${new Date(at).toISOString()}">${minuteText(at)}</time>`

function components({ release }: RolloutStatus['newest'], words: Words): Html {
  const list = Object.entries(release.components ?? {}).map(
    ([name, version]) => part`<div><dt>${name}</dt><dd>${version}</dd></div>\n`,
  )
  if (list.length === 0) return none
  const rest = (count: number) => part`<div><dt>${words.channel.more(count)}</dt><dd></dd></div>`
  return part`<dl class="parts">${atMost(list, maxComponents, rest)}</dl>`
}
