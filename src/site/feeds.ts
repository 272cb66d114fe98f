import { notesKey, servedFolder } from '../documents/paths.ts'
import { refuse } from '../http/problem.ts'
import { textDigest } from '../kernel/digest.ts'
import { isoText, timeText } from '../kernel/format.ts'
import { isImage, type Release } from '../release/channel.ts'
import { boardJson } from '../release/describe.ts'
import { parseVersion } from '../release/version.ts'
import { maxAgeSeconds, type PageContext } from './pages/page.ts'
import type { ChannelStatus, Found } from './status.ts'
import {
  changeOf,
  isUnknown,
  listedChannels,
  readChannelStatus,
  readDetails,
  readListed,
  readListedDetails,
  readNotes,
} from './status.ts'

/**
 * Answers 304 by time where the request has no tag (RFC 9110, 13.2.2). `answer.ts` compares tags.
 * @param channel whose last change is known; absent where every moment may change the text.
 */
export function send({ c, status }: PageContext, type: string, text: string, channel?: ChannelStatus): Response {
  const changedAt = channel && changeOf(channel, status)
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': `public, max-age=${maxAgeSeconds}, no-transform`,
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    etag: `"${textDigest(text)}"`,
    ...(changedAt !== undefined && { 'last-modified': new Date(changedAt).toUTCString() }),
  }
  const since = Date.parse(c.req.header('if-modified-since') ?? '')
  const isTagged = c.req.header('if-none-match') !== undefined
  // HTTP's dates have whole seconds.
  const isKnown = !isTagged && changedAt !== undefined && Math.floor(changedAt / 1000) * 1000 <= since
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(text, { headers })
}

type Answer = (channel: ChannelStatus) => Response | Promise<Response>

/** Refuses a channel that does not exist, or cannot be read now. */
export async function withChannel(page: PageContext, app: string, channel: string, answer: Answer): Promise<Response> {
  const found = await readChannelStatus(page, { app, channel })
  if (!('problem' in found)) return answer(found)
  return isUnknown(found)
    ? refuse(page.c, 'not-found', 'there is no such channel here')
    : refuse(page.c, 'catalog-unavailable', found.problem.reason)
}

export const architecture = (board: string): string => board.replace(/-usr$/, '')

/** Channels of one answer: a Worker may ask a store 50 times. */
const maxChannels = 20

/** `/v1/channels`: a page of channels; `next` links to the following page. */
export async function answerChannels(page: PageContext): Promise<Response> {
  const { c, status, link } = page
  const refs = listedChannels(status)
  const from = Number(c.req.query('from') ?? 0)
  if (!Number.isSafeInteger(from) || from < 0) return refuse(c, 'bad-request', 'from must be a whole number from 0')
  const channels = await readListed(page, refs.slice(from, from + maxChannels))
  const after = from + maxChannels
  const body = {
    ...trustJson(status),
    total: refs.length,
    channels: channels.filter((one) => !isUnknown(one)).map(summaryJson),
    ...(after < refs.length && { next: link('/v1/channels', { from: String(after) }) }),
  }
  return send(page, 'application/json', JSON.stringify(body))
}

/** Releases of a channel whose details one answer reads; others name their document. */
const maxDetailed = 20

const firstDetailed = async ({ service }: PageContext, { app, releases }: ChannelStatus) => [
  ...(await readListedDetails(service, app, releases.slice(0, maxDetailed))),
  ...releases.slice(maxDetailed),
]

/** `/v1/channels/<app>/<channel>`. */
export const answerChannelJson = (page: PageContext, app: string, name: string): Promise<Response> =>
  withChannel(page, app, name, async (channel) => {
    const all = await firstDetailed(page, channel)
    const releases = all.map(({ release: { boards, ...release }, offeredFrom, boards: states }) => ({
      ...release,
      offeredFrom: isoText(offeredFrom),
      states: Object.fromEntries(states.map(({ board, state }) => [board, state])),
      boards: Object.fromEntries(
        Object.entries(boards).map(([board, of]) => {
          const folder = servedFolder({ app: channel.app, version: release.version, board }, of)
          const own = folder === undefined ? [] : [`${page.serving.publicUrl}/${folder}`]
          if (typeof of === 'string') return [board, { codebases: own }]
          if (isImage(of)) return [board, of]
          return [board, { codebases: folder === undefined ? of.codebases : own, packages: of.packages }]
        }),
      ),
    }))
    const holds = [channel.entry, channel.source?.entry].flatMap((entry) => entry?.holds ?? [])
    return send(
      page,
      'application/json',
      JSON.stringify({ ...trustJson(page.status), ...summaryJson(channel), holds, releases }),
    )
  })

function trustJson({ state, problem }: PageContext['status']) {
  const { catalog, keyIds } = state?.catalog ?? {}
  const { issuedAt, expires } = catalog ?? {}
  return { status: problem?.reason ?? 'ok', ...(catalog && { catalog: { issuedAt, expires, keyIds } }) }
}

function summaryJson(one: Found): object {
  const { app, channel } = one
  if ('problem' in one) return { app, channel, problem: one.problem.reason }
  const { seq, issuedAt, description, aliases, cadence, follow, payloadKeys, guard } = one.manifest
  return {
    ...{ app, channel, seq, issuedAt, description, aliases, cadence, follow, guard },
    ...(one.dueAt !== undefined && { dueAt: isoText(one.dueAt) }),
    ...(payloadKeys && { payloadKeys: payloadKeys.map(({ sha256 }) => sha256) }),
    boards: one.boards.map((board) => boardJson(board, one.detailed)),
  }
}

/** Flatcar's paths name no app. */
const withOwnChannel = async (page: PageContext, name: string, answer: Answer): Promise<Response> =>
  page.serving.app === undefined
    ? refuse(page.c, 'not-found', 'no app has such files here: set PLATTE_APP')
    : withChannel(page, page.serving.app, name, answer)

/** `/<channel>/<board>/{current,<version>}/version.txt`. @see protocols: *.release.flatcar-linux.net */
export const answerVersionFile = (page: PageContext, name: string, board: string, version: string): Promise<Response> =>
  withOwnChannel(page, name, async (channel) => {
    const { c, status } = page
    const isCurrent = version === 'current'
    if (isCurrent && status.problem) return refuse(c, 'catalog-unavailable', status.problem.reason)
    const current = channel.boards.find((one) => one.board === board)
    if (isCurrent && current && !current.offered)
      return refuse(c, 'not-found', `nothing is offered to ${board} now: ${current.withheld?.reason}`)
    const known = channel.releases.map(({ release }) => release)
    const release = isCurrent
      ? current?.offered?.release
      : known.find((one) => one.version === version && Object.hasOwn(one.boards, board))
    if (release === undefined) return refuse(c, 'not-found', 'there is no such release for that board here')
    const detailed = await readDetails(page.service, channel.app, [release])
    return send(page, 'text/plain', versionFile(detailed(release)), channel)
  })

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

/** Older releases have a link to their notes. */
const maxNotes = 20

/** `/releases-json/releases-<channel>.json`: one object by version, and `current`. @see protocols: flatcar.org/releases-json */
export const answerReleasesJson = (page: PageContext, name: string): Promise<Response> =>
  withOwnChannel(page, name, async (channel) => {
    const all = await firstDetailed(page, channel)
    const entries = all.map(async ({ release, offeredFrom }, i) => {
      const { version, boards, components = {}, notes } = release
      const inside = notes && i < maxNotes ? await readNotes(page, notes.sha256) : undefined
      const entry = {
        channel: channel.channel,
        architectures: Object.keys(boards).map(architecture),
        release_date: timeText(offeredFrom).replace('UTC', '+0000'),
        major_software: Object.fromEntries(Object.entries(components).map(([name, version]) => [name, [version]])),
        release_notes: inside ?? (notes ? `${page.serving.publicUrl}/${notesKey(notes.sha256)}` : ''),
      }
      return [version, entry] as const
    })
    const known = Object.fromEntries(await Promise.all(entries))
    const current = channel.boards.find(({ offered }) => offered)?.offered?.release.version
    const body = { ...known, ...(current !== undefined && { current: known[current] }) }
    return send(page, 'application/json', JSON.stringify(body), channel)
  })
