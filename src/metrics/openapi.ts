/** What `/openapi.json` says of `/metrics`. */
import { type Described, plain } from '../checks/described.ts'

export const describe = (): Described => ({
  name: 'Metrics',
  about: 'For Prometheus.',
  names: {},
  paths: {
    '/metrics': { get: { id: 'scrape', summary: 'All metrics', answers: { 200: plain('The text format.') } } },
  },
})
