/**
 * Markdown that anybody may have written as HTML: what release notes use of CommonMark, and GFM's tables. The time grows
 * with the length alone, whatever the text says. There is no raw HTML, no dangerous link, and no image, which would be of
 * another host. Pure.
 */
import { visible } from '../../kernel/format.ts'
import { escaped, inlineHtml, nameOf, type References } from './inline.ts'

interface Blocks {
  readonly lines: readonly string[]
  readonly references: References
  /** Quotes and lists around it: each reads its lines again. */
  readonly depth: number
  /** Paragraphs of a tight list have no tags. */
  readonly isTight: boolean
}

/** What a block is as HTML, and the line after it. */
type Read = readonly [html: string, end: number]
type ReadBlock = (blocks: Blocks, start: number) => Read | undefined

/** Deeper quotes and lists are text. */
const maxDepth = 10

const fence = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/
const heading = /^ {0,3}#{1,6}(?= |$)/
const rule = /^ {0,3}([-*_])(?: *\1){2,} *$/
const quote = /^ {0,3}> ?/
const item = /^( {0,3})([-*+]|\d{1,9}[.)])(?= |$)/
const definition = /^ {0,3}\[([^[\]]{1,200})\]: {0,9}<?([^\s<>]+)>?(?: {1,9}(?:"[^"]*"|'[^']*'|\([^()]*\)))? *$/

/** Headings become level 4. */
export function renderMarkdown(markdown: string): string {
  const lines = visible(markdown.replace(/\r\n?/g, '\n').replaceAll('\t', '    ')).split('\n')
  const targets = new Map<string, string>()
  for (const line of lines) {
    const [, name = '', target = ''] = definition.exec(line) ?? []
    if (target !== '' && !targets.has(nameOf(name))) targets.set(nameOf(name), target)
  }
  return blocksHtml({ lines, references: { targets, left: 20_000 }, depth: 0, isTight: false })
}

function blocksHtml(blocks: Blocks): string {
  const { lines } = blocks
  const parts: string[] = []
  for (let at = 0; at < lines.length; ) {
    const read = isBlank(lines[at]) || definition.test(lines[at] ?? '') ? undefined : readBlock(blocks, at)
    if (read) parts.push(read[0])
    at = read ? read[1] : at + 1
  }
  return parts.join('\n')
}

const isBlank = (line: string | undefined): boolean => line === undefined || line.trim() === ''

const readers: readonly ReadBlock[] = [readIndented, readFence, readHeading, readRule, readQuote, readList, readTable]

function readBlock(blocks: Blocks, start: number): Read {
  for (const read of readers) {
    const found = read(blocks, start)
    if (found) return found
  }
  return readParagraph(blocks, start)
}

/** Whether a line ends the paragraph before it. */
const interrupts = (line: string): boolean =>
  fence.test(line) ||
  heading.test(line) ||
  rule.test(line) ||
  quote.test(line) ||
  /^ {0,3}(?:[-*+]|1[.)]) +\S/.test(line)

/** The end of the lines from `start` for which `goesOn`. */
function endOf({ lines }: Blocks, start: number, goesOn: (line: string) => boolean): number {
  let end = start
  while (end < lines.length && goesOn(lines[end] ?? '')) end++
  return end
}

const code = (lines: readonly string[]): string =>
  `<pre><code>${lines.map((line) => `${escaped(line)}\n`).join('')}</code></pre>`

function readIndented(blocks: Blocks, start: number): Read | undefined {
  const isIndented = (line: string): boolean => line.startsWith('    ')
  let end = endOf(blocks, start, (line) => isIndented(line) || isBlank(line))
  if (end === start || !isIndented(blocks.lines[start] ?? '')) return undefined
  while (isBlank(blocks.lines[end - 1])) end--
  return [code(blocks.lines.slice(start, end).map((line) => line.slice(4))), end]
}

function readFence(blocks: Blocks, start: number): Read | undefined {
  const { lines } = blocks
  const mark = fence.exec(lines[start] ?? '')?.[1]
  if (mark === undefined) return undefined
  const isEnd = (line: string): boolean => {
    const text = line.trim()
    return text.length >= mark.length && text === mark.charAt(0).repeat(text.length)
  }
  const end = endOf(blocks, start + 1, (line) => !isEnd(line))
  return [code(lines.slice(start + 1, end)), end + 1]
}

const headingHtml = (text: string, { references }: Blocks): string => `<h4>${inlineHtml(text, references)}</h4>`

function readHeading(blocks: Blocks, start: number): Read | undefined {
  const line = blocks.lines[start] ?? ''
  const mark = heading.exec(line)?.[0]
  if (mark === undefined) return undefined
  const text = line.slice(mark.length).trim()
  let end = text.length
  while (text[end - 1] === '#') end--
  const isClosed = end === 0 || text[end - 1] === ' '
  return [headingHtml(isClosed ? text.slice(0, end).trim() : text, blocks), start + 1]
}

function readRule({ lines }: Blocks, start: number): Read | undefined {
  return rule.test(lines[start] ?? '') ? ['<hr />', start + 1] : undefined
}

/** Whether a line without the mark of its quote or list is the rest of a paragraph there. */
const isLazy = (line: string, before: string | undefined): boolean =>
  !isBlank(line) && !isBlank(before) && !interrupts(line) && !item.test(line) && !fence.test(before ?? '')

function readQuote(blocks: Blocks, start: number): Read | undefined {
  const { lines, depth } = blocks
  if (depth >= maxDepth || !quote.test(lines[start] ?? '')) return undefined
  const inside: string[] = []
  const end = endOf(blocks, start, (line) => {
    const isQuoted = quote.test(line)
    if (!isQuoted && !isLazy(line, inside.at(-1))) return false
    inside.push(isQuoted ? line.replace(quote, '') : line.trimStart())
    return true
  })
  return [
    `<blockquote>\n${blocksHtml({ ...blocks, lines: inside, depth: depth + 1, isTight: false })}\n</blockquote>`,
    end,
  ]
}

function readList(blocks: Blocks, start: number): Read | undefined {
  const { lines, depth } = blocks
  const first = item.exec(lines[start] ?? '')?.[2]
  if (depth >= maxDepth || first === undefined) return undefined
  const items: (readonly string[])[] = []
  let [end, isTight] = [start, true]
  const isItem = (line = ''): boolean => item.exec(line)?.[2]?.at(-1) === first.at(-1) && !rule.test(line)
  for (let at = start; isItem(lines[at]); ) {
    const [inside, after] = readItem(blocks, at)
    items.push(inside)
    end = after
    at = endOf(blocks, after, isBlank)
    isTight &&= (at === after || !isItem(lines[at])) && (inside.length === 1 || !inside.some(isBlank))
  }
  const parts = items.map((lines) => `<li>${blocksHtml({ ...blocks, lines, depth: depth + 1, isTight })}</li>\n`)
  const number = Number.parseInt(first, 10)
  const [tag, from] = Number.isNaN(number) ? ['ul', ''] : ['ol', number === 1 ? '' : ` start="${number}"`]
  return [`<${tag}${from}>\n${parts.join('')}</${tag}>`, end]
}

/** The lines of an item without their indent. */
function readItem(blocks: Blocks, start: number): readonly [lines: readonly string[], end: number] {
  const line = blocks.lines[start] ?? ''
  const [mark = ''] = item.exec(line) ?? []
  const text = line.slice(mark.length)
  const blanks = text.length - text.trimStart().length
  const indent = mark.length + (blanks >= 1 && blanks <= 4 && !isBlank(text) ? blanks : 1)
  const isInside = (one: string): boolean => one.slice(0, indent).trim() === ''
  const inside = [line.slice(indent)]
  let end = endOf(blocks, start + 1, (one) => {
    // An item may begin with one blank line, not with two.
    const isNext = isBlank(one) ? inside.length > 1 || !isBlank(inside[0]) : isInside(one) || isLazy(one, inside.at(-1))
    if (isNext) inside.push(isInside(one) ? one.slice(indent) : one.trimStart())
    return isNext
  })
  while (inside.length > 1 && isBlank(inside.at(-1))) {
    inside.pop()
    end--
  }
  return [inside, end]
}

/** A pipe after a backslash is text, even in code. */
function cellsOf(line: string): string[] {
  const cells = line
    .trim()
    .replaceAll('\\|', '\0')
    .split('|')
    .map((cell) => cell.trim().replaceAll('\0', '|'))
  if (cells[0] === '') cells.shift()
  if (cells.at(-1) === '') cells.pop()
  return cells
}

/** Rows with fewer cells stay short: filled up, a few characters would become thousands of cells. */
function readTable(blocks: Blocks, start: number): Read | undefined {
  const [first = '', second = ''] = blocks.lines.slice(start, start + 2)
  if (!second.includes('-') || !(first.includes('|') && second.includes('|'))) return undefined
  const heads = cellsOf(first)
  const rules = cellsOf(second)
  if (heads.length !== rules.length || !rules.every((cell) => /^:?-+:?$/.test(cell))) return undefined
  const end = endOf(blocks, start + 2, (line) => !isBlank(line) && !interrupts(line))
  const row = (cells: readonly string[], tag: 'td' | 'th'): string =>
    `<tr>${cells.map((cell) => `<${tag}>${inlineHtml(cell, blocks.references)}</${tag}>`).join('')}</tr>\n`
  const rows = blocks.lines.slice(start + 2, end).map((line) => row(cellsOf(line).slice(0, heads.length), 'td'))
  const body = rows.length > 0 ? `<tbody>\n${rows.join('')}</tbody>` : ''
  return [`<table><thead>\n${row(heads, 'th')}</thead>${body}</table>`, end]
}

function readParagraph(blocks: Blocks, start: number): Read {
  const { lines, references, isTight } = blocks
  const underline = /^ {0,3}(?:=+|-+) *$/
  const end = endOf(blocks, start + 1, (line) => !(isBlank(line) || interrupts(line) || underline.test(line)))
  const text = lines
    .slice(start, end)
    .map((line) => (line.endsWith('  ') ? `${line.trim()}\\` : line.trim()))
    .join('\n')
    .replace(/\\$/, '')
  const html = inlineHtml(text, references)
  if (underline.test(lines[end] ?? '')) return [`<h4>${html}</h4>`, end + 1]
  return [isTight ? html : `<p>${html}</p>`, end]
}
