/** The mark that an identity token was used: `publish/<day>/<id>`, unsigned. */
import * as v from 'valibot'
import * as field from '../documents/fields.ts'
import { PlatteError } from '../kernel/errors.ts'

export const maxMarkBytes = 64 * 1024

const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('mark'),
  /** SHA-256 of the request's path and body. */
  request: field.sha256,
  /** When it came first: a repetition is dated so, too. */
  at: field.instant,
  /** What was answered, once it was carried out. */
  answer: v.exactOptional(v.record(v.string(), v.unknown())),
})

export type TokenUse = v.InferOutput<typeof schema>

/** @returns `undefined` for bytes that are no such document. */
export function readMark(bytes: Uint8Array): TokenUse | undefined {
  try {
    return field.check(schema, 'mark', JSON.parse(new TextDecoder().decode(bytes)))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof PlatteError) return undefined
    throw error
  }
}
