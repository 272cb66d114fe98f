/** The overlay of a mirror: unsigned configuration of its operator. */
import * as v from 'valibot'
import { PlatteError } from '../kernel/errors.ts'
import type { Overlay } from '../release/view.ts'
import { hold } from './catalog.ts'
import * as field from './fields.ts'

const board = v.union([v.literal('*'), field.boardName], 'must be a board, or * for every board')
const length = v.pipe(v.string(), v.transform(field.longDuration), field.duration, v.transform(field.durationMs))

const holdList = v.array(v.omit(hold, ['at']))

const wholly = v.pipe(
  field.reason,
  v.transform((reason): Record<string, string> => ({ '*': reason })),
)

/** As in a file of channels: a reason, or reasons by board; `*` is every board. */
const holdsByVersion = v.pipe(
  field.record(
    field.publishedVersion,
    v.lazy((input) => (typeof input === 'string' ? wholly : field.record(board, field.reason))),
  ),
  v.transform((table) =>
    Object.entries(table).flatMap(([version, of]) =>
      Object.entries(of).map(([name, reason]) => ({ version, ...(name !== '*' && { board: name }), reason })),
    ),
  ),
)

const restriction = v.pipe(
  v.strictObject({
    holds: v.exactOptional(v.lazy((input) => (Array.isArray(input) ? holdList : holdsByVersion))),
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
