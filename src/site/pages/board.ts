/** What a channel offers: each board's release, until when, and why not a newer one; and when the next is due. */
import { durationMs } from '../../documents/fields.ts'
import { percent } from '../../kernel/format.ts'
import type { Reason } from '../../release/reasons.ts'
import { offeredFrom, type Progress, type ReleaseStatus, type RolloutStatus } from '../../release/rollout-status.ts'
import type { ChannelStatus } from '../status.ts'
import {
  age,
  atMost,
  filled,
  type Html,
  inEnglish,
  instant,
  lengthText,
  none,
  part,
  reasonLink,
  type Shown,
  time,
} from './fragments.ts'
import type { Words } from './words-en.ts'

/** More are in the JSON, and on the page of the channel. */
const maxComponents = 8

/** Boards that are offered the same are shown once, under all of their names. @param level of their headings. */
export function boards(statuses: readonly RolloutStatus[], shown: Shown, level: 3 | 4): readonly Html[] {
  const groups = Map.groupBy(statuses, keyOf)
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? [board(first, [first, ...others].map((one) => one.board).join(', '), shown, level)] : [],
  )
}

const keyOf = ({ offered, newest, via, withheld, rollbacks }: RolloutStatus): string =>
  JSON.stringify([
    ...[offered, newest, ...via].map((one) => one?.release.version),
    ...[withheld?.reason, withheld?.because],
    ...rollbacks.map(({ from, to }) => [...from, to.release.version]),
  ])

function board(status: RolloutStatus, names: string, shown: Shown, level: 3 | 4): Html {
  const { offered, newest, via, withheld, rollbacks } = status
  const { words, now } = shown
  const heading = part`${names} ${chip(status, words)}`
  const sentBack = rollbacks.map(
    ({ from, to }) => part`<p class="small"><b>${words.board.sentBack(from.join(', '), to.release.version)}</b></p>\n`,
  )
  return part`<div class="board">${level === 4 ? part`<h4>${heading}</h4>` : part`<h3>${heading}</h3>`}
${
  offered
    ? part`<p class="version">${offered.release.version}</p>
<p class="small">${words.states.offered}${words.comma}${filled(words.board.published, age(offeredFrom(offered), shown))}</p>`
    : part`<p class="version nothing">${words.board.none}</p>`
}
${via.length === 0 ? none : part`<p class="small">${words.board.via(via.map(({ release }) => release.version).join(', '))}</p>\n`}${windowLine(status, shown)}${sentBack}${
  withheld === undefined
    ? none
    : part`<p class="small">${words.board.newest}${words.colon}<b>${newest.release.version}</b>${newest.seenFrom > now ? none : part`${words.comma}${age(offeredFrom(newest), shown)}`}</p>
${whyNot(status, withheld, shown)}`
}${components((offered ?? newest).release.components, words)}</div>\n`
}

const worst: readonly Reason[] = ['held', 'withdrawn', 'floor-held', 'dead-end']

function chip(status: RolloutStatus, words: Words): Html {
  const { withheld, offered } = status
  const isForSome = withheld === undefined && (offered?.targets.length ?? 0) > 0
  const progress = keptBack(status)?.progress
  const reason = withheld?.reason
  const state = isForSome ? 'target' : reason === 'up-to-date' ? 'later' : (reason ?? 'up-to-date')
  const isStopped = reason === 'not-in-ramp' && progress?.stoppedAt !== undefined
  const isBad = !offered || (reason && worst.includes(reason)) || isStopped
  const kind = isBad ? 'bad' : reason === undefined && !isForSome ? 'good' : 'wait'
  return part`<span class="state ${kind}">${stateLabel({ state, progress }, words)}</span>`
}

const keptBack = ({ withheld, newest, releases }: RolloutStatus): ReleaseStatus | undefined =>
  releases.find(({ candidate }) => candidate === (withheld?.candidate ?? newest))

export function stateLabel({ state, progress }: Pick<ReleaseStatus, 'state' | 'progress'>, words: Words): string {
  if (state !== 'not-in-ramp' || progress === undefined) return words.states[state]
  return `${progress.stoppedAt === undefined ? words.states[state] : words.ramp.isStopped} ${percent(progress.share)}`
}

function windowLine({ window }: RolloutStatus, shown: Shown): Html {
  if (window === undefined) return none
  const { windowOpen, windowClosed, windowNever } = shown.words.board
  const { isOpen, edge } = window
  if (edge === undefined) return part`<p class="small">${isOpen ? none : windowNever}</p>`
  return part`<p class="small">${filled(isOpen ? windowOpen : windowClosed, time(edge, shown))}</p>\n`
}

function whyNot(status: RolloutStatus, withheld: NonNullable<RolloutStatus['withheld']>, shown: Shown): Html {
  const { offered, newest } = status
  const { reason, because } = withheld
  const { words, now } = shown
  const kept = keptBack(status)
  const isKept = reason !== 'not-in-ramp' && reason !== 'up-to-date'
  return part`${because === undefined ? none : part`<p class="small">${reason === 'target' ? inEnglish(because) : reasonLink(because)}</p>\n`}${
    isKept ? part`<p class="small">${meanwhile(reason, offered?.release.version, words)}</p>\n` : none
  }${newest.seenFrom > now ? part`<p class="small">${filled(words.board.waits, time(newest.seenFrom, shown))}</p>\n` : none}${
    reason === 'not-in-ramp' && kept?.progress ? ramp(kept.candidate.release.version, kept.progress, shown) : none
  }`
}

function meanwhile(reason: Reason, offered: string | undefined, { board }: Words): string {
  if (reason === 'floor-held') return board.belowFloor
  if (offered !== undefined) return board.meanwhile(offered)
  return reason === 'target' ? board.others : board.meanwhileNothing
}

function ramp(version: string, { from, to, share, stoppedAt }: Progress, shown: Shown): Html {
  const { ramp, rampLabel, rampStopped } = shown.words
  const isStopped = stoppedAt !== undefined
  return part`<div class="ramp${isStopped ? ' stopped' : ''}"><svg role="img" aria-label="${rampLabel(version, percent(share))}" viewBox="0 0 100 1" preserveAspectRatio="none"><rect width="${Math.round(share * 10_000) / 100}" height="1"/></svg>
<dl><div><dt>${ramp.start}</dt><dd>${instant(from)}</dd></div><div><dt>${ramp.now}</dt><dd>${percent(share)}</dd></div><div><dt>${ramp.end}</dt><dd>${to === undefined ? '–' : instant(to)}</dd></div></dl>
${isStopped ? part`<p class="small">${filled(rampStopped, time(stoppedAt, shown))}</p>` : none}</div>\n`
}

function components(versions: Readonly<Record<string, string>> = {}, { channel }: Words): Html {
  const list = Object.entries(versions).map(([name, version]) => part`<div><dt>${name}</dt><dd>${version}</dd></div>\n`)
  if (list.length === 0) return none
  const rest = (count: number) => part`<div><dt>${channel.more(count)}</dt><dd></dd></div>`
  return part`<dl class="parts">${atMost(list, maxComponents, rest)}</dl>`
}

export function cadenceFacts({ manifest: { cadence }, dueAt }: ChannelStatus, shown: Shown): Html {
  if (cadence === undefined) return none
  const { words, now } = shown
  const sentence = dueAt !== undefined && dueAt < now ? words.cadence.overdue : words.cadence.due
  return part`<li>${words.cadence.every(lengthText(durationMs(cadence.every), words), cadence.on)}</li>
${dueAt === undefined ? none : part`<li>${filled(sentence, age(dueAt, shown))}</li>\n`}`
}
