/** What `/openapi.json` says of the page of reboot locks. Each page is JSON for a client that does not accept HTML. */
import * as v from 'valibot'
import { type Described, json, type Operation, page, text } from '../checks/described.ts'
import * as field from '../documents/fields.ts'
import { both, formOf, needed, sessionPaths, tooMany, toPage, viewing } from '../private-pages/openapi.ts'
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
    ...sessionPaths('locks', secured, ['showLocksLogin', 'signInToLocks', 'signOutOfLocks']),
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
const named = {
  group: needed('The group.', 'workers'),
  id: needed('The machine.', '0123456789abcdef0123456789abcdef'),
  since: needed('Since when it holds the slot, as the group has it.', '2026-11-24T12:00:00.000Z'),
}

const viewOf = viewing(secured, 'As it is now.', 'It is not there.', [])

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
