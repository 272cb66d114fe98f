/** Small parts of pages. Texts that are not marked as HTML are escaped. */
import { html, raw } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { timeText } from '../../kernel/format.ts'
import type { Words } from './words-en.ts'

/** A piece of a page. */
export type Html = HtmlEscapedString

/** Joins what a template makes; without promises inside, it is never one. */
export const part = html as (strings: TemplateStringsArray, ...values: unknown[]) => Html

/** A text that is English in every language. */
export const inEnglish = (text: string): Html => part`<span lang="en">${text.slice(0, 1000)}</span>`

/** Nothing. */
export const none = raw('')

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Units, and up to where each is used, in milliseconds. */
const steps = [
  ['minute', minute, 90 * minute],
  ['hour', hour, 48 * hour],
  ['day', day, Number.POSITIVE_INFINITY],
] as const

/** How long ago an instant is, or how far ahead, such as `5 days ago`. */
function ago(at: number, now: number, { lang, justNow }: Words): string {
  if (Math.abs(at - now) < minute) return justNow
  const [unit, length] = steps.find(([, , below]) => Math.abs(at - now) < below) ?? steps[2]
  return relative(lang).format(Math.trunc((at - now) / length), unit)
}

const formats = new Map<string, Intl.RelativeTimeFormat>()

function relative(lang: string): Intl.RelativeTimeFormat {
  const format = formats.get(lang) ?? new Intl.RelativeTimeFormat(lang, { numeric: 'always' })
  formats.set(lang, format)
  return format
}

/** `2026-08-13 15:48 UTC (5 days ago)`, readable by machines, too. */
export const time = (at: number, now: number, words: Words): Html =>
  part`<time datetime="${new Date(at).toISOString()}">${timeText(at, 'minute')}</time> <span class="ago">(${ago(at, now, words)})</span>`

/** `5 days ago (2026-08-13)`, where it is the age that matters. */
export const age = (at: number, now: number, words: Words): Html =>
  part`<time datetime="${new Date(at).toISOString()}">${ago(at, now, words)}</time> <span class="ago">(${timeText(at).slice(0, 10)})</span>`

/** e.g. `28 days`, or `36 hours` where it is no whole number of days. */
export function lengthText(ms: number, words: Words): string {
  const hours = Math.max(1, Math.round(ms / hour))
  return hours % 24 === 0 ? words.length(hours / 24, 'day') : words.length(hours, 'hour')
}

/** Puts HTML in the place of `{time}`. */
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

/** The first pieces of a list. @param rest counts the others. */
export const atMost = <T>(list: readonly T[], most: number, rest: (count: number) => Html): readonly (T | Html)[] =>
  list.length <= most ? list : [...list.slice(0, most), rest(list.length - most)]
