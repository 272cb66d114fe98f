/**
 * What updateservicectl reads, `GET /_ah/api/update/v1/…`. Whatever writes is refused with the command to use instead.
 * @see coreos/updateservicectl client/update/v1/update-api.json
 */
import type { Context } from 'hono'
import { answering, type Serving } from '../checks/serving.ts'
import { appKey } from '../checks/update-check.ts'
import { failureOf, kindOf, type refuse } from '../http/problem.ts'
import { requestLog } from '../http/request-id.ts'
import { framesOf, groupsOf } from './groups.ts'
import { channelsOf, type Listed, listChannels, packagesOf } from './lists.ts'

export const prefix = '/_ah/api/update/v1/'
/** Paths of its server that are not below it. */
const otherPaths = ['/admin/v1/init', '/db/backup', '/package-upload']

export const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }

/** As Google's APIs word errors: their clients print the message. */
export const refuseCoreUpdate: typeof refuse = (c, code, message, { hint, headers: more } = {}) => {
  const { status } = kindOf(code)
  const error = { code: status, message: hint === undefined ? message : `${message}: ${hint}` }
  return c.body(JSON.stringify({ error }), status, { ...headers, ...more })
}

interface Asked {
  readonly serving: Serving
  readonly c: Context
  readonly listed: readonly Listed[]
}

type Answer = (asked: Asked, ...names: readonly string[]) => unknown

const items = <T>(list: readonly T[]) => ({ items: list })
const empty: Answer = () => items([])
const ofApp = ({ listed }: Asked, app = ''): readonly Listed[] => listed.filter((one) => one.app === appKey(app))
const nowOf = ({ serving }: Asked): number => serving.reader.clock()

/** Each `*` is one segment. `undefined` as answer: not found. */
const reads: Readonly<Record<string, Answer>> = {
  'public/packages': async (asked) =>
    items(
      [...Map.groupBy(await packagesIn(asked, asked.listed), ({ appId }) => appId)].map(([AppId, packages]) => ({
        AppId,
        packages,
      })),
    ),
  'public/channels': ({ listed }) => items(channelsOf(listed)),
  apps: ({ serving }) => items([...serving.cache.apps.keys()].map(appOf)),
  'apps/*': ({ serving }, app = '') => (serving.cache.apps.has(appKey(app)) ? appOf(appKey(app)) : undefined),
  'apps/*/channels': (asked, app) => items(channelsOf(ofApp(asked, app))),
  'apps/*/groups': (asked, app) => items(groupsOf(ofApp(asked, app), nowOf(asked))),
  'apps/*/groups/*': (asked, app, group) => groupsOf(ofApp(asked, app), nowOf(asked)).find(({ id }) => id === group),
  'apps/*/groups/*/rollout': (asked, app = '', group = '') => {
    const found = listedOf(asked, app, group)
    return found && { appId: found.app, groupId: group, rollout: framesOf(found, nowOf(asked)) }
  },
  'apps/*/groups/*/rollout/active': (asked, app, group) => {
    const found = groupsOf(ofApp(asked, app), nowOf(asked)).find(({ id }) => id === group)
    return found && { appId: found.appId, groupId: found.id, active: found.rolloutActive }
  },
  'apps/*/packages': async (asked, app) => {
    const { version, limit = '', skip = '' } = asked.c.req.query()
    const all = (await packagesIn(asked, ofApp(asked, app))).filter((one) => !version || one.version === version)
    const from = Number(skip) || 0
    return { ...items(all.slice(from, from + (Number(limit) || all.length))), total: all.length }
  },
  // Of machines: `machines.ts` answers them where there is a projection of the fleet.
  'apps/*/groups/*/requests/events/*/*': empty,
  'apps/*/groups/*/requests/versions/*/*': empty,
  appversions: empty,
  clientupdates: empty,
  clientupdatecount: () => ({ count: 0 }),
  'client/history': empty,
  upstream: empty,
}

const packagesIn = ({ serving, c }: Asked, listed: readonly Listed[]) =>
  packagesOf(serving, answering(serving, c), listed)

const appOf = (id: string) => ({ id, label: id, description: '' })

function listedOf(asked: Asked, app: string, group: string): Listed | undefined {
  const found = groupsOf(ofApp(asked, app), nowOf(asked)).find(({ id }) => id === group)
  return ofApp(asked, app).find(({ channel }) => channel === found?.channelId)
}

export const formOf = (route: string): RegExp => RegExp(`^${route.replaceAll('*', '([^/]{1,1200})')}/?$`)
const routes = Object.entries(reads).map(([route, answer]) => ({ form: formOf(route), answer }))

/** @returns `undefined` for a path that CoreUpdate does not have. */
export async function answerCoreUpdate(serving: Serving, c: Context): Promise<Response | undefined> {
  const { path, method } = c.req
  if (!path.startsWith(prefix) && !otherPaths.includes(path)) return undefined
  try {
    return await read(serving, c, path.slice(prefix.length), method)
  } catch (error) {
    const { code, detail, hint } = failureOf(error, requestLog(serving.reader.log, c.req.raw), path)
    return refuseCoreUpdate(c, code, detail, { hint })
  }
}

async function read(serving: Serving, c: Context, path: string, method: string): Promise<Response> {
  const route = routes.find(({ form }) => form.test(path))
  if (route === undefined || (method !== 'GET' && method !== 'HEAD')) {
    const hint = writes.find(([form]) => form.test(c.req.path))?.[1]
    if (hint === undefined && route === undefined) return refuseCoreUpdate(c, 'not-found', 'there is no such list here')
    return refuseCoreUpdate(c, 'method-not-allowed', 'this server only reads', {
      hint: `use ${(hint ?? ['help']).map((name) => `\`platte ${name}\``).join(', ')}`,
      ...(route && { headers: { allow: 'GET, HEAD' } }),
    })
  }
  const names = (route.form.exec(path) ?? []).slice(1).map(decoded)
  // Without an app, only what is public lists channels.
  const app = path.startsWith('public/') ? undefined : appKey(names[0] ?? '')
  const listed = await listChannels(answering(serving, c), app)
  if ('reason' in listed)
    return refuseCoreUpdate(c, 'catalog-unavailable', listed.reason, { hint: 'repeat the command in a moment' })
  const answer = await route.answer({ serving, c, listed }, ...names)
  if (answer === undefined) return refuseCoreUpdate(c, 'not-found', `there is no ${names.join(', ')} here`)
  return c.body(JSON.stringify(answer), 200, headers)
}

/** The command of Platte for what updateservicectl wants to change. */
const writes: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\/groups\/[^/]+\/rollout/, ['ramp']],
  [/\/groups(\/|$)/, ['channel edit', 'hold', 'ramp']],
  [/\/channels(\/|$)/, ['promote', 'channel edit']],
  [/\/packages(\/|$)|package-upload/, ['publish', 'withdraw']],
  [/\/upstream(\/|$)/, ['adopt']],
  [/\/apps(\/|$)/, ['channel create', 'channel delete']],
  [/db\/backup/, ['mirror', 'export']],
  [/admin\/v1\/init/, ['init']],
  [/\/admin\//, ['policy check']],
]

export function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
