/** The overlay of a mirror: unsigned configuration of its operator. */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import type { Overlay } from '../release/overlay.ts'
import * as field from './fields.ts'

const restriction = v.strictObject({
  holds: v.exactOptional(
    v.array(
      v.strictObject({
        version: field.publishedVersion,
        board: v.exactOptional(field.boardName),
        reason: field.reason,
      }),
    ),
  ),
  versions: v.exactOptional(v.array(field.publishedVersion)),
  after: v.exactOptional(v.pipe(v.string(), v.transform(field.longDuration), field.duration)),
  over: v.exactOptional(v.pipe(v.string(), v.transform(field.longDuration), field.duration)),
})

/** `*`, a channel, or `app/channel`. */
const ref = v.pipe(
  v.string(),
  v.regex(/^(?:\*|(?:[a-z0-9._-]{1,64}\/)?[a-z0-9._-]{1,64})$/, 'must be a channel, app/channel or *'),
)

const schema = v.strictObject({ channels: field.record(ref, restriction) })

export const maxOverlayBytes = 256 * 1024

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new PlatteError('configuration', 'the overlay: is not JSON', { cause })
  }
}

/** @throws PlatteError('configuration') naming the first field at fault. */
export function parseOverlay(text: string): Overlay {
  const { channels } = field.check(schema, 'the overlay', parseJson(text), 'configuration')
  return Object.fromEntries(
    Object.entries(channels).map(([name, { after, over, ...others }]) => [
      name,
      {
        ...others,
        ...(after && { afterMs: field.durationMs(after) }),
        ...(over && { overMs: field.durationMs(over) }),
      },
    ]),
  )
}
