/** What `/openapi.json` says of readiness. */
import * as v from 'valibot'
import { type Described, json } from '../checks/described.ts'

export const describe = (): Described => ({
  name: 'Readiness',
  about: 'For what sends requests only to processes that can answer them.',
  names: {},
  paths: {
    '/healthz/ready': {
      get: {
        ...{ id: 'readReadiness', summary: 'Whether this process has verified a catalog since its start' },
        answers: { 200: json('It has.', v.strictObject({ status: v.literal('ready') })) },
        refuses: ['catalog-unavailable'],
      },
    },
  },
})
