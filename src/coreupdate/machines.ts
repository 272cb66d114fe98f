/** The machines of CoreUpdate's lists, from the projection of the fleet, for who has its token. */
import type { DatabaseSync } from 'node:sqlite'
import type { Context } from 'hono'
import type { Serving } from '../checks/serving.ts'
import { appKey } from '../checks/update-check.ts'
import { openForReading } from '../fleet/database.ts'
import { disguiseOnce } from '../fleet/ids.ts'
import type { State } from '../fleet/machine.ts'
import { type FleetReader, type MachineFilter, type MachineRow, readFleet } from '../fleet/reader.ts'
import { bearerToken, isSameSecret } from '../http/credentials.ts'
import { isoText } from '../kernel/format.ts'
import { describeError } from '../kernel/log.ts'
import { decoded, formOf, headers, prefix, refuseCoreUpdate } from './answer.ts'
import { readEvents } from './events.ts'
import { isSignedWith } from './hawk.ts'

interface Options {
  /** The projection. */
  readonly file: string
  readonly token: string
  /** Where the projection has keyed hashes of ids. */
  readonly idsKey?: string | undefined
}

interface Asked {
  readonly fleet: FleetReader
  readonly database: DatabaseSync
  readonly query: Readonly<Record<string, string | undefined>>
  /** As the projection has ids. */
  readonly idOf: (id: string) => string
  /** Seconds since 1970. */
  readonly now: number
}

const items = <T>(list: readonly T[]) => ({ items: list })
const mostMachines = 1000

const reads: Readonly<Record<string, (asked: Asked, ...names: readonly string[]) => unknown>> = {
  appversions: ({ fleet, query }) => {
    const wanted = fleet.tallies().filter((one) => isWanted(query, one))
    const byVersion = Map.groupBy(wanted, ({ app, channel, version }) => JSON.stringify([app, channel, version]))
    return items(
      [...byVersion.values()].flatMap((all) =>
        all.slice(0, 1).flatMap(({ app, channel, version }) => {
          const count =
            query.dateStart || query.dateEnd
              ? howMany(fleet, query, { ...filterOf(query), app, channel, version })
              : all.reduce((total, { machines }) => total + machines, 0)
          return count > 0 ? { ...{ appId: app, groupId: channel, version }, count } : []
        }),
      ),
    )
  },
  clientupdates: ({ fleet, query, idOf }) => {
    const [limit, offset] = [Number(query.limit) || mostMachines, Number(query.skip) || 0]
    const page = { limit: Math.min(limit, mostMachines), offset, sort: 'last', isDescending: true } as const
    const all = query.clientId
      ? findMachine(fleet, query.clientId, idOf)
      : fleet.machines({ ...filterOf(query), silentSince: endOf(query) }, page)
    return items(all.filter((one) => isSeenWithin(query, one)).map(machineOf))
  },
  clientupdatecount: ({ fleet, query }) => ({ count: howMany(fleet, query, filterOf(query)) }),
  'client/history': ({ fleet, query, idOf }) =>
    items(
      findMachine(fleet, query.clientId ?? '', idOf).flatMap(({ channel, changes }) =>
        changes.map(({ at, state, version, detail }) => ({
          ...{ dateTime: String(Math.floor(at / 1000)), groupId: channel, version },
          ...eventOf(state),
          ...{ errorCode: state === 'failed' ? detail : '', installSource: '' },
        })),
      ),
    ),
  'apps/*/groups/*/requests/events/*/*': ({ database, query, now }, app = '', channel = '', from = '', to = '') => {
    const stepSeconds = Math.max(600, Number(query.resolution) || 600)
    const stretch = { from: Number(from), to: Number(to) || now, stepSeconds }
    const all = readEvents(database, appKey(app), channel, stretch)
    return items(all.filter(({ version }) => isOf(query, version)))
  },
  'apps/*/groups/*/requests/versions/*/*': ({ fleet, query, now }, app = '', channel = '', from = '', to = '') => {
    const stepHours = Math.max(1, Math.round(Number(query.resolution ?? 3600) / 3600) || 1)
    const [first = 0, last = 0] = [Number(from), Number(to) || now].map((seconds) => Math.floor(seconds / 3600))
    const hours = hoursBetween(first, last, stepHours)
    const found = fleet.trend(hours, [{ app: appKey(app), channel }])
    // Before there was any machine there is nothing to show, however early the start.
    const begin = hours.findIndex((_, i) => found.some(({ machines }) => machines[i]))
    const shown = begin < 0 ? [] : hours.slice(begin)
    return items(
      found.flatMap(({ version, machines }) =>
        !isOf(query, version)
          ? []
          : {
              version,
              values: shown.map((hour, i) => ({ timestamp: String(hour * 3600), count: String(machines[begin + i]) })),
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

/** By the id as it was listed, else without braces. */
function findMachine(fleet: FleetReader, id: string, idOf: Asked['idOf']) {
  const found = fleet.machine(idOf(id))
  return found.length > 0 ? found : fleet.machine(idOf(id.replace(/^\{(.*)\}$/, '$1')))
}

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

/** The bounds of the last contact, ms. 0 is no bound: updateservicectl sends it where nothing was said. */
const startOf = ({ dateStart }: Asked['query']): number => (Number(dateStart) || 0) * 1000
/** The last one is within: the first instant after it. */
const endOf = ({ dateEnd }: Asked['query']): number | undefined =>
  Number(dateEnd) ? Number(dateEnd) * 1000 + 1 : undefined

const isSeenWithin = (query: Asked['query'], { last }: MachineRow): boolean =>
  last >= startOf(query) && last < (endOf(query) ?? Number.POSITIVE_INFINITY)

const howMany = (fleet: FleetReader, query: Asked['query'], filter: MachineFilter): number =>
  fleet.howMany({ ...filter, silentSince: endOf(query) }) -
  (startOf(query) > 0 ? fleet.howMany({ ...filter, silentSince: startOf(query) }) : 0)

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
  const idOf = options.idsKey === undefined ? String : disguiseOnce(options.idsKey)
  let database: DatabaseSync | undefined
  try {
    database = openForReading(options.file)
    const names = (route.form.exec(path.slice(prefix.length)) ?? []).slice(1).map(decoded)
    const now = Math.floor(serving.reader.clock() / 1000)
    const asked = { fleet: readFleet(database), database, query: c.req.query(), idOf, now }
    return c.body(JSON.stringify(route.read(asked, ...names)), 200, headers)
  } catch (error) {
    serving.reader.log({ level: 'error', event: 'coreupdate', ...describeError(error, true) })
    return refuseCoreUpdate(c, 'answer-unavailable', 'the projection of the fleet cannot be read now', {
      hint: 'try again in a minute; the log says why',
    })
  } finally {
    database?.close()
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
