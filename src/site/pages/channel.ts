/** `/channels/<app>/<channel>`: every release of a channel, and what happened to it. */
import type { HistoryEntry } from '../../catalog/history.ts'
import { durationMs } from '../../documents/fields.ts'
import { changeLine, targetText, windowsText } from '../../release/diff.ts'
import { type ChannelStatus, listedChannels, readChannelStatus, readHistory, readPaths } from '../status.ts'
import { boards } from './board.ts'
import { definitions, type Html, inEnglish, lengthText, none, part, time } from './fragments.ts'
import { cadenceFacts } from './home.ts'
import { answerPage, channelTrouble, trouble } from './layout.ts'
import { notesAsHtml } from './notes.ts'
import type { PageContext } from './page-context.ts'
import { releasePart } from './release.ts'
import { timeline } from './timeline.ts'

/** A page ends after this many releases, or characters. */
const maxReleases = 8
const maxReleasesSize = 30_000
/** Manifests of the history, and changes of each. */
const maxHistory = 5
const maxChanges = 6

export async function answerChannel(page: PageContext, app: string, name: string): Promise<Response> {
  const { status, service, words } = page
  const channel = await readChannelStatus(service, status, { app, channel: name })
  const { title, section } = { title: channel.channel, section: 'channels' } as const
  if ('problem' in channel) {
    const { reason } = channel.problem
    if (status.state && (reason === 'unknown-channel' || reason === 'unknown-app')) return notFound(page)
    const shown = part`<h1>${title}</h1>${trouble(page)}${channelTrouble(channel.problem, words)}`
    return answerPage(page, { title, section }, shown)
  }
  const feed = `/channels/${channel.app}/${channel.channel}/feed.atom`
  return answerPage(page, { title: `${title} – ${channel.appName}`, section, feed }, await content(page, channel, feed))
}

async function content(page: PageContext, channel: ChannelStatus, feed: string): Promise<Html> {
  const { status, words, link } = page
  const { manifest, boards: statuses, releases, appName } = channel
  const from = Math.max(
    0,
    releases.findIndex(({ release }) => release.version === page.c.req.query('from')),
  )
  const parts = await fittingReleases(page, channel, from)
  const isFirst = from === 0
  const head = part`<p class="soft small">${appName}</p><h1>${manifest.channel}</h1>
${manifest.description ? part`<p class="lead">${manifest.description}</p>` : none}${trouble(page)}
${about(page, channel, feed)}`
  const now = part`<h2 id="now">${words.channel.now}</h2>
<div class="sheet">${statuses.length === 0 ? words.home.empty : boards(statuses, { now: status.now, words, level: 3 })}</div>
${timeline({ releases, everyMs: manifest.cadence && durationMs(manifest.cadence.every), now: status.now, words })}`
  const older = releases[from + parts.length]
  const url = `/channels/${channel.app}/${channel.channel}`
  return part`${head}${isFirst ? now : part`<p><a href="${link(url)}">${words.channel.toNewest}</a></p>`}
<h2 id="releases">${words.channel.releases}</h2>
${parts}${older ? part`<p class="pager"><a rel="next" href="${link(url, { from: older.release.version })}#releases">${words.paging.next}</a></p>` : none}
${isFirst ? history(page, manifest.channel, await readHistory(page.service, channel, maxHistory)) : none}`
}

async function fittingReleases(page: PageContext, channel: ChannelStatus, from: number) {
  const { releases } = channel
  const paths = await readPaths(page.service, page.status, channel)
  const wanted = releases.slice(from, from + maxReleases)
  const notes = await Promise.all(
    wanted.map(
      async ({ release: { notes } }) => notes && ((await notesAsHtml(page.service, notes)) ?? ('missing' as const)),
    ),
  )
  const parts: Html[] = []
  let [size, isFull] = [0, false]
  for (const [i, listed] of wanted.entries()) {
    const path = paths.get(listed.release.version) ?? []
    const shown = { channel, listed, before: releases[from + i + 1]?.release, path }
    const made = releasePart(page, { ...shown, notes: isFull ? undefined : notes[i], isNewest: from + i === 0 })
    size += made.length
    if (parts.length > 0 && size > maxReleasesSize) break
    isFull = size > maxReleasesSize / 2
    parts.push(made)
  }
  return parts
}

function about(page: PageContext, channel: ChannelStatus, feed: string): Html {
  const { words, status, fileLink, serving } = page
  const { manifest, app, entry } = channel
  const { aliases, follow, windows, target } = manifest
  const inWords = (duration: string | undefined) => duration && lengthText(durationMs(duration), words)
  const list = `releases-${manifest.channel}.json`
  return definitions([
    [words.channel.app, part`<code>${app}</code>`],
    [words.channel.aliases, aliases?.join(', ')],
    [
      words.channel.follows,
      follow && `${follow.channel}${words.channel.follow(inWords(follow.after), inWords(follow.over))}`,
    ],
    [words.channel.cadence, manifest.cadence && part`<ul class="facts">${cadenceFacts(channel, status, words)}</ul>`],
    [words.channel.windows, windows && inEnglish(windowsText(windows))],
    [words.channel.target, target && inEnglish(targetText(target))],
    [
      words.trust.heading,
      part`${words.trust.sequence} ${manifest.seq}${words.comma}${time(Date.parse(manifest.issuedAt), status.now, words)}${words.comma}SHA-256 <code class="hash">${entry.sha256}</code>`,
    ],
    [
      words.channel.feeds,
      part`<a href="${fileLink(feed)}">Atom</a>, <a href="${fileLink(`/v1/channels/${app}/${manifest.channel}`)}">JSON</a>${
        serving.app === app ? part`, <a href="${fileLink(`/releases-json/${list}`)}">${list}</a>` : none
      }`,
    ],
  ])
}

function history({ words, status }: PageContext, name: string, happened: readonly HistoryEntry[]): Html {
  if (happened.length === 0) return none
  const { channel } = words
  const items = happened.map(({ seq, issuedAt, keyIds, provenance, changes }) => {
    const lines = changes
      .slice(0, maxChanges)
      .map((one) => part`<li><code lang="en">${changeLine(one).slice(0, 300)}</code></li>\n`)
    const rest = changes.length > maxChanges ? part`<li>${channel.moreChanges(changes.length - maxChanges)}</li>` : none
    const from = Object.entries(provenance ?? {})
      .slice(0, 4)
      .map(([name, value]) => part` · ${name}: ${value.slice(0, 200)}`)
    return part`<li><b>${seq}</b> <span class="small soft">${time(Date.parse(issuedAt), status.now, words)}, ${channel.signedBy} ${keyIds.map((id) => part`<code>${id.slice(0, 8)}</code> `)}${from}</span>
<ul class="small">${changes.length === 0 ? part`<li>${channel.again}</li>` : lines}${rest}</ul></li>\n`
  })
  return part`<h2 id="history">${channel.history}</h2>
<p class="small soft">${channel.historyNote} ${name}</p><ul class="sheet plain">${items}</ul>`
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
