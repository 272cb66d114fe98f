/**
 * Release notes: Markdown that anybody may have written, as HTML without raw HTML, without dangerous links and without
 * images, which would be of other hosts.
 */
import { micromark } from 'micromark'
import type { Answering } from '../../checks/update-check.ts'
import { readNotes } from '../status.ts'

/** Characters on a page; `/notes/` has all. */
const maxNotesLength = 12_000
/** Nested quotes and lists: the renderer's time grows with the square of the levels. */
const maxDepth = 20

export interface Notes {
  /** HTML, safe to put into a page whose headings go to level 3. */
  readonly html: string
  readonly isCut: boolean
}

/** By digest: notes never change. */
const known = new Map<string, Notes>()
const maxKnown = 64

/** @returns `undefined` where they are missing, or do not match their digest. */
export async function notesAsHtml(service: Answering, notes: { readonly sha256: string }): Promise<Notes | undefined> {
  const before = known.get(notes.sha256)
  if (before) return before
  const markdown = await readNotes(service, notes)
  if (markdown === undefined) return undefined
  const made = { html: renderMarkdown(cut(markdown)), isCut: markdown.length > maxNotesLength }
  if (known.size >= maxKnown) known.clear()
  known.set(notes.sha256, made)
  return made
}

/** Prefers the end of a paragraph. */
function cut(markdown: string): string {
  if (markdown.length <= maxNotesLength) return markdown
  const end = markdown.lastIndexOf('\n\n', maxNotesLength)
  return markdown.slice(0, end > maxNotesLength / 2 ? end : maxNotesLength).toWellFormed()
}

const safely = { disable: { null: ['labelStartImage'] } }

/** Headings become level 4: a release is level 3. */
const renderMarkdown = (markdown: string): string =>
  micromark(shallow(markdown), { extensions: [safely] }).replace(/<(\/?)h[1-6]>/g, '<$1h4>')

/** Limits nesting: the marks of lists and quotes at the start of a line. */
const shallow = (markdown: string): string =>
  markdown
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/^(?:[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))){20,}/gm, (marks) => marks.slice(0, maxDepth))
