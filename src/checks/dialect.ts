/** A form of update checks on the wire: what reads a request, and what writes the answer in the same form. */
import type { Instant } from '../kernel/clock.ts'
import { type Alike, parseAlike } from './omaha/alike.ts'
import type { OmahaAppResponse, OmahaRequest } from './omaha/omaha.ts'
import { renderOmahaResponse } from './omaha/xml.ts'

export interface Dialect {
  readonly contentType: string
  /** @throws PlatteError('bad-request') for what cannot be read; 'too-large' naming the limit. */
  readonly parse: (text: string) => OmahaRequest & { readonly alike?: Alike }
  /** @param apps one for each app of the request, in its order. */
  readonly render: (request: OmahaRequest, apps: readonly OmahaAppResponse[], now: Instant) => string
}

export const xmlDialect: Dialect = {
  contentType: 'text/xml; charset=utf-8',
  parse: parseAlike,
  render: (_, apps) => renderOmahaResponse({ apps }),
}
