/** Emphasis, code, links and line breaks of one block of Markdown as HTML, and links in plain text. Pure and linear. */
import { isVisible } from '../../kernel/format.ts'
import { delimiters, emphasised, type Token } from './emphasis.ts'

/** Targets of `[name]: target`, by name. */
export interface References {
  readonly targets: ReadonlyMap<string, string>
  /** Characters that their uses may still add: one long target may have thousands of uses. */
  left: number
}

interface Opener {
  readonly token: number
  readonly end: number
  readonly isImage: boolean
}

interface Scan {
  readonly text: string
  readonly references: References
  tokens: Token[]
  openers: Opener[]
  /** Where the last bracket ended: a name of a reference has none inside. */
  bracket: number
  readonly backticks: ReadonlyMap<number, number[]>
}

const escapes: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
}
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (one) => escapes[one] ?? one)

const entities: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', trade: '™' },
  ...{ hellip: '…', ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', middot: '·', bull: '•' },
  ...{ times: '×', larr: '←', rarr: '→', le: '≤', ge: '≥', ne: '≠' },
}

const special =
  /\\\n|\\[!-/:-@[-`{-~]|\n|`+|!?\[|\]|<(?:https?:\/\/|mailto:)[^\s<>]*>|&(?:#\d{1,7}|#[Xx][\da-fA-F]{1,6}|[a-z]{2,6});|\*+|_+|~+|\bhttps?:\/\/[^\s<>"'`|\]]+|\bCVE-\d{4}-\d{4,19}\b/g
const linkable = /\bhttps?:\/\/[^\s<>"'`|\]]+|\bCVE-\d{4}-\d{4,19}\b/g
/** Of a link, after its text. Blanks are bounded, as neighbours in a pattern multiply. */
const inlineTarget =
  /\(\s{0,3}(?:<([^<>\n]*)>|((?:\\\S|[^\s()<>[\]\\])*(?:\((?:\\\S|[^\s()<>[\]\\])*\)(?:\\\S|[^\s()<>[\]\\])*)*))(?:\s{1,3}(?:"[^"]*"|'[^']*'))?\s{0,3}\)/y
const namedTarget = /\[([^[\]]{0,200})\]/y

export const nameOf = (name: string): string => name.trim().replace(/\s+/g, ' ').toLowerCase()

/** A plain text: its http(s) URLs and the ids of its CVEs become links, and nothing else. */
export function linkText(text: string): string {
  const parts: string[] = []
  let at = 0
  for (const { 0: found, index } of text.matchAll(linkable)) {
    const { html, length } = autolink(found)
    parts.push(escaped(text.slice(at, index)), html)
    at = index + length
  }
  return parts.join('') + escaped(text.slice(at))
}

const anchor = (url: string, inside: string): string =>
  `<a href="${escaped(url.replaceAll(' ', '%20'))}" rel="noreferrer">${inside}</a>`

/** @param found by `linkable`; `length` is how much of it is the link: a sentence's marks after it are not. */
function autolink(found: string): { readonly html: string; readonly plain: string; readonly length: number } {
  if (found.startsWith('CVE-'))
    return { html: anchor(`https://www.cve.org/CVERecord?id=${found}`, found), plain: found, length: found.length }
  let length = found.length
  let surplus = found.split(')').length - found.split('(').length
  while (/[.,:;!?*_~]/.test(found.charAt(length - 1)) || (surplus > 0 && found[length - 1] === ')'))
    if (found[--length] === ')') surplus--
  const url = found.slice(0, length)
  const plain = escaped(url)
  return { html: URL.canParse(url) ? anchor(url, plain) : plain, plain, length }
}

const unescaped = (text: string): string =>
  text
    .replace(/\\([!-/:-@[-`{-~])/g, '$1')
    .replace(/&(?:#\d{1,7}|#[Xx][\da-fA-F]{1,6}|[a-z]{2,6});/g, (entity) => decodeEntity(entity))

/** An unknown one stays, and so does one of a character that `visible` would not let through. */
function decodeEntity(entity: string): string {
  const name = entity.slice(1, -1)
  if (!name.startsWith('#')) return (Object.hasOwn(entities, name) ? entities[name] : undefined) ?? entity
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
  const character = isCharacter ? String.fromCodePoint(code) : ''
  return isCharacter && isVisible(character) ? character : entity
}

/** Other schemes run code, or open programs. */
function isSafe(url: string): boolean {
  return isVisible(url) && (/^(?:https?:|mailto:)/i.test(url) || !/^[^/?#]*:/.test(url))
}

export function inlineHtml(text: string, references: References): string {
  const backticks = new Map<number, number[]>()
  for (const { 0: run, index } of text.matchAll(/`+/g)) {
    const list = backticks.get(run.length) ?? []
    backticks.set(run.length, list)
    list.push(index)
  }
  // From the end, so that those that were passed are popped.
  for (const list of backticks.values()) list.reverse()
  const scan: Scan = { text, references, tokens: [], openers: [], bracket: 0, backticks }
  const pattern = new RegExp(special)
  let at = 0
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    if (found.index > at) scan.tokens.push({ html: escaped(text.slice(at, found.index)) })
    at = readSpecial(scan, found[0], found.index)
    pattern.lastIndex = at
  }
  return emphasised([...scan.tokens, { html: escaped(text.slice(at)) }])
}

/** @returns where the text goes on. */
function readSpecial(scan: Scan, found: string, start: number): number {
  const { tokens } = scan
  const end = start + found.length
  const first = found.charAt(0)
  if (first === '`') return readCode(scan, found.length, start)
  if (first === ']') return closeBracket(scan, start)
  if (found === '[' || first === '!') {
    scan.openers.push({ token: tokens.length, end, isImage: first === '!' })
    scan.bracket = end
    tokens.push({ html: found })
  } else if (first === 'C' || first === 'h') {
    const { length, ...link } = autolink(found)
    tokens.push(link)
    return start + length
  } else if ('*_~'.includes(first)) tokens.push(delimiters(scan.text, found, start))
  else if (first === '<') {
    const plain = escaped(found.slice(1, -1))
    tokens.push({ html: anchor(found.slice(1, -1), plain), plain })
  } else if (first === '&') tokens.push({ html: escaped(decodeEntity(found)) })
  else if (found === '\\\n') tokens.push({ html: '<br />\n' })
  else tokens.push({ html: found === '\n' ? found : escaped(found.slice(1)) })
  return end
}

function readCode({ text, tokens, backticks }: Scan, length: number, start: number): number {
  const list = backticks.get(length) ?? []
  while (list.length > 0 && (list.at(-1) ?? 0) <= start) list.pop()
  const close = list.at(-1)
  const mark = text.slice(start, start + length)
  if (close === undefined) {
    tokens.push({ html: mark })
    return start + length
  }
  const code = text.slice(start + length, close).replace(/\\?\n/g, ' ')
  const isPadded = code.startsWith(' ') && code.endsWith(' ') && code.trim() !== ''
  tokens.push({ html: `<code>${escaped(isPadded ? code.slice(1, -1) : code)}</code>` })
  return close + length
}

/** Links hold no links: each token is moved into one at most once. An image becomes a link to it. */
function closeBracket(scan: Scan, start: number): number {
  const opener = scan.openers.pop()
  const found = opener && targetAt(scan, opener, start)
  scan.bracket = start + 1
  if (opener === undefined || found === undefined) {
    scan.tokens.push({ html: ']' })
    return start + 1
  }
  const inside = emphasised(
    scan.tokens
      .splice(opener.token)
      .slice(1)
      .map((token) => ('plain' in token ? { html: token.plain ?? '' } : token)),
  )
  const isWithin = opener.isImage && scan.openers.length > 0
  scan.tokens.push({ html: isWithin || !isSafe(found.url) ? inside : anchor(found.url, inside), plain: inside })
  if (!isWithin) scan.openers = []
  return found.end
}

function targetAt({ text, references, bracket }: Scan, opener: Opener, start: number) {
  inlineTarget.lastIndex = namedTarget.lastIndex = start + 1
  const inline = inlineTarget.exec(text)
  if (inline) return { url: unescaped(inline[1] ?? inline[2] ?? ''), end: start + 1 + inline[0].length }
  if (references.targets.size === 0) return undefined
  const named = namedTarget.exec(text)
  const own = bracket === opener.end && start - opener.end <= 200 ? text.slice(opener.end, start) : ''
  const url = references.targets.get(nameOf(named?.[1] || own))
  if (url === undefined || references.left < url.length) return undefined
  references.left -= url.length
  return { url: unescaped(url), end: start + 1 + (named?.[0].length ?? 0) }
}
