/**
 * `version.txt` and the JSON of releases, as Flatcar publishes them.
 * @see protocols: flatcar.org/releases-json, *.release.flatcar-linux.net
 */
import { notesKey } from '../../documents/paths.ts'
import { refuse } from '../../http/problem.ts'
import { timeText } from '../../kernel/format.ts'
import type { Release } from '../../release/channel.ts'
import type { ListedRelease } from '../../release/rollout-status.ts'
import { parseVersion } from '../../release/version.ts'
import type { PageContext } from '../pages/page-context.ts'
import { type ChannelStatus, changeOf, readChannelStatus, readNotes } from '../status.ts'
import { refuseChannel, send } from './send.ts'

/** Older releases have a link to their notes. */
const maxNotes = 20

/** `/<channel>/<board>/{current,<version>}/version.txt`. */
export async function answerVersionFile(
  page: PageContext,
  name: string,
  board: string,
  version: string,
): Promise<Response> {
  const channel = await appChannel(page, name)
  if (channel instanceof Response) return channel
  const { c, status } = page
  if (version === 'current' && status.problem) return refuse(c, 'catalog-unavailable', status.problem.reason)
  const current = channel.boards.find((one) => one.board === board)
  if (version === 'current' && current && !current.offered)
    return refuse(c, 'not-found', `nothing is offered to ${board} now: ${current.withheld?.reason}`)
  const release =
    version === 'current'
      ? current?.offered?.release
      : channel.releases.find(({ release: one }) => one.version === version && Object.hasOwn(one.boards, board))
          ?.release
  if (release === undefined) return refuse(c, 'not-found', 'there is no such release for that board here')
  return send(c, {
    type: 'text/plain; charset=utf-8',
    text: versionFile(release),
    changedAt: changeOf(channel, status),
  })
}

/** Scripts read it with `grep FLATCAR_VERSION= | cut -d= -f2`. */
export function versionFile({ version, publishedAt, components = {} }: Release): string {
  const [build = '0', branch = '0', patch = '0'] = parseVersion(version)?.parts ?? []
  const lines = [
    `FLATCAR_BUILD=${build}`,
    `FLATCAR_BRANCH=${branch}`,
    `FLATCAR_PATCH=${patch}`,
    `FLATCAR_VERSION=${version}`,
    `FLATCAR_VERSION_ID=${version}`,
    `FLATCAR_BUILD_ID="${publishedAt.slice(0, 16).replace('T', '-').replace(':', '')}"`,
    ...(Object.hasOwn(components, 'sdk') ? [`FLATCAR_SDK_VERSION=${components.sdk}`] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** `/releases-json/releases-<channel>.json`: one object by version, and `current`. */
export async function answerReleasesJson(page: PageContext, name: string): Promise<Response> {
  const channel = await appChannel(page, name)
  if (channel instanceof Response) return channel
  const { c, status, serving, service } = page
  const entries = await Promise.all(
    channel.releases.map(async (listed, i) => {
      const { notes, version } = listed.release
      const inside = notes && i < maxNotes ? await readNotes(service, notes) : undefined
      const words = inside ?? (notes ? `${serving.publicUrl}/${notesKey(notes.sha256)}` : '')
      return [version, entryOf(channel.channel, listed, words)] as const
    }),
  )
  const known = Object.fromEntries(entries)
  const current = channel.boards.find(({ offered }) => offered)?.offered?.release.version
  const body = { ...known, ...(current !== undefined && { current: known[current] }) }
  return send(c, {
    type: 'application/json; charset=utf-8',
    text: JSON.stringify(body),
    changedAt: changeOf(channel, status),
  })
}

const entryOf = (channel: string, { release, offeredFrom }: ListedRelease, notes: string): object => ({
  channel,
  architectures: Object.keys(release.boards).map((board) => board.replace(/-usr$/, '')),
  release_date: timeText(offeredFrom).replace('UTC', '+0000'),
  major_software: Object.fromEntries(
    Object.entries(release.components ?? {}).map(([name, version]) => [name, [version]]),
  ),
  release_notes: notes,
})

async function appChannel(page: PageContext, channel: string): Promise<ChannelStatus | Response> {
  const { c, status, service, serving } = page
  if (serving.app === undefined) return refuse(c, 'not-found', 'no app has such files here: set PLATTE_APP')
  const found = await readChannelStatus(service, status, { app: serving.app, channel })
  return 'problem' in found ? refuseChannel(c, found) : found
}
