/**
 * Release notes: Markdown that anybody may have written, as HTML without raw HTML, without dangerous links and without
 * images, which would be of other hosts.
 */
import { micromark } from 'micromark'
import type { Answering } from '../../checks/update-check.ts'
import { readNotes } from '../status.ts'

/** Longer notes are cut there, in characters; whole they are at `/notes/`. */
const maxNotesLength = 12_000
/** More quotes or lists inside of each other than anybody writes; each level costs the renderer its way through all. */
const maxDepth = 20

/** Notes as they can be shown. */
export interface Notes {
  /** HTML, safe to put into a page whose headings go to level 3. */
  readonly html: string
  readonly isCut: boolean
}

/** By digest: notes never change. */
const known = new Map<string, Notes>()
const maxKnown = 64

/** @returns `undefined` where they are missing, or not what was signed. */
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

/** At the end of a paragraph, where there is one in the second half. */
function cut(markdown: string): string {
  if (markdown.length <= maxNotesLength) return markdown
  const end = markdown.lastIndexOf('\n\n', maxNotesLength)
  return markdown.slice(0, end > maxNotesLength / 2 ? end : maxNotesLength).toWellFormed()
}

const safely = { disable: { null: ['labelStartImage'] } }

/** Every heading becomes one of level 4, below the release that it belongs to. */
const renderMarkdown = (markdown: string): string =>
  micromark(shallow(markdown), { extensions: [safely] }).replace(/<(\/?)h[1-6]>/g, '<$1h4>')

/** Cuts what nests without end: the marks of lists and quotes at the beginning of a line. */
const shallow = (markdown: string): string =>
  markdown
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/^(?:[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))){20,}/gm, (marks) => marks.slice(0, maxDepth))
