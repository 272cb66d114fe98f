/** `/channels/<app>/<channel>/feed.atom`: the newest releases of a channel. @see RFC 4287 */
import XmlBuilder from 'fast-xml-builder'
import { textDigest } from '../../kernel/digest.ts'
import type { Release } from '../../release/channel.ts'
import { releasesOf } from '../../release/rollout-status.ts'
import { part } from '../pages/fragments.ts'
import { notesAsHtml } from '../pages/notes.ts'
import type { PageContext } from '../pages/page-context.ts'
import { type ChannelStatus, changeOf, readChannelStatus } from '../status.ts'
import { refuseChannel } from './channels-json.ts'
import { send } from './send.ts'

const maxEntries = 20

/** Answers with a feed whose ids outlive every move of the deployment. */
export async function answerAtom(page: PageContext, app: string, name: string): Promise<Response> {
  const { c, status, service } = page
  const channel = await readChannelStatus(service, status, { app, channel: name })
  if ('problem' in channel) return refuseChannel(page, channel)
  const text = await feedOf(page, channel)
  return send(c, { type: 'application/atom+xml; charset=utf-8', text, changedAt: changeOf(channel, status) })
}

const builder = new XmlBuilder({ ignoreAttributes: false, attributeNamePrefix: '@' })

async function feedOf(page: PageContext, channel: ChannelStatus): Promise<string> {
  const { serving, status } = page
  const ref = `${channel.app}/${channel.channel}`
  const pageUrl = `${serving.publicUrl}/channels/${ref}`
  const releases = releasesOf(channel.view).filter(isSeen(channel, status.now)).slice(0, maxEntries)
  const entries = releases.map(async (release) => ({
    id: idOf(`${ref}/${release.version}`),
    title: release.version,
    ...{ published: release.publishedAt, updated: release.publishedAt },
    link: {
      '@rel': 'alternate',
      '@type': 'text/html',
      '@href': `${pageUrl}?from=${encodeURIComponent(release.version)}#${release.version}`,
    },
    content: { '@type': 'html', '#text': await contentOf(page, release) },
  }))
  const feed = {
    '@xmlns': 'http://www.w3.org/2005/Atom',
    id: idOf(ref),
    title: `${channel.appName}: ${channel.channel}`,
    ...(channel.manifest.description && { subtitle: channel.manifest.description }),
    updated: new Date(changeOf(channel, status)).toISOString(),
    author: { name: channel.appName },
    generator: 'Platte',
    link: [
      { '@rel': 'self', '@type': 'application/atom+xml', '@href': `${pageUrl}/feed.atom` },
      { '@rel': 'alternate', '@type': 'text/html', '@href': pageUrl },
    ],
    entry: await Promise.all(entries),
  }
  return `<?xml version="1.0" encoding="utf-8"?>\n${builder.build({ feed }).replace(/[\ufffe\uffff]/g, '')}\n`
}

/** What a follower offers to nobody yet is no news. */
function isSeen({ view }: ChannelStatus, now: number): (release: Release) => boolean {
  const candidates = [...view.boards.values()].flatMap((board) => board.candidates)
  const seen = new Set(candidates.filter(({ seenFrom }) => seenFrom <= now).map(({ release }) => release))
  return (release) => seen.has(release)
}

/** A UUID of version 8 (RFC 9562, 5.8) made of a digest: the same wherever this is served from. */
function idOf(name: string): string {
  const hex = textDigest(`platte feed\0${name}`)
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0b11) | 0b1000).toString(16)
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

async function contentOf(
  { service }: PageContext,
  { notes, components = {}, cves = [], boards }: Release,
): Promise<string> {
  const shown = notes && (await notesAsHtml(service, notes))
  const parts = Object.entries(components).map(([name, version]) => part`<li>${name}: ${version}</li>`)
  const rest = part`${parts.length > 0 ? part`<h4>Packages</h4><ul>${parts}</ul>` : ''}${
    cves.length > 0 ? part`<h4>CVEs</h4><p>${cves.join(', ')}</p>` : ''
  }<h4>Architectures</h4><ul>${Object.keys(boards).map((board) => part`<li>${board.replace(/-usr$/, '')}</li>`)}</ul>`
  return `${shown?.html ?? ''}${rest}`
}
