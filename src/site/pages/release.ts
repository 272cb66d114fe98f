/** One release on the page of its channel, and its notes as HTML. */
import { raw } from 'hono/html'
import { notesKey, packageFolder, urlPathOf } from '../../documents/paths.ts'
import { forPeople, percent, timeText } from '../../kernel/format.ts'
import { isImage, type Release } from '../../release/channel.ts'
import { rampText, targetText, windowsText } from '../../release/diff.ts'
import type { ListedRelease } from '../../release/rollout-status.ts'
import { linkText } from '../markdown/inline.ts'
import { renderMarkdown } from '../markdown/markdown.ts'
import { type ChannelStatus, type PathStep, readNotes } from '../status.ts'
import { marks } from './board.ts'
import type { Html } from './fragments.ts'
import { atMost, bytes, definitions, filled, inEnglish, none, part, partsList, reasonLink, time } from './fragments.ts'
import type { PageContext } from './page.ts'

/** More of each are in the JSON. */
const most = { components: 40, cves: 60, packages: 16, path: 12 } as const

interface ShownRelease {
  readonly channel: ChannelStatus
  readonly listed: ListedRelease
  readonly before: Release | undefined
  readonly path: readonly PathStep[]
  /** `undefined`: it has none. */
  readonly notes: Notes | 'missing' | undefined
  readonly isNewest: boolean
}

/** A release, under its version as an anchor. */
export function releasePart(page: PageContext, shown: ShownRelease): Html {
  const { release, offeredFrom } = shown.listed
  const { version } = release
  const { board } = page.words
  const at = time(offeredFrom, page)
  const published = filled(offeredFrom > page.now ? board.notBefore : board.published, at)
  return part`<article class="sheet release" id="${version}"><header><h3><a href="#${version}">${version}</a></h3>
${marks(shown.listed.boards, page)}<span class="small soft">${published}</span></header>
${restrictions(shown, page)}${path(shown, page)}${components(shown, page)}${cves(release, page)}${conditions(shown.listed, page)}${packages(shown, page)}${notes(shown, page)}</article>\n`
}

/** Why it is withheld, and what it does to machines on it or below it: once for all boards of which the same is true. */
function restrictions({ listed: { boards } }: ShownRelease, { words }: PageContext): Html {
  const { states, channel } = words
  const notes = boards.flatMap(({ board, candidate: { refusal, deadEnd, floor } }) => [
    ...(refusal ? [{ board, what: states[refusal.reason], because: refusal.because }] : []),
    ...(deadEnd ? [{ board, what: channel.deadEnd, because: deadEnd.reason }] : []),
    ...(floor ? [{ board, what: channel.floor, because: floor.reason }] : []),
  ])
  const groups = Map.groupBy(notes, ({ what, because }) => `${what} ${because}`)
  return part`${[...groups.values()].map((same) => {
    const names = same.length === boards.length ? '' : ` (${same.map(({ board }) => board).join(', ')})`
    return part`<p class="note small"><b>${same[0]?.what}${names}</b> ${reasonLink(same[0]?.because ?? '')}</p>\n`
  })}`
}

function path({ path }: ShownRelease, { words }: PageContext): Html {
  if (path.length < 2) return none
  const steps = path
    .slice(0, most.path)
    .map(({ channel, at }) => part`<li>${channel} <span class="soft">${timeText(at).slice(0, 10)}</span></li>\n`)
  return part`<ol class="path" aria-label="${words.channel.parts.path}">${steps}</ol>\n`
}

function components({ listed: { release }, before }: ShownRelease, { words }: PageContext): Html {
  const { channel } = words
  const now = Object.entries(release.components ?? {})
  if (now.length === 0) return none
  const then = before?.components ?? {}
  const gone = Object.keys(then).filter((name) => !Object.hasOwn(release.components ?? {}, name))
  const list = now.map(([name, version]) => {
    const was = Object.hasOwn(then, name) ? then[name] : undefined
    const change = before === undefined || was === version ? none : was === undefined ? channel.isNew : channel.was(was)
    return [name, change === none ? version : part`<b>${version}</b> <span class="soft">${change}</span>`] as const
  })
  return part`<h4>${channel.parts.components}</h4>${partsList(list, most.components, words)}
${gone.length === 0 ? none : part`<p class="small soft">${channel.gone(gone.slice(0, most.components).join(', '))}</p>\n`}`
}

function cves({ cves = [] }: Release, { words: { channel } }: PageContext): Html {
  if (cves.length === 0) return none
  const shown = cves.slice(0, most.cves).join(', ')
  const rest = cves.length > most.cves ? ` ${channel.more(cves.length - most.cves)}` : ''
  return part`<h4>${channel.parts.cves} (${cves.length})</h4><p class="small">${raw(linkText(shown))}${rest}</p>\n`
}

function conditions({ release, boards }: ListedRelease, page: PageContext): Html {
  const { ramp, windows, target } = release
  const { words } = page
  if (!ramp && !windows && !target) return none
  const terms = words.channel.conditions
  return definitions([
    [terms.ramp, ramp && (stopped(boards, page) ?? inEnglish(forPeople(rampText(ramp.slice(0, 12)))))],
    [terms.windows, windows && inEnglish(windowsText(windows))],
    [terms.target, target && inEnglish(targetText(target))],
  ])
}

/** A ramp that was stopped does not come to its signed end. */
function stopped(boards: ListedRelease['boards'], page: PageContext): Html | undefined {
  const [progress] = boards.flatMap(({ progress }) => progress ?? [])
  if (progress?.stoppedAt === undefined) return undefined
  return part`${percent(progress.share)}${filled(page.words.board.stopped, time(progress.stoppedAt, page))}`
}

function packages({ listed: { release }, channel: { app } }: ShownRelease, { words, fileLink }: PageContext): Html {
  const { columns, parts, more } = words.channel
  const rows = Object.entries(release.boards).flatMap(([board, of]) => {
    if (typeof of === 'string') return []
    if (isImage(of)) {
      const names = [of.checksum, of.oci].flatMap((name) => (name ? part`<code class="hash">${name}</code>` : []))
      return names.map((name) => part`<tr><td>${board}</td><td>${name}</td><td class="n"></td></tr>\n`)
    }
    const folder = packageFolder({ app, version: release.version, board }, of.packages)
    return of.packages.map((one) => {
      const url = (of.codebases[0] ?? fileLink(`/${folder}`)) + urlPathOf(one.name)
      return part`<tr><td>${board}</td><td><a href="${url}">${one.name}</a><br><code class="hash">${one.sha256}</code></td><td class="n">${bytes(one.size)}</td></tr>\n`
    })
  })
  const rest = (count: number) => part`<tr><td colspan="3">${more(count)}</td></tr>`
  return part`<details><summary>${parts.packages} (${rows.length})</summary><section class="scroll" tabindex="0" aria-label="${parts.packages} ${release.version}"><table><thead><tr><th scope="col">${columns.board}</th><th scope="col">${columns.file}, SHA-256</th><th scope="col" class="n">${columns.size}</th></tr></thead><tbody>
${atMost(rows, most.packages, rest)}</tbody></table></section></details>\n`
}

function notes(
  { listed: { release }, notes, isNewest }: ShownRelease,
  { words: { channel }, fileLink }: PageContext,
): Html {
  if (release.notes === undefined) return none
  const whole = part`<p class="small"><a href="${fileLink(`/${notesKey(release.notes.sha256)}`)}">${channel.notesWhole}</a> (${bytes(release.notes.size)})</p>`
  if (notes === 'missing') return part`<p class="note small">${channel.notesGone}</p>\n`
  if (notes === undefined) return whole
  const cut = notes.isCut ? part`<p class="note small">${channel.notesCut}</p>` : none
  return part`<details${isNewest ? part` open` : none}><summary>${channel.notes}</summary><div class="notes">${raw(notes.html)}</div>${cut}${whole}</details>\n`
}

/** Characters on a page; `/notes/` has all. */
const maxNotesLength = 12_000

interface Notes {
  /** HTML, safe to put into a page whose headings go to level 3. */
  readonly html: string
  readonly isCut: boolean
}

/** By digest: notes never change. Those used last stay. */
const known = new Map<string, Notes>()
const maxKnown = 200

/** @returns `undefined` where the notes are missing, or do not match their digest. */
export async function notesAsHtml(page: PageContext, sha256: string): Promise<Notes | undefined> {
  let found = known.get(sha256)
  if (found === undefined) {
    const markdown = await readNotes(page, sha256)
    if (markdown === undefined) return undefined
    // Another request may have rendered them meanwhile.
    found = known.get(sha256) ?? { html: renderMarkdown(cut(markdown)), isCut: markdown.length > maxNotesLength }
  }
  known.delete(sha256)
  known.set(sha256, found)
  const [oldest] = known.keys()
  if (known.size > maxKnown && oldest !== undefined) known.delete(oldest)
  return found
}

/** Prefers the end of a paragraph. */
function cut(markdown: string): string {
  if (markdown.length <= maxNotesLength) return markdown
  const end = markdown.lastIndexOf('\n\n', maxNotesLength)
  return markdown.slice(0, end > maxNotesLength / 2 ? end : maxNotesLength).toWellFormed()
}
