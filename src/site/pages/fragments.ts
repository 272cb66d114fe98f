/** Parts that several pages show. Texts are escaped unless they are marked as HTML. */
import { html, raw } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { durationMs } from '../../documents/fields.ts'
import { isoText, percent, timeText } from '../../kernel/format.ts'
import type { ReleaseStatus } from '../../release/rollout-status.ts'
import { linkText } from '../markdown/inline.ts'
import type { ChannelStatus } from '../status.ts'
import type { Words } from './words-en.ts'

export type Html = HtmlEscapedString

/** In which language and at which time a page is read. */
export interface Shown {
  readonly now: number
  readonly words: Words
}

export interface Linked {
  /** A link within this deployment, in the chosen language. @param path with its first "/". */
  readonly link: (path: string, query?: Readonly<Record<string, string>>) => string
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

/** By language: making one takes longer than a card. */
const formats = new Map<string, ReturnType<typeof newFormats>>()
const newFormats = (lang: string) => ({
  ago: new Intl.RelativeTimeFormat(lang),
  weekday: new Intl.DateTimeFormat(lang, { weekday: 'long', timeZone: 'UTC' }),
})

function formatsOf({ lang }: Words) {
  const found = formats.get(lang) ?? newFormats(lang)
  formats.set(lang, found)
  return found
}

/** e.g. `5 days ago`, or `in 5 days`. */
function ago(at: number, { now, words }: Shown): string {
  if (Math.abs(at - now) < minute) return words.justNow
  const [unit, length] = steps.find(([, , below]) => Math.abs(at - now) < below) ?? steps[2]
  return formatsOf(words).ago.format(Math.trunc((at - now) / length), unit)
}

const marked = (at: number, text: string): Html => part`<time datetime="${isoText(at)}">${text}</time>`

/** e.g. `2026-08-13 15:48 UTC`. */
const instant = (at: number): Html => marked(at, timeText(at, 'minute'))

/** e.g. `2026-08-13 15:48 UTC (5 days ago)`. */
export const time = (at: number, shown: Shown): Html =>
  part`${instant(at)} <span class="ago">(${ago(at, shown)})</span>`

/** e.g. `Tuesday 15:48 UTC (in 3 days)` within a week, else `2026-08-13 15:48 UTC (in 12 days)`. */
export function soon(at: number, shown: Shown): Html {
  if (at - shown.now > 6 * day) return time(at, shown)
  const weekday = formatsOf(shown.words).weekday.format(at)
  return part`${marked(at, `${weekday} ${timeText(at, 'minute').slice(11)}`)} <span class="ago">(${ago(at, shown)})</span>`
}

/** e.g. `5 days ago (2026-08-13)`. */
export const age = (at: number, shown: Shown): Html =>
  part`${marked(at, ago(at, shown))} <span class="ago">(${timeText(at).slice(0, 10)})</span>`

/** e.g. `28 days`, or `36 hours`. */
function lengthText(ms: number, words: Words): string {
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

/** Names and versions. */
export function partsList(list: readonly (readonly [string, string | Html])[], most: number, { channel }: Words): Html {
  if (list.length === 0) return none
  const items = list.map(([name, version]) => part`<div><dt>${name}</dt><dd>${version}</dd></div>\n`)
  const rest = (count: number) => part`<div><dt>${channel.more(count)}</dt><dd></dd></div>`
  return part`<dl class="parts">${atMost(items, most, rest)}</dl>`
}

/** A list of terms; leaves out those without a value. */
export const definitions = (rows: readonly (readonly [string | Html, Html | string | undefined])[]): Html =>
  part`<dl class="about">${rows.flatMap(([term, value]) => (value ? [part`<dt>${term}</dt><dd>${value}</dd>\n`] : []))}</dl>`

/** The operator's words, with links for the http(s) URLs and CVEs in them. */
export const reasonLink = (because: string): Html => raw(linkText(because))

export function stateLabel({ state, progress }: Pick<ReleaseStatus, 'state' | 'progress'>, words: Words): string {
  if (state !== 'not-in-ramp' || progress === undefined) return words.states[state]
  return `${progress.stoppedAt === undefined ? words.states[state] : words.isStopped} ${percent(progress.share)}`
}

/** e.g. `stable 7 days later, over 2 days`. */
export function followed({ app, manifest: { follow } }: ChannelStatus, { words, link }: Shown & Linked): Html {
  if (follow === undefined) return none
  const inWords = (duration: string | undefined) => duration && lengthText(durationMs(duration), words)
  const delay = words.channel.follow(inWords(follow.after), inWords(follow.over))
  return part`<a href="${link(`/channels/${app}/${follow.channel}`)}">${follow.channel}</a>${delay}`
}

export function cadenceFacts({ manifest: { cadence }, dueAt }: ChannelStatus, shown: Shown): Html {
  if (cadence === undefined) return none
  const { words, now } = shown
  const sentence = dueAt !== undefined && dueAt < now ? words.cadence.overdue : words.cadence.due
  return part`<li>${words.cadence.every(lengthText(durationMs(cadence.every), words), cadence.on)}</li>
${dueAt === undefined ? none : part`<li>${filled(sentence, age(dueAt, shown))}</li>\n`}`
}
