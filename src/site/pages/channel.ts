/** `/channels/<app>/<channel>`: every release of a channel, and what happened to it. */
import type { HistoryEntry } from '../../catalog/history.ts'
import { durationMs } from '../../documents/fields.ts'
import { changeLine, guardText, targetText, windowsText } from '../../release/diff.ts'
import type { ListedRelease } from '../../release/rollout-status.ts'
import {
  type ChannelStatus,
  isUnknown,
  listedChannels,
  readChannelStatus,
  readHistory,
  readListedDetails,
  readPaths,
} from '../status.ts'
import { boards } from './board.ts'
import type { Html, Shown } from './fragments.ts'
import { cadenceFacts, definitions, inEnglish, lengthText, none, part, time } from './fragments.ts'
import { answerPage, channelTrouble, type PageContext, trouble } from './page.ts'
import { notesAsHtml, releasePart } from './release.ts'

/** A page ends after this many releases, or characters. */
const maxReleases = 8
const maxReleasesSize = 30_000
/** Manifests of the history, and changes of each. */
const maxHistory = 5
const maxChanges = 6

export async function answerChannel(page: PageContext, app: string, name: string): Promise<Response> {
  const { status, words } = page
  const channel = await readChannelStatus(page, { app, channel: name })
  const { title, section } = { title: channel.channel, section: 'channels' } as const
  if ('problem' in channel) {
    if (status.state && isUnknown(channel)) return notFound(page)
    const shown = part`<h1>${title}</h1>${trouble(page)}${channelTrouble(channel.problem, words)}`
    return answerPage(page, { title, section }, shown)
  }
  const feed = `/channels/${channel.app}/${channel.channel}/feed.atom`
  return answerPage(page, { title: `${title} – ${channel.appName}`, section, feed }, await content(page, channel, feed))
}

async function content(page: PageContext, channel: ChannelStatus, feed: string): Promise<Html> {
  const { now, words, link } = page
  const { headings, toNewest } = words.channel
  const { manifest, boards: statuses, releases, appName } = channel
  const wanted = page.c.req.query('from')
  const index = releases.findIndex(({ release }) => release.version === wanted)
  const from = Math.max(0, index)
  const parts = await fittingReleases(page, channel, from)
  const url = `/channels/${channel.app}/${channel.channel}`
  const everyMs = manifest.cadence && durationMs(manifest.cadence.every)
  const newest =
    from > 0
      ? part`<p><a href="${link(url)}">${toNewest}</a></p>`
      : part`<h2 id="now">${headings.now}</h2>
<div class="sheet">${statuses.length === 0 ? words.home.empty : boards(channel, page, 3)}</div>
${timeline({ releases, everyMs, now, words })}`
  const older = releases[from + parts.length]?.release.version
  return part`<p class="soft small">${appName}</p><h1>${manifest.channel}</h1>
${manifest.description ? part`<p class="lead">${manifest.description}</p>` : none}${trouble(page)}
${about(page, channel, feed)}${newest}
<h2 id="releases">${headings.releases}</h2>
${parts}${older ? part`<p class="pager"><a rel="next" href="${link(url, { from: older })}#releases">${words.paging.next}</a></p>` : none}
${from > 0 ? none : history(page, manifest.channel, await readHistory(page, channel, maxHistory))}`
}

async function fittingReleases(page: PageContext, channel: ChannelStatus, from: number): Promise<readonly Html[]> {
  const { releases } = channel
  const paths = await readPaths(page, channel)
  const readable = await readListedDetails(page.service, channel.app, releases.slice(from, from + maxReleases + 1))
  const wanted = readable.slice(0, maxReleases)
  const notes = await Promise.all(
    wanted.map(
      async ({ release: { notes } }) => notes && ((await notesAsHtml(page, notes.sha256)) ?? ('missing' as const)),
    ),
  )
  const parts: Html[] = []
  let size = 0
  for (const [i, listed] of wanted.entries()) {
    const shown = { channel, listed, before: readable[i + 1]?.release, isNewest: from + i === 0 }
    const isFull = size > maxReleasesSize / 2
    const path = paths.get(listed.release.version) ?? []
    const made = releasePart(page, { ...shown, path, notes: isFull ? undefined : notes[i] })
    size += made.length
    if (parts.length > 0 && size > maxReleasesSize) break
    parts.push(made)
  }
  return parts
}

const keyList = (keys: readonly { readonly sha256: string }[]): Html =>
  part`SHA-256 ${keys.map(({ sha256 }) => part`<code class="hash">${sha256}</code> `)}`

function about(page: PageContext, channel: ChannelStatus, feed: string): Html {
  const { words, fileLink, serving } = page
  const { about, conditions, headings, follow: followText } = words.channel
  const { manifest, app, entry } = channel
  const { aliases, cadence, follow, windows, target, payloadKeys, guard } = manifest
  const inWords = (duration: string | undefined) => duration && lengthText(durationMs(duration), words)
  const list = `releases-${manifest.channel}.json`
  const json = `/v1/channels/${app}/${manifest.channel}`
  const own = part`, <a href="${fileLink(`/releases-json/${list}`)}">${list}</a>`
  return definitions([
    [about.app, part`<code>${app}</code>`],
    [about.aliases, aliases?.join(', ')],
    [about.follows, follow && `${follow.channel}${followText(inWords(follow.after), inWords(follow.over))}`],
    [about.cadence, cadence && part`<ul class="facts">${cadenceFacts(channel, page)}</ul>`],
    [conditions.windows, windows && inEnglish(windowsText(windows))],
    [conditions.target, target && inEnglish(targetText(target))],
    [about.guard, guard && inEnglish(guardText(guard))],
    [about.payloadKeys, payloadKeys && keyList(payloadKeys)],
    [
      words.trust.heading,
      part`${words.manifest.revision} ${manifest.seq}${words.comma}${time(Date.parse(manifest.issuedAt), page)}${words.comma}SHA-256 <code class="hash">${entry.sha256}</code>`,
    ],
    [
      headings.feeds,
      part`<a href="${fileLink(feed)}">Atom</a>, <a href="${fileLink(json)}">JSON</a>${serving.app === app ? own : none}`,
    ],
  ])
}

function history(page: PageContext, name: string, happened: readonly HistoryEntry[]): Html {
  if (happened.length === 0) return none
  const { channel } = page.words
  const items = happened.map(({ seq, issuedAt, keyIds, provenance, message, changes, brakes = [] }) => {
    const lines = changes
      .slice(0, maxChanges)
      .map((one) => part`<li><code lang="en">${changeLine(one).slice(0, 300)}</code></li>\n`)
    const rest = changes.length > maxChanges ? part`<li>${channel.moreChanges(changes.length - maxChanges)}</li>` : none
    const from = Object.entries({ ...(message && { message }), ...provenance })
      .slice(0, 5)
      .map(([name, value]) => part` · ${name}: ${value.slice(0, 200)}`)
    return part`<li><b>${page.words.manifest.revision} ${seq}</b> <span class="small soft">${time(Date.parse(issuedAt), page)}, ${channel.signedBy} ${keyIds.map((id) => part`<code>${id.slice(0, 8)}</code> `)}${from}</span>
<ul class="small">${brakes.slice(0, maxChanges).map((one) => part`<li>${page.words.ramp.now}${page.words.colon}<code lang="en">${changeLine(one).slice(0, 300)}</code></li>\n`)}${changes.length === 0 ? part`<li>${channel.again}</li>` : lines}${rest}</ul></li>\n`
  })
  return part`<h2 id="history">${channel.headings.history}</h2>
<p class="small soft">${channel.historyNote} ${name}</p><ul class="sheet plain">${items}</ul>`
}

const day = 24 * 60 * 60 * 1000
const maxDrawn = 12
const [width, height, left, right, line] = [720, 88, 40, 40, 48]

interface Timeline extends Shown {
  /** Newest first. */
  readonly releases: readonly Pick<ListedRelease, 'release' | 'offeredFrom'>[]
  /** The cadence of the channel, in milliseconds. */
  readonly everyMs: number | undefined
}

/** When releases were published, against the cadence: a drawing, with its numbers in a table. Needs two releases. */
export function timeline({ releases, everyMs, now, words }: Timeline): Html {
  const { headings, columns, timelineLabel, gap } = words.channel
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
  // Names alternate below and above, so that neighbours do not overlap.
  const marks = drawn.map(({ version, at }, i) => {
    const isNewest = i === drawn.length - 1
    const y = i % 2 === 0 || isNewest ? line + 28 : line - 20
    return part`<circle cx="${x(at)}" cy="${line}" r="4.5"/><text x="${x(at)}" y="${y}" text-anchor="middle"${isNewest ? part` class="new"` : none}>${version}</text>`
  })
  const rows = drawn.map(({ version, at }, i) => {
    const days = i === 0 ? '–' : ((at - (drawn[i - 1]?.at ?? 0)) / day).toFixed(1)
    return part`<tr><td>${version}</td><td>${time(at, { now, words })}</td><td class="n">${days}</td></tr>\n`
  })
  return part`<h2 id="timeline">${headings.timeline}</h2>
<div class="sheet timeline"><section class="scroll" tabindex="0" aria-label="${headings.timeline}"><svg role="img" aria-label="${timelineLabel(drawn.length)}" viewBox="0 0 ${width} ${height}">
<line x1="${left}" y1="${line}" x2="${width - right}" y2="${line}"/>
${due.map((at) => part`<line class="due" x1="${x(at)}" y1="${line - 14}" x2="${x(at)}" y2="${line + 14}"/>`)}
${marks}
</svg></section>
<details><summary>${gap}</summary>
<section class="scroll" tabindex="0" aria-label="${gap}"><table><thead><tr><th scope="col">${columns.version}</th><th scope="col">${columns.published}</th><th scope="col" class="n">${gap}</th></tr></thead><tbody>
${rows.reverse()}</tbody></table></section></details></div>`
}

/** Lists the channels: a visitor mistyped a name, or followed an old link. */
function notFound(page: PageContext): Response {
  const { words, status, link } = page
  const list = listedChannels(status)
    .slice(0, 50)
    .map(
      ({ app, channel }) =>
        part`<li><a href="${link(`/channels/${app}/${channel}`)}">${channel}</a> <code class="hash">${app}</code></li>\n`,
    )
  const { title, channel } = words.notFound
  const content = part`<h1>${title}</h1>${trouble(page)}<p>${channel}</p><ul>${list}</ul>`
  return answerPage(page, { title, section: 'channels', status: 404 }, content)
}
