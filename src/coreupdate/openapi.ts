/** What `/openapi.json` says of CoreUpdate's lists. */
import * as v from 'valibot'
import { type Described, json, names, type Operation, type Parameter, text } from '../checks/described.ts'
import * as field from '../documents/fields.ts'
import { prefix } from './answer.ts'

const app = v.strictObject({ id: field.appName, label: v.string(), description: v.string() })
const list = (item: v.GenericSchema) => v.strictObject({ items: v.array(item) })

const aPackage = v.strictObject({
  ...{ appId: field.appName, version: v.string(), dateCreated: field.instant, url: v.string() },
  ...{ metadataSignatureRsa: v.string(), metadataSize: v.string(), releaseNotes: v.string() },
  ...{ required: v.boolean(), sha1Sum: v.string(), sha256Sum: v.string(), size: v.string() },
})
const publicPackages = list(v.strictObject({ AppId: field.appName, packages: v.array(aPackage) }))
const packages = v.strictObject({ items: v.array(aPackage), total: field.count })

const channels = list(
  v.strictObject({
    ...{ appId: field.appName, label: field.channelName, version: v.string(), dateCreated: field.instant },
    ...{ publish: v.boolean(), upstream: v.string() },
  }),
)

const group = v.strictObject({
  ...{ appId: field.appName, channelId: field.channelName, id: v.string(), label: v.string() },
  ...{ oemBlacklist: v.string(), rolloutActive: v.boolean(), updatePercent: v.number(), updatesPaused: v.boolean() },
})
const groupOf = { appId: field.appName, groupId: v.string() }
const rollout = v.strictObject({
  ...groupOf,
  rollout: v.array(v.strictObject({ duration: v.string(), percent: v.number() })),
})
const active = v.strictObject({ ...groupOf, active: v.boolean() })

const points = v.array(v.strictObject({ timestamp: v.string(), count: v.string() }))
const events = list(v.strictObject({ version: v.string(), type: v.string(), result: v.string(), values: points }))
const versions = list(v.strictObject({ version: v.string(), values: points }))
const appVersions = list(
  v.strictObject({ appId: v.string(), groupId: v.string(), version: v.string(), count: field.count }),
)
const machines = list(
  v.strictObject({
    ...{ appId: v.string(), clientId: v.string(), groupId: v.string(), version: v.string() },
    ...{ oem: v.string(), lastSeen: field.instant, status: v.string() },
  }),
)
const history = list(
  v.strictObject({
    ...{ dateTime: v.string(), groupId: v.string(), version: v.string() },
    ...{ eventType: v.string(), eventResult: v.string(), errorCode: v.string(), installSource: v.string() },
  }),
)
const upstreams = list(v.strictObject({ id: v.string(), label: v.string(), url: v.string() }))

const googleError = v.strictObject({ error: v.strictObject({ code: v.number(), message: v.string() }) })

const reading = (what: string, shape: v.GenericSchema, query: readonly string[] = []): Operation => ({
  id: `readCoreUpdate${what}`,
  summary: `CoreUpdate’s ${what.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}`,
  ...(query.length > 0 && { query: Object.fromEntries(query.map((name) => [name, filter])) }),
  answers: { 200: json('One board of each app.', shape) },
  dialect: {
    ...json('An error as Google’s APIs word it.', googleError),
    statuses: [400, 401, 404, 405, 429, 500, 503],
  },
})

const filter: Parameter = { about: 'Only these.', shape: text }
const ofMachines = ['appId', 'groupId', 'version', 'oem', 'dateStart', 'dateEnd']

const reads: Readonly<Record<string, Operation>> = {
  'public/packages': reading('PublicPackages', publicPackages),
  'public/channels': reading('PublicChannels', channels),
  apps: reading('Apps', list(app)),
  'apps/{app}': reading('App', app),
  'apps/{app}/channels': reading('Channels', channels),
  'apps/{app}/groups': reading('Groups', list(group)),
  'apps/{app}/groups/{group}': reading('Group', group),
  'apps/{app}/groups/{group}/rollout': reading('Rollout', rollout),
  'apps/{app}/groups/{group}/rollout/active': reading('RolloutActive', active),
  'apps/{app}/groups/{group}/requests/events/{start}/{end}': reading('Events', events, ['resolution', 'versions']),
  'apps/{app}/groups/{group}/requests/versions/{start}/{end}': reading('Versions', versions, [
    'resolution',
    'versions',
  ]),
  'apps/{app}/packages': reading('Packages', packages, ['version', 'limit', 'skip']),
  appversions: reading('AppVersions', appVersions, ofMachines),
  clientupdates: reading('Machines', machines, [...ofMachines, 'clientId', 'limit', 'skip']),
  clientupdatecount: reading('MachineCount', v.strictObject({ count: field.count }), ofMachines),
  'client/history': reading('MachineHistory', history, ['clientId']),
  upstream: reading('Upstreams', upstreams),
}

const seconds = {
  about: 'Seconds since 1970.',
  shape: { type: 'string', pattern: '^\\d{1,12}$' },
  example: '1767225600',
}

export const describe = (): Described => ({
  name: 'CoreUpdate',
  about: 'What updateservicectl 2.1 reads. A group is a channel or one of its aliases. Nothing here writes.',
  names: {
    app: names.app,
    group: { about: 'A channel or an alias.', shape: text, example: 'stable' },
    start: seconds,
    end: seconds,
  },
  paths: Object.fromEntries(Object.entries(reads).map(([path, get]) => [prefix + path, { get }])),
  schemas: { CoreUpdateError: googleError },
})
