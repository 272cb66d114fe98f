/** Atom (RFC 4287): the newest releases of a channel, and what its operators stopped. */
import { raw } from 'hono/html'
import type { HistoryEntry } from '../catalog/history.ts'
import { textDigest } from '../kernel/digest.ts'
import { isoText } from '../kernel/format.ts'
import { changeLine } from '../release/diff.ts'
import type { ListedRelease } from '../release/rollout-status.ts'
import { architecture, send, withChannel } from './feeds.ts'
import { linkText } from './markdown/inline.ts'
import { type Html, none, part } from './pages/fragments.ts'
import type { PageContext } from './pages/page.ts'
import { notesAsHtml } from './pages/release.ts'
import { type ChannelStatus, changeOf, readListedDetails, readLog } from './status.ts'

const maxEntries = 20

/** `/channels/<app>/<channel>/feed.atom`: the newest releases of a channel, and what its operators stopped. */
export const answerAtom = (page: PageContext, app: string, name: string): Promise<Response> =>
  withChannel(page, app, name, async (channel) => {
    const xml = (await atomFeed(page, channel)).toString()
    // XML has no form for most control characters, not even escaped.
    const text = xml.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    return send(page, 'application/atom+xml', text, channel)
  })

async function atomFeed(page: PageContext, channel: ChannelStatus): Promise<Html> {
  const { serving, status } = page
  const { appName, manifest } = channel
  const ref = `${channel.app}/${channel.channel}`
  const pageUrl = `${serving.publicUrl}/channels/${ref}`
  // A follower does not offer all of them yet.
  const listed = channel.releases.filter(({ offeredFrom }) => offeredFrom <= status.now).slice(0, maxEntries)
  const releases = await readListedDetails(page.service, channel.app, listed)
  const entries = await Promise.all(
    releases.map(async (one) => ({ at: one.offeredFrom, entry: await atomEntry(page, one, ref, pageUrl) })),
  )
  const logged = readLog(page, channel).map((one) => ({
    at: Date.parse(one.issuedAt),
    entry: brakeEntry(one, ref, pageUrl),
  }))
  const sorted = [...entries, ...logged.slice(-maxEntries)].sort((a, b) => b.at - a.at)
  return part`<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><id>${atomId(ref)}</id><title>${appName}: ${channel.channel}</title>${
    manifest.description ? part`<subtitle>${manifest.description}</subtitle>` : none
  }<updated>${isoText(changeOf(channel, status))}</updated><author><name>${appName}</name></author><generator>Platte</generator>
<link rel="self" type="application/atom+xml" href="${pageUrl}/feed.atom"/><link rel="alternate" type="text/html" href="${pageUrl}"/>
${sorted.map(({ entry }) => entry)}</feed>
`
}

async function atomEntry(
  page: PageContext,
  { release, offeredFrom }: ListedRelease,
  ref: string,
  pageUrl: string,
): Promise<Html> {
  const { version, notes, components = {}, cves = [], boards } = release
  const at = isoText(offeredFrom)
  const shown = notes && (await notesAsHtml(page, notes.sha256))
  const list = Object.entries(components).map(([name, version]) => part`<li>${name}: ${version}</li>`)
  const content = part`${shown ? raw(shown.html) : none}${list.length > 0 ? part`<h4>Packages</h4><ul>${list}</ul>` : none}${
    cves.length > 0 ? part`<h4>CVEs</h4><p>${raw(linkText(cves.join(', ')))}</p>` : none
  }<h4>Architectures</h4><ul>${Object.keys(boards).map((board) => part`<li>${architecture(board)}</li>`)}</ul>`
  return part`<entry><id>${atomId(`${ref}/${version}`)}</id><title>${version}</title><published>${at}</published><updated>${at}</updated>
<link rel="alternate" type="text/html" href="${pageUrl}?from=${encodeURIComponent(version)}#${version}"/>
<content type="html">${content.toString()}</content></entry>
`
}

/** A hold, or a stop of the ramps, placed or lifted. */
function brakeEntry({ issuedAt: at, changes, message }: HistoryEntry, ref: string, pageUrl: string): Html {
  const title = changes.map(changeLine).join(', ')
  return part`<entry><id>${atomId(`${ref}/${at}/${title}`)}</id><title>${title}</title><updated>${at}</updated>
<link rel="alternate" type="text/html" href="${pageUrl}#history"/><content>${message ?? title}</content></entry>
`
}

/** A UUID of version 8 (RFC 9562, 5.8) from a digest: it stays when the deployment moves. */
function atomId(name: string): string {
  const hex = textDigest(`platte feed\0${name}`)
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0b11) | 0b1000).toString(16)
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
