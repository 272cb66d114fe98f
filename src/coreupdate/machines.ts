/** The machines of CoreUpdate's lists, from the projection of the fleet, for who has its token. */
import type { DatabaseSync } from 'node:sqlite'
import type { Context } from 'hono'
import type { Serving } from '../checks/serving.ts'
import { appKey } from '../checks/update-check.ts'
import { openForReading } from '../fleet/database.ts'
import type { State } from '../fleet/machine.ts'
import { type FleetReader, type MachineFilter, type MachineRow, readFleet } from '../fleet/reader.ts'
import { bearerToken, isSameSecret } from '../http/credentials.ts'
import { isoText } from '../kernel/format.ts'
import { decoded, formOf, headers, prefix, refuseCoreUpdate } from './answer.ts'
import { readEvents } from './events.ts'
import { isSignedWith } from './hawk.ts'

interface Options {
  /** The projection. */
  readonly file: string
  readonly token: string
}

interface Asked {
  readonly fleet: FleetReader
  readonly database: DatabaseSync
  readonly query: Readonly<Record<string, string | undefined>>
}

const items = <T>(list: readonly T[]) => ({ items: list })
const mostMachines = 1000

const reads: Readonly<Record<string, (asked: Asked, ...names: readonly string[]) => unknown>> = {
  appversions: ({ fleet, query }) => {
    const wanted = fleet.tallies().filter((one) => isWanted(query, one))
    const byVersion = Map.groupBy(wanted, ({ app, channel, version }) => JSON.stringify([app, channel, version]))
    return items(
      [...byVersion.values()].flatMap((all) =>
        all.slice(0, 1).map(({ app, channel, version }) => ({
          ...{ appId: app, groupId: channel, version },
          count: all.reduce((total, { machines }) => total + machines, 0),
        })),
      ),
    )
  },
  clientupdates: ({ fleet, query }) => {
    const [limit, offset] = [Number(query.limit) || mostMachines, Number(query.skip) || 0]
    const page = { limit: Math.min(limit, mostMachines), offset, sort: 'last', isDescending: true } as const
    const all = query.clientId ? fleet.machine(idOf(query.clientId)) : fleet.machines(filterOf(query), page)
    return items(all.filter((one) => isSeenWithin(query, one)).map(machineOf))
  },
  clientupdatecount: ({ fleet, query }) => ({ count: fleet.howMany(filterOf(query)) }),
  'client/history': ({ fleet, query }) =>
    items(
      fleet.machine(idOf(query.clientId ?? '')).flatMap(({ channel, changes }) =>
        changes.map(({ at, state, version, detail }) => ({
          ...{ dateTime: String(Math.floor(at / 1000)), groupId: channel, version },
          ...eventOf(state),
          ...{ errorCode: state === 'failed' ? detail : '', installSource: '' },
        })),
      ),
    ),
  'apps/*/groups/*/requests/events/*/*': ({ database, query }, app = '', channel = '', from = '', to = '') => {
    const stepSeconds = Math.max(600, Number(query.resolution) || 600)
    const stretch = { from: Number(from), to: Number(to), stepSeconds }
    const all = readEvents(database, appKey(app), channel, stretch)
    return items(all.filter(({ version }) => isOf(query, version)))
  },
  'apps/*/groups/*/requests/versions/*/*': ({ fleet, query }, app = '', channel = '', from = '', to = '') => {
    const stepHours = Math.max(1, Math.round(Number(query.resolution ?? 3600) / 3600) || 1)
    const [first, last] = [from, to].map((text) => Math.floor(Number(text) / 3600))
    const hours = hoursBetween(first ?? 0, last ?? 0, stepHours)
    return items(
      fleet.trend(hours, [{ app: appKey(app), channel }]).flatMap(({ version, machines }) =>
        !isOf(query, version)
          ? []
          : {
              version,
              values: hours.map((hour, i) => ({ timestamp: String(hour * 3600), count: String(machines[i]) })),
            },
      ),
    )
  },
}

const isOf = ({ versions }: Asked['query'], version: string): boolean =>
  !versions || versions.split(',').includes(version)

/** At most this many points of one curve, the last ones. */
const mostPoints = 1000

function hoursBetween(first: number, last: number, step: number): readonly number[] {
  if (!(last >= first)) return []
  const count = Math.min(mostPoints, Math.floor((last - first) / step) + 1)
  return Array.from({ length: count }, (_, i) => last - (count - 1 - i) * step)
}

const idOf = (text: string): string => text.replace(/^\{(.*)\}$/, '$1')

const filterOf = ({ appId, groupId, version, oem }: Asked['query']): MachineFilter => ({
  ...(appId && { app: appKey(appId) }),
  ...(groupId && { channel: groupId }),
  ...(version && { version }),
  ...(oem && { oem }),
})

const isWanted = (
  query: Asked['query'],
  one: { readonly app: string; readonly channel: string; readonly version: string },
) =>
  [
    [query.appId && appKey(query.appId), one.app],
    [query.groupId, one.channel],
    [query.version, one.version],
  ].every(([wanted, has]) => !wanted || wanted === has)

/** 0 is no bound: updateservicectl sends it where nothing was said. */
const isSeenWithin = ({ dateStart, dateEnd }: Asked['query'], { last }: MachineRow): boolean =>
  last >= (Number(dateStart) || 0) * 1000 && last <= (Number(dateEnd) || Number.POSITIVE_INFINITY) * 1000

const machineOf = ({ app, machine, channel, version, oem, last, state }: MachineRow) => ({
  ...{ appId: app, clientId: machine, groupId: channel, version, oem },
  ...{ lastSeen: isoText(last), status: state },
})

/** The event of Omaha that a state comes from, as CoreUpdate kept them. */
const events: Readonly<Partial<Record<State, readonly [type: string, result: string]>>> = {
  downloading: ['13', '1'],
  downloaded: ['14', '1'],
  installed: ['3', '1'],
  rebooted: ['3', '2'],
  failed: ['3', '0'],
  'fell-back': ['3', '0'],
}
function eventOf(state: State) {
  const [eventType, eventResult] = events[state] ?? ['', '']
  return { eventType, eventResult }
}

const routes = Object.entries(reads).map(([route, read]) => ({ form: formOf(route), read }))

/** @returns `undefined` for a path that is about no machines. */
export async function answerMachines(options: Options, serving: Serving, c: Context): Promise<Response | undefined> {
  const { path, method } = c.req
  const route = path.startsWith(prefix) ? routes.find(({ form }) => form.test(path.slice(prefix.length))) : undefined
  if (route === undefined || (method !== 'GET' && method !== 'HEAD')) return undefined
  if (!(await mayRead(options.token, serving, c)))
    return refuseCoreUpdate(c, 'unauthorized', 'the machines of a fleet are for who has its token: use it as --key', {
      headers: { 'www-authenticate': 'Hawk' },
    })
  const database = openForReading(options.file)
  try {
    const names = (route.form.exec(path.slice(prefix.length)) ?? []).slice(1).map(decoded)
    const asked = { fleet: readFleet(database), database, query: c.req.query() }
    return c.body(JSON.stringify(route.read(asked, ...names)), 200, headers)
  } finally {
    database.close()
  }
}

/** By a bearer token, or by Hawk for the address that the client uses: this process's own, or the public one. */
async function mayRead(token: string, { publicUrl, reader }: Serving, c: Context): Promise<boolean> {
  const { headers: sent, method, url } = c.req.raw
  const bearer = bearerToken(sent)
  if (bearer !== '') return isSameSecret(bearer, token)
  const authorization = sent.get('authorization') ?? ''
  if (!/^Hawk /i.test(authorization)) return false
  const here = new URL(url)
  const there = new URL(`${publicUrl}${here.pathname}${here.search}`)
  const now = reader.clock()
  const judged = [here, there].map((one) => isSignedWith(token, { method, url: one, authorization }, now))
  return (await Promise.all(judged)).includes(true)
}
