/** What every deployment with this room describes. */
import { conditional, type Described, etag, json, unchanged } from '../checks/described.ts'
import { describe } from '../checks/openapi.ts'
import type { Serving } from '../checks/serving.ts'

export const describeAlways = (serving: Serving): readonly Described[] => [describe(serving), self]

const self: Described = {
  name: 'Description',
  about: 'This document.',
  names: {},
  paths: {
    '/openapi.json': {
      get: {
        ...{ id: 'readDescription', summary: 'This document', headers: conditional },
        answers: { 200: json('OpenAPI 3.1.', { type: 'object' }, { etag }), 304: unchanged },
      },
    },
  },
}
