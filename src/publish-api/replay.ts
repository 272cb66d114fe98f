/** An identity token makes one change: the mark of its use binds it to the bytes of one request. */

import * as v from 'valibot'
import { encode, instantText, type StoreWriter } from '../catalog/write.ts'
import * as field from '../documents/fields.ts'
import { markKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { update } from '../store/update.ts'
import type { VerifiedToken } from './oidc.ts'

const maxMarkBytes = 64 * 1024

const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('mark'),
  /** SHA-256 of the request's path and body. */
  request: field.sha256,
  /** When it came first; a repetition has the same date. */
  at: field.instant,
  /** What was answered, once it was executed. */
  answer: v.exactOptional(v.record(v.string(), v.unknown())),
})

/** The mark that an identity token was used: `publish/<day>/<id>`, unsigned. */
type TokenUse = v.InferOutput<typeof schema>

/** @returns `undefined` for bytes that are no such document. */
function readMark(bytes: Uint8Array): TokenUse | undefined {
  try {
    return field.check(schema, 'mark', JSON.parse(new TextDecoder().decode(bytes)))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof PlatteError) return undefined
    throw error
  }
}

type Writer = Pick<StoreWriter, 'documents' | 'clock' | 'random'>

/** The answer to a request. */
export type Answer = NonNullable<TokenUse['answer']>

/**
 * Carries a request out, once for each token: the same request again has the same answer, and where the first did not
 * come to its end, it is carried out again with the same date.
 * @param request SHA-256 of what was asked.
 * @param work is given the date.
 * @throws PlatteError('conflict') where the token was used for another request; what `work` throws.
 */
export async function onceFor(
  writer: Writer,
  { id, issuedAtMs }: Pick<VerifiedToken, 'id' | 'issuedAtMs'>,
  { request, work }: { readonly request: string; readonly work: (datedAt: number) => Promise<Answer> },
): Promise<Answer> {
  const { documents, clock } = writer
  const key = markKey(id, issuedAtMs)
  const fresh: TokenUse = { format: 1, type: 'mark', request, at: instantText(clock()) }
  const use = await update(writer, key, async () => {
    const stored = await documents.get(key, maxMarkBytes)
    if (stored === undefined) return { result: fresh, write: { key, bytes: encode(fresh), token: undefined } }
    const known = readMark(stored.bytes)
    if (known?.request === request) return { result: known }
    throw new PlatteError('conflict', 'this identity token was used for another request', {
      hint: 'a token allows one change: request a new token for each',
    })
  })
  if (use.answer !== undefined) return use.answer
  const answer = await work(Date.parse(use.at))
  await remember(writer, key, { ...use, answer })
  return answer
}

/** Without it a repetition is executed again and finds nothing left to do, so an answer that is too long is left out. */
async function remember(writer: Writer, key: string, use: TokenUse): Promise<void> {
  const bytes = encode(use)
  if (bytes.length > maxMarkBytes) return
  await update(writer, key, async () => {
    const stored = await writer.documents.get(key, maxMarkBytes)
    const isDone = stored === undefined || readMark(stored.bytes)?.answer !== undefined
    return { result: undefined, write: isDone ? undefined : { key, bytes, token: stored.token } }
  })
}
