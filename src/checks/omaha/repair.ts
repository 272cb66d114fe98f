/** Repairs requests of update_engine: it leaves quotes in a GROUP, alias or OEM id unescaped (Flatcar#1209, Flatcar#1424). */
import { maxRequestTags } from './xml-scanner.ts'

/** What stands behind the quote that ends a value: another attribute, or the end of the tag. Never reaches past the next quote. */
const afterValue = /[ \t\r\n]*(?:\/?>|[A-Za-z_:][\w:.-]*[ \t\r\n]*=[ \t\r\n]*["'])/y

/** Real values hold a pair or two; a body of nothing but quotes is not worth the work. */
const maxInnerQuotes = 64
/** Markup other than start tags, and how it ends. */
const others = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<', '>'],
] as const

/**
 * Escapes the double quotes within values in double quotes: a quote ends a value only where an attribute, ">" or "/>"
 * follows. One pass that changes nothing else; what it returns may still be malformed.
 * @returns an equal text where there is nothing to escape, or more than a limit.
 */
export function escapeInnerQuotes(text: string): string {
  const inner: number[] = []
  let tags = 0
  for (let at = text.indexOf('<'); at >= 0 && inner.length <= maxInnerQuotes; ) {
    if (++tags > maxRequestTags) return text
    at = text.indexOf('<', /[A-Za-z_:]/.test(text.charAt(at + 1)) ? tagEnd(text, at + 1, inner) : otherEnd(text, at))
  }
  if (inner.length > maxInnerQuotes) return text
  const starts = [0, ...inner.map((at) => at + 1)]
  return starts.map((start, index) => text.slice(start, inner[index])).join('&quot;')
}

/** Where a start tag ends; adds the offsets of the quotes to be escaped. */
function tagEnd(text: string, from: number, inner: number[]): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '>') return at + 1
    if (text[at] === '"') at = valueEnd(text, at + 1, inner)
    else if (text[at] === "'") at = orEnd(text, text.indexOf("'", at + 1))
  }
  return text.length
}

/** The offset of the quote that ends a value. */
function valueEnd(text: string, from: number, inner: number[]): number {
  let quote = text.indexOf('"', from)
  for (; quote >= 0 && inner.length <= maxInnerQuotes; quote = text.indexOf('"', quote + 1)) {
    afterValue.lastIndex = quote + 1
    if (afterValue.test(text)) return quote
    inner.push(quote)
  }
  return text.length
}

function otherEnd(text: string, at: number): number {
  const [start, end] = others.find(([prefix]) => text.startsWith(prefix, at)) ?? ['<', '>']
  return orEnd(text, text.indexOf(end, at + start.length))
}

const orEnd = (text: string, found: number): number => (found < 0 ? text.length : found)
