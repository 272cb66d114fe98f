/** What `/openapi.json` says of reboot locks, in both protocols. */
import * as v from 'valibot'
import { type Described, json, jsonBody, type Operation, text } from '../checks/described.ts'
import { etcdPrefix } from './http/etcd.ts'
import { fleetLockPaths } from './http/fleet.ts'

const node = v.strictObject({
  key: v.string(),
  /** As Go writes it. */
  value: v.string(),
  modifiedIndex: v.number(),
  createdIndex: v.number(),
})

const etcdAnswer = v.strictObject({
  action: v.picklist(['get', 'create', 'compareAndSwap']),
  node,
  prevNode: v.exactOptional(node),
})

const etcdError = v.strictObject({
  errorCode: v.picklist([100, 101, 105, 110, 203, 209, 300]),
  message: v.string(),
  cause: v.string(),
  index: v.number(),
})

/** Later versions of the protocol may add members. */
const fleetLockRequest = v.looseObject({
  client_params: v.looseObject({
    id: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
    group: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)),
  }),
})

const fleetLockError = v.strictObject({ kind: v.string(), value: v.string() })

/** Clients that can send a token in no other way have it in the path. */
const tokenPath = '/lock/{token}'

export const describe = (): Described => ({
  name: 'Reboot locks',
  about: 'How many machines of a group may reboot at once: locksmith’s part of etcd’s API, and FleetLock.',
  names: {
    group: {
      about: 'The name of a group.',
      shape: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
      example: 'workers',
    },
    token: { about: 'A token of PLATTE_LOCK_TOKENS.', shape: text, example: 'a-token-of-a-fleet' },
  },
  paths: Object.fromEntries(
    ['', tokenPath].flatMap((prefix) => [
      ...Object.entries(etcdPaths(prefix)).map(([path, methods]) => [prefix + path, methods] as const),
      ...fleetLockPaths.map((path) => [prefix + path, { post: fleetLockOf(path, prefix) }] as const),
    ]),
  ),
  schemas: {
    ...{ EtcdNode: node, EtcdAnswer: etcdAnswer, EtcdError: etcdError },
    ...{ FleetLockRequest: fleetLockRequest, FleetLockError: fleetLockError },
  },
  security: { lockToken: { type: 'http', scheme: 'basic', description: 'A token of PLATTE_LOCK_TOKENS as password.' } },
})

const named = (id: string, prefix: string): string => (prefix === '' ? id : `${id}ByToken`)
/** Without tokens, every machine that reaches the server may lock. */
const securityOf = (prefix: string) => (prefix === '' ? { security: ['lockToken', 'none'] } : {})

function etcdPaths(prefix: string): Described['paths'] {
  const key = `${etcdPrefix}/coreos.com/updateengine/rebootlock`
  const of = (suffix: string) => ({
    get: readOf(named(`readSemaphore${suffix}`, prefix), prefix),
    put: writeOf(named(`writeSemaphore${suffix}`, prefix), prefix),
  })
  return { [`${key}/semaphore`]: of(''), [`${key}/groups/{group}/semaphore`]: of('OfGroup') }
}

const index = { 'x-etcd-index': 'The same as `modifiedIndex`.' }
const etcdErrors = { ...json('An error as etcd words it.', etcdError), statuses: [400, 401, 404, 413, 500, 503] }

const readOf = (id: string, prefix: string): Operation => ({
  ...{ id, summary: 'Reads the semaphore of a group', ...securityOf(prefix) },
  answers: { 200: json('Its state.', etcdAnswer, index) },
  dialect: etcdErrors,
})

const form = {
  type: 'object',
  required: ['value'],
  additionalProperties: false,
  properties: { value: { type: 'string', examples: ['{"semaphore":1,"max":1,"holders":null}'] } },
}

const writeOf = (id: string, prefix: string): Operation => ({
  ...{ id, summary: 'Creates or replaces the semaphore of a group', ...securityOf(prefix) },
  about:
    'With either `prevExist=false` or `prevIndex`. Only what a client derives from what it read: a holder more or less, or another `max`.',
  query: {
    prevExist: { about: '`false`: creates the group.', shape: { type: 'string', enum: ['false'] } },
    prevIndex: { about: 'The `modifiedIndex` that was read.', shape: { type: 'string', pattern: '^\\d{1,20}$' } },
  },
  body: { content: { 'application/x-www-form-urlencoded': form } },
  answers: {
    200: json('It was replaced.', etcdAnswer, index),
    201: json('It was created.', etcdAnswer, index),
    412: json('Another client was first, or the group is closed.', etcdError, index),
  },
  dialect: etcdErrors,
})

const fleetLockOf = (path: string, prefix: string): Operation => ({
  id: named(path.endsWith('pre-reboot') ? 'lockReboot' : 'unlockReboot', prefix),
  summary: path.endsWith('pre-reboot') ? 'Takes a slot before a reboot' : 'Gives the slot back after a reboot',
  ...securityOf(prefix),
  headers: {
    'fleet-lock-protocol': { about: 'Always `true`.', shape: { type: 'string', enum: ['true'] }, isRequired: true },
  },
  body: jsonBody(fleetLockRequest, 'The media type does not matter.'),
  answers: {
    200: { about: 'Done.' },
    ...(path.endsWith('pre-reboot') && { 423: json('No slot is free, or the group is closed.', fleetLockError) }),
  },
  dialect: {
    ...json('An error that Zincati counts by its `kind`.', fleetLockError),
    statuses: [400, 401, 404, 413, 500, 503],
  },
})
