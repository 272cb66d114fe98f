/** What `/openapi.json` says of the fleet. Each page is JSON for a client that does not accept HTML. */
import * as v from 'valibot'
import { type Described, type Operation, type Parameter, text } from '../checks/described.ts'
import * as field from '../documents/fields.ts'
import { states } from '../fleet/machine.ts'
import { needed, sessionPaths, viewing } from '../private-pages/openapi.ts'
import { iconPath } from '../site/pages/style.ts'
import { silents, sortNames } from './machines.ts'
import { stylePath } from './style.ts'

const state = v.picklist(states)
const at = { at: field.instant }
const machines = field.count
const counts = v.record(v.string(), machines)
const numbers = v.array(v.number())

const counted = {
  app: v.string(),
  channel: v.string(),
  machines,
  states: counts,
  versions: v.array(v.strictObject({ version: v.string(), machines })),
  failed: v.array(v.strictObject({ error: v.string(), machines })),
  waiting: v.array(v.strictObject({ reason: v.string(), machines })),
}

const overview = v.strictObject({ ...at, channels: v.array(v.strictObject(counted)), syncers: machines, lines: counts })

const channel = v.strictObject({
  ...at,
  ...counted,
  ...{ silent: machines, cameFrom: counts },
  trend: v.strictObject({
    at: v.array(field.instant),
    versions: v.array(v.strictObject({ version: v.nullable(v.string()), machines: numbers })),
  }),
})

const progress = v.strictObject({
  ...{ app: v.string(), version: v.string(), offered: machines, begun: machines, installed: machines, done: machines },
  ...{ failed: counts, fellBack: machines, medianMs: v.exactOptional(v.number()) },
  success: v.exactOptional(v.strictObject({ share: v.number(), low: v.number(), high: v.number() })),
})

const release = v.strictObject({
  ...at,
  release: v.nullable(progress),
  channels: v.array(
    v.strictObject({
      ...{ app: v.string(), channel: v.string(), machines, at: v.array(field.instant) },
      /** Shares; `null` without a ramp. */
      planned: v.nullable(numbers),
      ...{ offered: numbers, installed: numbers, done: numbers },
    }),
  ),
})

const change = { state, channel: v.string(), version: v.string(), detail: v.string(), target: v.string() }
const machine = {
  ...{ app: v.string(), machine: v.string(), alias: v.string(), board: v.string() },
  ...{ oem: v.string(), oemVersion: v.string(), cameFrom: v.string(), ...change },
  ...{ since: field.instant, first: field.instant, last: field.instant },
}

const list = v.strictObject({
  ...at,
  count: machines,
  /** For `after`. */
  next: v.nullable(v.string()),
  previous: v.nullable(v.string()),
  machines: v.array(v.strictObject(machine)),
})

const found = v.strictObject({
  ...at,
  machines: v.array(v.strictObject({ ...machine, changes: v.array(v.strictObject({ ...at, ...change })) })),
})

const nothing = (name: 'channel' | 'release') => v.strictObject({ ...at, [name]: v.null() })

export const describe = (): Described => ({
  name: 'Fleet',
  about: 'What machines report. JSON, or a page where `Accept` has `text/html`; browsers sign in by a cookie.',
  names: {},
  paths: {
    '/fleet': {
      get: viewOf('readFleet', 'Every channel with its machines', overview, {
        from: parameter('How many channels to skip.'),
      }),
    },
    '/fleet/channel': {
      get: viewOf(
        'readFleetChannel',
        'The machines of a channel',
        channel,
        { ...ref, days },
        { 404: nothing('channel') },
      ),
    },
    '/fleet/release': {
      get: viewOf(
        'readFleetRelease',
        'How far machines came with a release',
        release,
        { app: ref.app, version: needed('The version.', '4593.2.0') },
        { 404: nothing('release') },
      ),
    },
    '/fleet/machines': {
      get: viewOf('listMachines', 'Machines, 50 at a time', list, filters, {
        400: v.strictObject({ ...at, problem: v.string() }),
      }),
    },
    '/fleet/machine': {
      get: viewOf(
        'readMachine',
        'A machine and its changes of state',
        found,
        { id: needed('Its id or alias.', '0123456789abcdef0123456789abcdef') },
        { 404: found },
      ),
    },
    ...sessionPaths('fleet', secured, ['showLogin', 'signIn', 'signOut']),
    [stylePath]: { get: file('readFleetStyle', 'The style sheet of these pages', 'text/css') },
    [iconPath]: { get: file('readFleetIcon', 'Their icon', 'image/svg+xml') },
  },
  schemas: { Fleet: overview, FleetChannel: channel, FleetRelease: release, Machines: list, Machine: found },
  security: {
    fleetToken: { type: 'http', scheme: 'bearer', description: 'The token of PLATTE_FLEET_TOKEN.' },
    fleetSession: { type: 'apiKey', in: 'cookie', name: 'platte-fleet', description: 'Of a browser that signed in.' },
  },
})

const secured = ['fleetToken', 'fleetSession']
const parameter = (about: string): Parameter => ({ about, shape: text })
const ref = {
  app: needed('The Omaha id of the app.', 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'),
  channel: needed('As machines name it.', 'stable'),
}
const days = { about: 'Of the trend; default: 30.', shape: { type: 'string', enum: ['1', '7', '30', '90'] } }

const filters = {
  search: parameter('A part of the id or the alias.'),
  state: { about: 'The state.', shape: { type: 'string', enum: ['', ...states] } },
  detail: parameter('The error of a failure, or the reason of waiting.'),
  target: parameter('The version that it updates to.'),
  ...{ app: parameter('The app.'), channel: parameter('The channel.'), version: parameter('What it runs.') },
  oem: parameter('The OEM.'),
  silent: { about: 'Without a contact for this long.', shape: { type: 'string', enum: ['', ...Object.keys(silents)] } },
  sort: { about: 'The order; default: `id`.', shape: { type: 'string', enum: ['', ...sortNames] } },
  after: parameter('`next` or `previous` of another answer.'),
}

const viewOf = viewing(secured, 'What the projection has now.', 'Nothing was found.', ['bad-request'])

const file = (id: string, summary: string, type: string): Operation => ({
  ...{ id, summary },
  answers: { 200: { about: 'It never changes.', content: { [type]: text } } },
})
