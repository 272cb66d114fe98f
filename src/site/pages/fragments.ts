/** Parts that several pages show. Texts are escaped unless they are marked as HTML. */
import { html, raw } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { durationMs } from '../../documents/fields.ts'
import { isoText, percent, timeText } from '../../kernel/format.ts'
import type { Reason } from '../../release/decide.ts'
import { offeredFrom, type Progress, type ReleaseStatus, type RolloutStatus } from '../../release/rollout-status.ts'
import { linkText } from '../markdown/inline.ts'
import type { ChannelStatus } from '../status.ts'
import type { Words } from './words-en.ts'

export type Html = HtmlEscapedString

/** In which language and at which time a page is read. */
export interface Shown {
  readonly now: number
  readonly words: Words
}

/** Without promises inside, hono's template is never one. */
export const part = html as (strings: TemplateStringsArray, ...values: unknown[]) => Html

/** Marks a text that is English on every page. */
export const inEnglish = (text: string): Html => part`<span lang="en">${text.slice(0, 1000)}</span>`

export const none = raw('')

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Each unit, its length, and below which length it is used. */
const steps = [
  ['minute', minute, 90 * minute],
  ['hour', hour, 48 * hour],
  ['day', day, Number.POSITIVE_INFINITY],
] as const

const formats = new Map<string, Intl.RelativeTimeFormat>()

/** e.g. `5 days ago`, or `in 5 days`. */
function ago(at: number, { now, words: { lang, justNow } }: Shown): string {
  if (Math.abs(at - now) < minute) return justNow
  const [unit, length] = steps.find(([, , below]) => Math.abs(at - now) < below) ?? steps[2]
  const format = formats.get(lang) ?? new Intl.RelativeTimeFormat(lang)
  formats.set(lang, format)
  return format.format(Math.trunc((at - now) / length), unit)
}

const marked = (at: number, text: string): Html => part`<time datetime="${isoText(at)}">${text}</time>`

/** e.g. `2026-08-13 15:48 UTC`. */
const instant = (at: number): Html => marked(at, timeText(at, 'minute'))

/** e.g. `2026-08-13 15:48 UTC (5 days ago)`. */
export const time = (at: number, shown: Shown): Html =>
  part`${instant(at)} <span class="ago">(${ago(at, shown)})</span>`

/** e.g. `5 days ago (2026-08-13)`. */
export const age = (at: number, shown: Shown): Html =>
  part`${marked(at, ago(at, shown))} <span class="ago">(${timeText(at).slice(0, 10)})</span>`

/** e.g. `28 days`, or `36 hours`. */
export function lengthText(ms: number, words: Words): string {
  const hours = Math.max(1, Math.round(ms / hour))
  return hours % 24 === 0 ? words.length(hours / 24, 'day') : words.length(hours, 'hour')
}

export function filled(sentence: string, inside: Html): Html {
  const [before = '', after = ''] = sentence.split('{time}')
  return part`${before}${inside}${after}`
}

/** e.g. `412.3 MB`. */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let [value, unit] = [size, 0]
  for (; value >= 999.95 && unit < units.length - 1; unit++) value /= 1000
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** The first items of a list. @param rest makes one for the number of the others. */
export const atMost = <T>(list: readonly T[], most: number, rest: (count: number) => Html): readonly (T | Html)[] =>
  list.length <= most ? list : [...list.slice(0, most), rest(list.length - most)]

/** A list of terms; leaves out those without a value. */
export const definitions = (rows: readonly (readonly [string | Html, Html | string | undefined])[]): Html =>
  part`<dl class="about">${rows.flatMap(([term, value]) => (value ? [part`<dt>${term}</dt><dd>${value}</dd>\n`] : []))}</dl>`

/** The operator's words, with links for the http(s) URLs and CVEs in them. */
export const reasonLink = (because: string): Html => raw(linkText(because))

/** More are in the JSON, and on the page of the channel. */
const maxComponents = 8

/** Boards that are offered the same are shown once, under all of their names. @param level of their headings. */
export function boards(
  { boards: statuses, detailed }: Pick<ChannelStatus, 'boards' | 'detailed'>,
  shown: Shown,
  level: 3 | 4,
): readonly Html[] {
  const groups = Map.groupBy(statuses, ({ offered, newest, via, withheld, rollbacks }) =>
    JSON.stringify([
      ...[offered, newest, ...via].map((one) => one?.release.version),
      ...[withheld?.reason, withheld?.because],
      ...rollbacks.map(({ from, to }) => [...from, to.release.version]),
    ]),
  )
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? [board(first, [first, ...others].map((one) => one.board).join(', '), { ...shown, detailed }, level)] : [],
  )
}

type ShownBoard = Shown & Pick<ChannelStatus, 'detailed'>

function board(status: RolloutStatus, names: string, shown: ShownBoard, level: 3 | 4): Html {
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
}${components(shown.detailed((offered ?? newest).release).components, words)}</div>\n`
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
    isKept ? part`<p class="small">${meanwhile(withheld, offered?.release.version, words)}</p>\n` : none
  }${newest.seenFrom > now ? part`<p class="small">${filled(words.board.waits, time(newest.seenFrom, shown))}</p>\n` : none}${
    reason === 'not-in-ramp' && kept?.progress ? ramp(kept.candidate.release.version, kept.progress, shown) : none
  }`
}

function meanwhile(
  { reason, candidate }: NonNullable<RolloutStatus['withheld']>,
  offered: string | undefined,
  { board }: Words,
): string {
  if (reason === 'floor-held') return board.belowFloor(candidate?.release.version ?? '')
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
