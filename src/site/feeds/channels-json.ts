/** `/v1/channels` and `/v1/channels/<app>/<channel>`: what the pages show, as JSON. */
import { packageFolder } from '../../documents/paths.ts'
import { refuse } from '../../http/problem.ts'
import { isoText } from '../../kernel/format.ts'
import { boardJson } from '../../release/describe.ts'
import type { PageContext } from '../pages/page-context.ts'
import { type ChannelStatus, listedChannels, readChannelStatus, readListed, type Unreadable } from '../status.ts'
import { refuseChannel, send } from './send.ts'

const json = 'application/json; charset=utf-8'
/** Channels of one answer: a Worker may ask a store 50 times. */
const maxChannels = 20

/** Answers with a page of channels; `next` links to the following page. */
export async function answerChannels({ c, status, service, link }: PageContext): Promise<Response> {
  const refs = listedChannels(status)
  const from = Number(c.req.query('from') ?? 0)
  if (!Number.isSafeInteger(from) || from < 0) return refuse(c, 'bad-request', 'from must be a whole number from 0')
  const channels = await readListed(service, status, refs.slice(from, from + maxChannels))
  const after = from + maxChannels
  const body = {
    ...trustOf(status),
    total: refs.length,
    channels: channels.filter((one) => !('problem' in one && one.problem.reason === 'unknown-channel')).map(summaryOf),
    ...(after < refs.length && { next: link('/v1/channels', { from: String(after) }) }),
  }
  return send(c, { type: json, text: JSON.stringify(body) })
}

export async function answerChannelJson(page: PageContext, app: string, name: string): Promise<Response> {
  const { c, status, service, serving } = page
  const channel = await readChannelStatus(service, status, { app, channel: name })
  if ('problem' in channel) return refuseChannel(c, channel)
  const releases = channel.releases.map(({ release: { boards, ...release }, offeredFrom, boards: states }) => ({
    ...release,
    offeredFrom: isoText(offeredFrom),
    states: Object.fromEntries(states.map(({ board, state }) => [board, state])),
    boards: Object.fromEntries(
      Object.entries(boards).map(([board, { codebases, packages }]) => {
        const own = `${serving.publicUrl}/${packageFolder({ app: channel.app, version: release.version, board }, packages)}`
        return [board, { codebases: codebases.length > 0 ? codebases : [own], packages }]
      }),
    ),
  }))
  const holds = [channel.entry, channel.source?.entry].flatMap((entry) => entry?.holds ?? [])
  const body = { ...trustOf(status), ...summaryOf(channel), holds, releases }
  return send(c, { type: json, text: JSON.stringify(body) })
}

function trustOf({ state, problem }: PageContext['status']) {
  const catalog = state?.catalog
  return {
    status: problem?.reason ?? 'ok',
    ...(catalog && {
      catalog: { issuedAt: catalog.catalog.issuedAt, expires: catalog.catalog.expires, keyIds: catalog.keyIds },
    }),
  }
}

function summaryOf(one: ChannelStatus | Unreadable): object {
  const { app, channel } = one
  if ('problem' in one) return { app, channel, problem: one.problem.reason }
  const { seq, issuedAt, description, aliases, cadence, follow } = one.manifest
  return {
    ...{ app, channel, seq, issuedAt, description, aliases, cadence, follow },
    ...(one.dueAt !== undefined && { dueAt: isoText(one.dueAt) }),
    boards: one.boards.map(boardJson),
  }
}
