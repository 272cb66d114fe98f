import type { Asked } from '../http/publish.ts'
import type { IssuerKeys } from '../service/issuer-keys.ts'

/** What the publish function remembers between requests: plain data. */
export interface PublishState {
  readonly remembered: IssuerKeys
  readonly asked: Asked
}

export const newPublishState = (): PublishState => ({ remembered: new Map(), asked: { at: Number.NEGATIVE_INFINITY } })
