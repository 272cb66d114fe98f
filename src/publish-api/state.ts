import type { Asked } from './http-publish.ts'
import type { IssuerKeys } from './issuer-keys.ts'

/** What the publish function remembers between requests: plain data. */
export interface PublishState {
  readonly remembered: IssuerKeys
  readonly request: Asked
}

export const newPublishState = (): PublishState => ({
  remembered: new Map(),
  request: { at: Number.NEGATIVE_INFINITY },
})
