/**
 * A strict scanner of well-formed XML 1.0 that reports start tags only: Omaha requests keep all data in attributes.
 * One pass, no recursion, no tree. No DTD, so no entities beyond XML's own five.
 */
import { PlatteError } from '../../kernel/errors.ts'
import { badCharacter, decodeReferences, nameEnd } from './xml-text.ts'

/** Elements within elements. Omaha needs 3 (ChromiumOS too); the names on the stack are all that grows with depth. */
const maxDepth = 16
/** Attributes of one element; the largest seen in the field (ChromiumOS's app) has about 25. */
const maxAttributes = 64
/** What is scanned, as messages name it, and the bounds of all its elements together. */
export interface Scanned {
  readonly name: string
  /** Tags, comments, CDATA sections and instructions. */
  readonly maxMarkup: number
  readonly maxAttributes: number
}

/** A request of 64 KiB has one tag for each 32 bytes at most: 256 apps of 8. */
export const maxRequestTags = 2048
/** One for each 16 bytes: 256 apps of 16. Without these bounds a body within the byte limit costs three times as much. */
const request: Scanned = { name: 'the request', maxMarkup: maxRequestTags, maxAttributes: 4096 }
/** References of all texts and values together; a real request holds none, or one for each odd character of a name. */
const maxReferences = 1024

/** Gets each element in document order; `depth` of the root is 0. What it throws ends the scan. */
type OnElement = (name: string, attributes: ReadonlyMap<string, string>, depth: number) => void

function newScan(text: string, onElement: OnElement, scanned: Scanned) {
  /** The names of the open elements, the root first. */
  const open: string[] = []
  const counts = { markup: 0, attributes: 0, references: 0 }
  // `at` is in UTF-16 units, as in every message.
  return { text, onElement, scanned, open, tag: '', attribute: '', at: 0, rooted: false, ...counts }
}
type Scan = ReturnType<typeof newScan>

/**
 * @throws PlatteError('bad-request') for what is not well-formed, a DTD or XML 1.1; 'too-large' beyond a limit.
 *   Both name the element and the offset.
 */
export function scanXml(text: string, onElement: OnElement, scanned = request): void {
  const scan = newScan(text, onElement, scanned)
  skipDeclaration(scan)
  while (skipText(scan)) readMarkup(scan)
  if (scan.open.length > 0) fail(scan, 'the document ends too early')
  if (!scan.rooted) fail(scan, 'there is no element')
  const bad = badCharacter(text)
  if (bad >= 0) fail({ ...scan, at: bad }, 'a character that XML does not allow')
}

const [equals, greater] = [0x3d, 0x3e]

const S = '[ \\t\\r\\n]'
const pseudo = (name: string, value: string): string => `${S}+${name}${S}*=${S}*(?:"${value}"|'${value}')`
const declaration = new RegExp(
  `<\\?xml${pseudo('version', '1\\.0')}(?:${pseudo('encoding', '[A-Za-z][\\w.-]*')})?(?:${pseudo('standalone', '(?:yes|no)')})?${S}*\\?>`,
  'y',
)

/** Ignores the declared encoding: the body was decoded before. */
function skipDeclaration(scan: Scan): void {
  if (scan.text.startsWith('\ufeff')) scan.at = 1
  declaration.lastIndex = scan.at
  if (declaration.test(scan.text)) scan.at = declaration.lastIndex
}

/** @returns false at the end of the document. */
function skipText(scan: Scan): boolean {
  const found = scan.text.indexOf('<', scan.at)
  const end = found < 0 ? scan.text.length : found
  if (end > scan.at) checkText(scan, scan.text.slice(scan.at, end))
  scan.at = end
  return found >= 0
}

function checkText(scan: Scan, text: string): void {
  if (!/[^ \t\r\n]/.test(text)) return
  if (scan.open.length === 0) fail(scan, 'text outside of the root element')
  if (text.includes(']]>')) fail(scan, '"]]>" in text')
  if (text.includes('&') && decode(scan, text) === undefined) fail(scan, 'unknown reference')
}

type Reader = (scan: Scan) => void
/** By the character after "<". */
const readers: Record<string, Reader> = { '/': readEndTag, '!': skipCommentOrCdata, '?': skipInstruction }

function readMarkup(scan: Scan): void {
  const { maxMarkup } = scan.scanned
  if (++scan.markup > maxMarkup) tooLarge(scan, `more than ${maxMarkup} tags and comments`)
  const read = readers[scan.text.charAt(scan.at + 1)] ?? readStartTag
  read(scan)
}

function readStartTag(scan: Scan): void {
  const depth = scan.open.length
  if (depth === 0 && scan.rooted) fail(scan, 'a second root element')
  if (depth === maxDepth) tooLarge(scan, `more than ${maxDepth} elements within each other`)
  scan.at++
  const name = readName(scan)
  scan.tag = name
  const attributes = new Map<string, string>()
  while (!readTagEnd(scan)) readAttribute(scan, attributes)
  scan.tag = ''
  scan.rooted = true
  scan.onElement(name, attributes, depth)
}

/** @returns `false` if another attribute follows. */
function readTagEnd(scan: Scan): boolean {
  const blanks = skipBlanks(scan)
  const isEmpty = scan.text.startsWith('/>', scan.at)
  if (!isEmpty && scan.text.charCodeAt(scan.at) !== greater)
    return blanks > 0 ? false : fail(scan, 'a blank or ">" is missing')
  scan.at += isEmpty ? 2 : 1
  if (!isEmpty) scan.open.push(scan.tag)
  return true
}

function readAttribute(scan: Scan, attributes: Map<string, string>): void {
  const before = attributes.size
  scan.attribute = readName(scan)
  skipBlanks(scan)
  consume(scan, equals, '"=" must follow the name')
  skipBlanks(scan)
  attributes.set(scan.attribute, readValue(scan))
  if (attributes.size === before) fail(scan, 'duplicate attribute')
  if (before === maxAttributes) tooLarge(scan, `more than ${maxAttributes} attributes`)
  const most = scan.scanned.maxAttributes
  if (++scan.attributes > most) tooLarge(scan, `more than ${most} attributes in all`)
  scan.attribute = ''
}

function readValue(scan: Scan): string {
  const quote = scan.text.charAt(scan.at)
  if (quote !== '"' && quote !== "'") fail(scan, 'the value has no quotes')
  const end = scan.text.indexOf(quote, scan.at + 1)
  if (end < 0) fail(scan, 'the value does not end')
  const raw = scan.text.slice(scan.at + 1, end)
  if (raw.includes('<')) fail(scan, 'the value holds "<"')
  // Attribute-value normalisation, 3.3.3: written blanks become spaces, referenced ones stay.
  const value = /[&\t\r\n]/.test(raw) ? decode(scan, raw.replace(/\r\n|[\t\r\n]/g, ' ')) : raw
  if (value === undefined) return fail(scan, 'unknown reference in the value')
  scan.at = end + 1
  return value
}

function decode(scan: Scan, text: string): string | undefined {
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1))
    if (++scan.references > maxReferences) tooLarge(scan, `more than ${maxReferences} references`)
  return decodeReferences(text)
}

function readEndTag(scan: Scan): void {
  const name = scan.open.at(-1)
  if (name === undefined || !scan.text.startsWith(name, scan.at + 2)) fail(scan, 'mismatched end tag')
  scan.at += 2 + name.length
  skipBlanks(scan)
  consume(scan, greater, 'mismatched end tag')
  scan.open.pop()
}

function consume(scan: Scan, code: number, problem: string): void {
  if (scan.text.charCodeAt(scan.at) !== code) fail(scan, problem)
  scan.at++
}

function skipCommentOrCdata(scan: Scan): void {
  if (scan.text.startsWith('<!--', scan.at)) {
    skipPast(scan, 4, '--', 'a comment')
    consume(scan, greater, '"--" in a comment')
  } else if (scan.open.length > 0 && scan.text.startsWith('<![CDATA[', scan.at)) {
    skipPast(scan, 9, ']]>', 'a CDATA section')
  } else {
    fail(scan, 'a document type declaration, or a CDATA section outside of the root element')
  }
}

function skipInstruction(scan: Scan): void {
  const end = nameEnd(scan.text, scan.at + 2)
  const target = scan.text.slice(scan.at + 2, end)
  if (target.toLowerCase() === 'xml') fail(scan, 'an XML declaration that is not that of XML 1.0, or not at the start')
  if (target === '' || !(scan.text.startsWith('?>', end) || /[ \t\r\n]/.test(scan.text.charAt(end))))
    fail(scan, 'a processing instruction without a name')
  skipPast(scan, 2 + target.length, '?>', 'a processing instruction')
}

function skipPast(scan: Scan, from: number, end: string, what: string): void {
  const found = scan.text.indexOf(end, scan.at + from)
  if (found < 0) fail(scan, `${what} does not end`)
  scan.at = found + end.length
}

function readName(scan: Scan): string {
  const end = nameEnd(scan.text, scan.at)
  if (end === scan.at) fail(scan, 'a name is missing')
  const name = scan.text.slice(scan.at, end)
  scan.at = end
  return name
}

function skipBlanks(scan: Scan): number {
  const from = scan.at
  for (let code = scan.text.charCodeAt(from); code === 32 || code === 10 || code === 13 || code === 9; )
    code = scan.text.charCodeAt(++scan.at)
  return scan.at - from
}

const short = (name: string): string => (name.length > 40 ? `${name.slice(0, 40)}…` : name)

function place({ open, tag, attribute, at }: Scan): string {
  const element = tag || open.at(-1)
  const inAttribute = attribute === '' ? '' : ` in the attribute ${short(attribute)}`
  return `at offset ${at}${inAttribute}${element === undefined ? '' : ` in <${short(element)}>`}`
}

function fail(scan: Scan, what: string): never {
  throw new PlatteError('bad-request', `${scan.scanned.name} is not well-formed XML: ${what}, ${place(scan)}`)
}

function tooLarge(scan: Scan, what: string): never {
  throw new PlatteError('too-large', `${scan.scanned.name} is too large: ${what}, ${place(scan)}`)
}
