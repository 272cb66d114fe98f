/** The overlay of a mirror: unsigned configuration of its operator. */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import type { Overlay } from '../release/view.ts'
import { hold } from './catalog.ts'
import * as field from './fields.ts'

const length = v.pipe(v.string(), v.transform(field.longDuration), field.duration, v.transform(field.durationMs))

const restriction = v.pipe(
  v.strictObject({
    holds: v.exactOptional(v.array(v.omit(hold, ['at']))),
    versions: v.exactOptional(v.array(field.publishedVersion)),
    after: v.exactOptional(length),
    over: v.exactOptional(length),
  }),
  v.transform(({ after, over, ...others }) => ({
    ...others,
    ...(after !== undefined && { afterMs: after }),
    ...(over !== undefined && { overMs: over }),
  })),
)

/** `*`, a channel, or `app/channel`. */
const ref = field.matching(/^(?:\*|(?:[a-z0-9._-]{1,64}\/)?[a-z0-9._-]{1,64})$/, 'must be a channel, app/channel or *')
const schema = v.strictObject({ channels: field.record(ref, restriction) })

export const maxOverlayBytes = 256 * 1024

/** @throws PlatteError('configuration') naming the first wrong field. */
export function parseOverlay(text: string): Overlay {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new PlatteError('configuration', 'the overlay: is not JSON', { cause })
  }
  return field.check(schema, 'the overlay', value, 'configuration').channels
}
