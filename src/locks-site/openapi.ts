/** What `/openapi.json` says of the page of reboot locks. Each page is JSON for a client that does not accept HTML. */
import * as v from 'valibot'
import { type Answer, type Described, json, type Operation, type Parameter, page, text } from '../checks/described.ts'
import * as field from '../documents/fields.ts'
import { stylePath } from './style.ts'

const at = { at: field.instant }
const veto = v.nullable(v.strictObject({ kind: v.string(), reason: v.string() }))
const count = field.count

const overview = v.strictObject({
  ...{ ...at, count },
  groups: v.array(
    v.strictObject({
      ...{ group: v.string(), max: count, available: v.number(), holders: count, soaking: count, waiting: count },
      ...{ oldest: v.nullable(field.instant), veto },
    }),
  ),
  ...{ damaged: v.array(v.string()), elsewhere: count },
})

const waiter = v.strictObject({
  ...{ id: v.string(), isAddress: v.exactOptional(v.literal(true)), via: v.string(), reason: v.string() },
  ...{ first: field.instant, last: field.instant, words: v.exactOptional(v.string()) },
})

const group = v.strictObject({
  ...{ ...at, group: v.string(), max: count, available: v.number(), oldest: v.nullable(field.instant), veto },
  holders: v.array(v.looseObject({ id: v.string(), via: v.string(), since: field.instant, overdue: v.boolean() })),
  ...{ soaking: v.array(v.string()), waiting: v.array(waiter), silent: v.array(waiter) },
  history: v.array(v.looseObject({ ...at, what: v.string() })),
})

const nothing = v.strictObject({ ...at, group: v.null() })
const slot = { group: v.string(), id: v.string(), since: v.string() }
const changed = v.strictObject({ ...at, freed: v.literal(false), problem: v.string() })

export const describe = (): Described => ({
  name: 'Locks',
  about: 'Who holds a slot of reboot locks, who waits and why. JSON, or a page where `Accept` has `text/html`.',
  names: {},
  paths: {
    '/locks': {
      get: viewOf('readLocks', 'Every group that the token may see', overview, {
        from: { about: 'How many groups to skip.', shape: text },
      }),
    },
    '/locks/group': { get: viewOf('readLockGroup', 'A group', group, { group: named.group }, { 404: nothing }) },
    '/locks/unlock': {
      get: viewOf(
        'askToFreeSlot',
        'The slot that would be freed',
        v.strictObject({ ...at, ...slot, via: v.string() }),
        named,
        {
          ...{ 404: nothing, 409: changed },
        },
      ),
      post: freeSlot,
    },
    '/locks/login': { get: showLogin, post: signIn },
    '/locks/logout': { post: signOut },
    [stylePath]: {
      get: {
        ...{ id: 'readLocksStyle', summary: 'The style sheet of these pages' },
        answers: { 200: { about: 'It never changes.', content: { 'text/css': text } } },
      },
    },
  },
  schemas: { Locks: overview, LockGroup: group },
  security: {
    locksToken: {
      type: 'http',
      scheme: 'bearer',
      description: 'A token of PLATTE_LOCK_TOKENS, or PLATTE_FLEET_TOKEN.',
    },
    locksSession: { type: 'apiKey', in: 'cookie', name: 'platte-locks', description: 'Of a browser that signed in.' },
  },
})

const secured = ['locksToken', 'locksSession']
const needed = (about: string, example: string): Parameter => ({ about, shape: text, isRequired: true, example })
const named = {
  group: needed('The group.', 'workers'),
  id: needed('The machine.', '0123456789abcdef0123456789abcdef'),
  since: needed('Since when it holds the slot, as the group has it.', '2026-11-24T12:00:00.000Z'),
}

const both = (about: string, shape: v.GenericSchema): Answer => ({
  ...json(about, shape),
  content: { ...json(about, shape).content, 'text/html': text },
})
const tooMany: Answer = { ...page('Too many wrong tokens.'), headers: { 'retry-after': 'Seconds.' } }
const toPage: Answer = { about: 'Go on there.', headers: { location: 'The path of the page.' } }

const viewOf = (
  id: string,
  summary: string,
  shape: v.GenericSchema,
  query: NonNullable<Operation['query']>,
  others: Readonly<Record<number, v.GenericSchema>> = {},
): Operation => ({
  ...{ id, summary, query, security: secured },
  answers: {
    200: both('As it is now.', shape),
    ...Object.fromEntries(Object.entries(others).map(([status, one]) => [status, both('It is not there.', one)])),
    401: page('The form to sign in, for browsers.'),
    429: tooMany,
  },
  refuses: ['unauthorized', 'rate-limited', 'answer-unavailable'],
})

const formOf = (required: readonly string[], properties: Readonly<Record<string, object>>) => ({
  content: { 'application/x-www-form-urlencoded': { type: 'object', required, properties } },
})

const freeSlot: Operation = {
  ...{ id: 'freeSlot', summary: 'Frees the slot of a machine, if it still holds that one', security: secured },
  about: 'Needs the right `admin` for the group. It is in the history with the name of the token.',
  body: formOf(Object.keys(slot), { group: text, id: text, since: text }),
  answers: {
    200: json('It is free.', v.strictObject({ ...at, freed: v.literal(true), ...slot })),
    303: toPage,
    401: page('The form to sign in, for browsers.'),
    409: both('The machine does not hold this slot any more.', changed),
    429: tooMany,
  },
  refuses: ['bad-request', 'refused', 'too-large', 'unauthorized', 'rate-limited', 'answer-unavailable'],
}

const showLogin: Operation = { ...{ id: 'showLocksLogin', summary: 'Leads to `/locks`' }, answers: { 303: toPage } }

const signIn: Operation = {
  ...{ id: 'signInToLocks', summary: 'Signs a browser in, by a form of this site' },
  body: formOf(['token'], { token: text, to: { ...text, description: 'Where to go on.' } }),
  answers: { 303: toPage, 401: page('The token is wrong.'), 429: tooMany },
  refuses: ['bad-request', 'refused', 'too-large'],
}

const signOut: Operation = {
  ...{ id: 'signOutOfLocks', summary: 'Signs a browser out', security: secured },
  answers: { 303: toPage },
  refuses: ['refused'],
}
