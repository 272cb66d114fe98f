/** `/channels/<app>/<channel>/feed.atom`: the newest releases of a channel. @see RFC 4287 */
import { Feed } from 'feed'
import type { Release } from '../../core/channel.ts'
import { textDigest } from '../../core/digest.ts'
import { releasesOf } from '../../core/standing.ts'
import { type ChannelStatus, changeOf, readChannelStatus } from '../../service/status.ts'
import { notesAsHtml } from '../pages/notes.ts'
import { part } from '../pages/parts.ts'
import type { Visit } from '../pages/visit.ts'
import { refuseChannel } from './channels-json.ts'
import { send } from './send.ts'

const maxEntries = 20

/** Answers with a feed whose ids outlive every move of the deployment. */
export async function answerAtom(visit: Visit, app: string, name: string): Promise<Response> {
  const { c, status, service } = visit
  const channel = await readChannelStatus(service, status, { app, channel: name })
  if ('problem' in channel) return refuseChannel(visit, channel)
  const text = await feedOf(visit, channel)
  return send(c, { type: 'application/atom+xml; charset=utf-8', text, changedAt: changeOf(channel, status) })
}

async function feedOf(visit: Visit, channel: ChannelStatus): Promise<string> {
  const { serving, status } = visit
  const place = `${channel.app}/${channel.channel}`
  const page = `${serving.publicUrl}/channels/${place}`
  const feed = new Feed({
    id: idOf(place),
    title: `${channel.appName}: ${channel.channel}`,
    ...(channel.manifest.description && { description: channel.manifest.description }),
    updated: new Date(changeOf(channel, status)),
    author: { name: channel.appName },
    generator: 'Platte',
    copyright: '',
    link: page,
    feedLinks: { atom: `${page}/feed.atom` },
  })
  for (const release of releasesOf(channel.view).slice(0, maxEntries)) {
    const published = new Date(release.publishedAt)
    feed.addItem({
      id: idOf(`${place}/${release.version}`),
      title: release.version,
      link: `${page}#${release.version}`,
      ...{ published, date: published },
      content: await contentOf(visit, release),
    })
  }
  return feed.atom1().replace(/[\ufffe\uffff]/g, '')
}

/** A UUID of version 8 (RFC 9562, 5.8) made of a digest: the same wherever this is served from. */
function idOf(name: string): string {
  const hex = textDigest(`platte feed\0${name}`)
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0b11) | 0b1000).toString(16)
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Every ">" of a text is escaped here: the library masks only the first end of a CDATA section. */
async function contentOf({ service }: Visit, { notes, components = {}, cves = [], boards }: Release): Promise<string> {
  const shown = notes && (await notesAsHtml(service, notes))
  const parts = Object.entries(components).map(([name, version]) => part`<li>${name}: ${version}</li>`)
  const rest = part`${parts.length > 0 ? part`<h4>Packages</h4><ul>${parts}</ul>` : ''}${
    cves.length > 0 ? part`<h4>CVEs</h4><p>${cves.join(', ')}</p>` : ''
  }<h4>Architectures</h4><ul>${Object.keys(boards).map((board) => part`<li>${board.replace(/-usr$/, '')}</li>`)}</ul>`
  return `${shown?.html ?? ''}${rest}`
}
