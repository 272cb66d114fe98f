/** `/channels/<app>/<channel>`: every release of a channel, and what happened to it. */
import type { HistoryEntry } from '../../catalog/history.ts'
import { changeLine, guardText, targetText, windowsText } from '../../release/diff.ts'
import type { ListedRelease } from '../../release/rollout-status.ts'
import {
  type ChannelStatus,
  isUnknown,
  listedChannels,
  nameOf,
  readChannelStatus,
  readHistory,
  readListedDetails,
  readPaths,
} from '../status.ts'
import { boards, marks } from './board.ts'
import type { Html, Shown } from './fragments.ts'
import { age, cadenceFacts, definitions, followed, inEnglish, none, part, time } from './fragments.ts'
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
  const newest =
    from > 0
      ? part`<p><a href="${link(url)}">${toNewest}</a></p>`
      : part`<h2 id="now">${headings.now}</h2>
<div class="sheet">${statuses.length === 0 ? words.home.empty : boards(channel, page, 3)}</div>
${timeline({ releases, now, words, to: (version) => `${link(url, version === releases[0]?.release.version ? {} : { from: version })}#${version}` })}`
  const older = releases[from + parts.length]?.release.version
  const ask = (path: string, text: string, query: Readonly<Record<string, string>>) =>
    part`<a class="ask" href="${link(path, query)}">${text}</a>\n`
  const tools = part`<p>${ask('/explain', words.explain.title, { app: channel.app, channel: manifest.channel })}${ask('/client-config', words.config.title, { group: manifest.channel })}</p>`
  return part`<p class="soft small">${appName}</p><h1>${manifest.channel}</h1>
${manifest.description ? part`<p class="lead">${manifest.description}</p>` : none}${trouble(page)}
${tools}${newest}${about(page, channel, feed)}
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
  const { about, conditions, headings } = words.channel
  const { manifest, app, entry } = channel
  const { aliases, cadence, follow, windows, target, payloadKeys, guard } = manifest
  const list = `releases-${manifest.channel}.json`
  const json = `/v1/channels/${app}/${manifest.channel}`
  const own = part`, <a href="${fileLink(`/releases-json/${list}`)}">${list}</a>`
  return definitions([
    [about.app, part`<code>${app}</code>`],
    [about.aliases, aliases?.join(', ')],
    [about.follows, follow && followed(channel, page)],
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
<ul class="small">${brakes.slice(0, maxChanges).map((one) => part`<li>${channel.headings.now}${page.words.colon}<code lang="en">${changeLine(one).slice(0, 300)}</code></li>\n`)}${changes.length === 0 ? part`<li>${channel.again}</li>` : lines}${rest}</ul></li>\n`
  })
  return part`<h2 id="history">${channel.headings.history}</h2>
<p class="small soft">${channel.historyNote} ${name}</p><ul class="sheet plain">${items}</ul>`
}

const maxDrawn = 12

interface Timeline extends Shown {
  /** Newest first. */
  readonly releases: readonly ListedRelease[]
  /** A link to a release. */
  readonly to: (version: string) => string
}

/** The newest releases by the time of their publication, with what became of them. */
function timeline({ releases, to, now, words }: Timeline): Html {
  const drawn = releases
    .filter(({ offeredFrom }) => offeredFrom <= now)
    .sort((a, b) => b.offeredFrom - a.offeredFrom)
    .slice(0, maxDrawn)
  const items = drawn.map(({ release: { version }, offeredFrom, boards }) => {
    const isGone = boards.every(({ state }) => state === 'withdrawn' || state === 'held')
    return part`<li${isGone ? part` class="gone"` : none}><a href="${to(version)}">${version}</a> ${marks(boards, { now, words })}
<span class="small soft">${age(offeredFrom, { now, words })}</span></li>\n`
  })
  return items.length === 0
    ? none
    : part`<h2 id="timeline">${words.channel.headings.timeline}</h2>\n<ol class="timeline sheet">${items}</ol>`
}

/** Lists the channels: a visitor mistyped a name, or followed an old link. */
export function notFound(page: PageContext): Response {
  const { words, status, link } = page
  const list = listedChannels(status)
    .slice(0, 50)
    .map(
      ({ app, channel }) =>
        part`<li><a href="${link(`/channels/${app}/${channel}`)}">${channel}</a> <span class="soft">${nameOf(app, status)}</span></li>\n`,
    )
  const { title } = words.notFound
  const content = part`<h1>${title}</h1>${trouble(page)}
<p><a href="${link('/')}">${words.nav.channels}</a></p><ul>${list}</ul>`
  return answerPage(
    page,
    { title, section: 'none', status: 404, headers: { vary: 'accept, accept-language' } },
    content,
  )
}
