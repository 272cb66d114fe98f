/** What `/openapi.json` says of pages that one signs in to. Each page is JSON for a client that does not accept HTML. */
import type { GenericSchema } from 'valibot'
import { type Answer, json, type Operation, type Parameter, page, text } from '../checks/described.ts'

export const needed = (about: string, example: string): Parameter => ({ about, shape: text, isRequired: true, example })

export const both = (about: string, shape: GenericSchema): Answer => ({
  ...json(about, shape),
  content: { ...json(about, shape).content, 'text/html': text },
})

export const tooMany: Answer = { ...page('Too many wrong tokens.'), headers: { 'retry-after': 'Seconds.' } }
export const toPage: Answer = { about: 'Go on there.', headers: { location: 'The path of the page.' } }

export const formOf = (required: readonly string[], properties: Readonly<Record<string, object>>) => ({
  content: { 'application/x-www-form-urlencoded': { type: 'object', required, properties } },
})

/** A page. @param secured the security schemes, @param found what the answer 200 is. */
export const viewing =
  (secured: readonly string[], found: string, missing: string, refuses: NonNullable<Operation['refuses']>) =>
  (
    id: string,
    summary: string,
    shape: GenericSchema,
    query: NonNullable<Operation['query']>,
    others: Readonly<Record<number, GenericSchema>> = {},
  ): Operation => ({
    ...{ id, summary, query, security: secured },
    answers: {
      200: both(found, shape),
      ...Object.fromEntries(Object.entries(others).map(([status, one]) => [status, both(missing, one)])),
      401: page('The form to sign in, for browsers.'),
      429: tooMany,
    },
    refuses: [...refuses, 'unauthorized', 'rate-limited', 'answer-unavailable'],
  })

/** The routes to sign in and out. @param ids of the three operations. */
export const sessionPaths = (
  site: string,
  secured: readonly string[],
  [show, signIn, signOut]: readonly [string, string, string],
): Readonly<Record<string, { readonly get?: Operation; readonly post: Operation }>> => ({
  [`/${site}/login`]: {
    get: { ...{ id: show, summary: `Leads to \`/${site}\`` }, answers: { 303: toPage } },
    post: {
      ...{ id: signIn, summary: 'Signs a browser in, by a form of this site' },
      body: formOf(['token'], { token: text, to: { ...text, description: 'Where to go on.' } }),
      answers: { 303: toPage, 401: page('The token is wrong.'), 429: tooMany },
      refuses: ['bad-request', 'refused', 'too-large'],
    },
  },
  [`/${site}/logout`]: {
    post: {
      ...{ id: signOut, summary: 'Signs a browser out', security: secured },
      answers: { 303: toPage },
      refuses: ['refused'],
    },
  },
})
