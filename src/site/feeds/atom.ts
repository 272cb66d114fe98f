/** `/channels/<app>/<channel>/feed.atom`: the newest releases of a channel. @see RFC 4287 */
import { raw } from 'hono/html'
import { textDigest } from '../../kernel/digest.ts'
import { isoText } from '../../kernel/format.ts'
import type { Release } from '../../release/channel.ts'
import type { ListedRelease } from '../../release/rollout-status.ts'
import { type Html, none, part } from '../pages/fragments.ts'
import { notesAsHtml } from '../pages/notes.ts'
import type { PageContext } from '../pages/page-context.ts'
import { type ChannelStatus, changeOf, readChannelStatus } from '../status.ts'
import { refuseChannel, send } from './send.ts'

const maxEntries = 20

export async function answerAtom(page: PageContext, app: string, name: string): Promise<Response> {
  const { c, status, service } = page
  const channel = await readChannelStatus(service, status, { app, channel: name })
  if ('problem' in channel) return refuseChannel(c, channel)
  const text = withoutControls((await feedOf(page, channel)).toString())
  return send(c, { type: 'application/atom+xml; charset=utf-8', text, changedAt: changeOf(channel, status) })
}

async function feedOf(page: PageContext, channel: ChannelStatus): Promise<Html> {
  const { serving, status } = page
  const { appName, manifest } = channel
  const ref = `${channel.app}/${channel.channel}`
  const pageUrl = `${serving.publicUrl}/channels/${ref}`
  // A follower does not offer all of them yet.
  const releases = channel.releases.filter(({ offeredFrom }) => offeredFrom <= status.now).slice(0, maxEntries)
  const entries = await Promise.all(releases.map((one) => entryOf(page, one, { ref, pageUrl })))
  return part`<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><id>${idOf(ref)}</id><title>${appName}: ${channel.channel}</title>${
    manifest.description ? part`<subtitle>${manifest.description}</subtitle>` : none
  }<updated>${isoText(changeOf(channel, status))}</updated><author><name>${appName}</name></author><generator>Platte</generator>
<link rel="self" type="application/atom+xml" href="${pageUrl}/feed.atom"/><link rel="alternate" type="text/html" href="${pageUrl}"/>
${entries}</feed>
`
}

async function entryOf(
  page: PageContext,
  { release, offeredFrom }: ListedRelease,
  { ref, pageUrl }: { readonly ref: string; readonly pageUrl: string },
): Promise<Html> {
  const { version } = release
  const at = isoText(offeredFrom)
  const content = (await contentOf(page, release)).toString()
  return part`<entry><id>${idOf(`${ref}/${version}`)}</id><title>${version}</title><published>${at}</published><updated>${at}</updated>
<link rel="alternate" type="text/html" href="${pageUrl}?from=${encodeURIComponent(version)}#${version}"/>
<content type="html">${content}</content></entry>
`
}

/** XML has no form for most control characters, not even escaped. */
const withoutControls = (xml: string): string =>
  xml.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')

/** A UUID of version 8 (RFC 9562, 5.8) from a digest: it stays when the deployment moves. */
function idOf(name: string): string {
  const hex = textDigest(`platte feed\0${name}`)
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0b11) | 0b1000).toString(16)
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

async function contentOf(page: PageContext, { notes, components = {}, cves = [], boards }: Release): Promise<Html> {
  const shown = notes && (await notesAsHtml(page.service, notes))
  const list = Object.entries(components).map(([name, version]) => part`<li>${name}: ${version}</li>`)
  return part`${shown ? raw(shown.html) : none}${list.length > 0 ? part`<h4>Packages</h4><ul>${list}</ul>` : none}${
    cves.length > 0 ? part`<h4>CVEs</h4><p>${cves.join(', ')}</p>` : none
  }<h4>Architectures</h4><ul>${Object.keys(boards).map((board) => part`<li>${board.replace(/-usr$/, '')}</li>`)}</ul>`
}
