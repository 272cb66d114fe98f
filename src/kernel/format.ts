/** Instants and shares for people: on pages, in terminals, and in the sentences of an answer. JSON keeps every digit. */

/** e.g. `2026-08-13 15:48:05 UTC`, or to the minute `2026-08-13 15:48 UTC`. Rounds down. */
export const timeText = (at: number | string, unit: 'second' | 'minute' = 'second'): string =>
  `${new Date(at)
    .toISOString()
    .slice(0, unit === 'second' ? 19 : 16)
    .replace('T', ' ')} UTC`

/** A length of time in its largest unit, e.g. `3 hours`. Rounds down. */
export function lengthText(ms: number): string {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1000, 'second'],
  ] as const
  const [unit, name] = units.find(([unit]) => ms >= 2 * unit) ?? [1000, 'second']
  const count = Math.floor(ms / unit)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** A duration of ISO 8601 as options take it, if that is shorter: `24h` for PT24H, `7d` for P7D. */
export const durationText = (iso: string): string =>
  iso.replace(/^PT?(\d+[DHM])$/, (_, short: string) => short.toLowerCase())

/** RFC 3339, with milliseconds. */
export const isoText = (at: number): string => new Date(at).toISOString()

/** e.g. `37.5 %`. Rounds down, so that less than everybody is never 100 %; more than nobody is at least `0.1 %`. */
export function percent(share: number): string {
  const rounded = Math.floor(Math.round(share * 1e9) / 1e6) / 10
  return `${share > 0 && rounded === 0 ? 0.1 : share < 1 ? Math.min(rounded, 99.9) : rounded} %`
}

/** A text that is also data, with the instants and shares in it as people read them. */
export const forPeople = (text: string): string =>
  text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (instant) => timeText(instant))
    .replace(/\d+\.\d+(?= %)/g, (share) => percent(Number(share) / 100).slice(0, -2))

const hidden = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u
const everyHidden = new RegExp(hidden, 'gu')

/** Whether a text is on one line, without controls and without marks that reorder it to look like another text. */
export const isVisible = (text: string): boolean => !hidden.test(text)

/** Text from elsewhere, with such characters written out, such as `\\u202e`. Line feeds stay. */
export const visible = (text: string): string =>
  text.replace(everyHidden, (one) => (one === '\n' ? one : `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`))
