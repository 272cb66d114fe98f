/** When releases were published, against the cadence: a drawing, with its numbers in a table beneath. */
import type { ListedRelease } from '../../release/rollout-status.ts'
import { type Html, none, part, time } from './fragments.ts'
import type { Words } from './words-en.ts'

const day = 24 * 60 * 60 * 1000
const maxDrawn = 12
const [width, height, left, right, line] = [720, 88, 40, 40, 48]

interface Timeline {
  /** Newest first. */
  readonly releases: readonly Pick<ListedRelease, 'release' | 'offeredFrom'>[]
  /** The cadence of the channel, in milliseconds. */
  readonly everyMs: number | undefined
  readonly now: number
  readonly words: Words
}

/** Needs two releases. */
export function timeline({ releases, everyMs, now, words }: Timeline): Html {
  const drawn = releases
    .map(({ release: { version }, offeredFrom: at }) => ({ version, at }))
    .filter(({ at }) => at <= now)
    .sort((a, b) => a.at - b.at)
    .slice(-maxDrawn)
  const [first, last] = [drawn[0], drawn.at(-1)]
  if (first === undefined || last === undefined || drawn.length < 2) return none
  const due = everyMs === undefined ? [] : drawn.map(({ at }) => at + everyMs)
  const end = Math.max(now, ...due, last.at)
  const x = (at: number): string =>
    (left + ((at - first.at) / Math.max(1, end - first.at)) * (width - left - right)).toFixed(1)
  const rows = drawn.map((one, i) => ({ ...one, gap: i === 0 ? undefined : (one.at - (drawn[i - 1]?.at ?? 0)) / day }))
  return part`<h2 id="timeline">${words.channel.timeline}</h2>
<div class="sheet timeline"><section class="scroll" tabindex="0" aria-label="${words.channel.timeline}"><svg role="img" aria-label="${words.channel.timelineLabel(drawn.length)}" viewBox="0 0 ${width} ${height}">
<line x1="${left}" y1="${line}" x2="${width - right}" y2="${line}"/>
${due.map((at) => part`<line class="due" x1="${x(at)}" y1="${line - 14}" x2="${x(at)}" y2="${line + 14}"/>`)}
${drawn.map(({ version, at }, i) => mark(x(at), version, i === drawn.length - 1 ? 'new' : i % 2 === 0 ? 'low' : 'high'))}
</svg></section>
<details><summary>${words.channel.gap}</summary>
<section class="scroll" tabindex="0" aria-label="${words.channel.gap}"><table><thead><tr><th scope="col">${words.channel.version}</th><th scope="col">${words.channel.published}</th><th scope="col" class="n">${words.channel.gap}</th></tr></thead><tbody>
${rows
  .reverse()
  .map(
    ({ version, at, gap }) =>
      part`<tr><td>${version}</td><td>${time(at, now, words)}</td><td class="n">${gap === undefined ? '–' : gap.toFixed(1)}</td></tr>\n`,
  )}</tbody></table></section></details></div>`
}

/** Names alternate below and above, so that neighbours do not overlap. */
function mark(x: string, version: string, ref: 'low' | 'high' | 'new'): Html {
  const y = ref === 'high' ? line - 20 : line + 28
  return part`<circle cx="${x}" cy="${line}" r="4.5"/><text x="${x}" y="${y}" text-anchor="middle"${ref === 'new' ? part` class="new"` : none}>${version}</text>`
}
