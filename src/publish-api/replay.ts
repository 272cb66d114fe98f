/** An identity token makes one change: a document of its use binds it to the bytes of one request. */
import * as v from 'valibot'
import { encode, type StoreWriter } from '../catalog/read.ts'
import * as field from '../documents/fields.ts'
import { markKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import { isoText } from '../kernel/format.ts'
import { update } from '../store/update.ts'
import type { VerifiedToken } from './oidc.ts'

const maxUseBytes = 64 * 1024

/** `publish/<day>/<id>`, unsigned. */
const schema = v.strictObject({
  format: v.literal(1),
  type: v.literal('mark'),
  /** SHA-256 of the request's path and body. */
  request: field.sha256,
  /** The first use, which also dates repetitions. */
  at: field.instant,
  /** Missing until the work is done. */
  answer: v.exactOptional(v.record(v.string(), v.unknown())),
})

type TokenUse = v.InferOutput<typeof schema>
type Writer = Pick<StoreWriter, 'documents' | 'clock' | 'random'>

export type Answer = NonNullable<TokenUse['answer']>

/**
 * Works once for each token. The same request again gets the same answer; if the first did not finish, it works again with
 * the same date.
 * @param request SHA-256 of the request.
 * @throws PlatteError('conflict') for a token that was used for another request; what `work` throws.
 */
export async function onceFor(
  writer: Writer,
  { id, issuedAtMs }: Pick<VerifiedToken, 'id' | 'issuedAtMs'>,
  { request, work }: { readonly request: string; readonly work: (datedAt: number) => Promise<Answer> },
): Promise<Answer> {
  const { documents, clock } = writer
  const key = markKey(id, issuedAtMs)
  const fresh: TokenUse = { format: 1, type: 'mark', request, at: isoText(clock()) }
  const use = await update(writer, key, async () => {
    const stored = await documents.get(key, maxUseBytes)
    if (stored === undefined) return { result: fresh, write: { key, bytes: encode(fresh), token: undefined } }
    const known = field.decodeIfValid(schema, stored.bytes)
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

/** Leaves out an answer that is too long: a repetition then works again, and finds nothing left to do. */
async function remember(writer: Writer, key: string, use: TokenUse): Promise<void> {
  const bytes = encode(use)
  if (bytes.length > maxUseBytes) return
  await update(writer, key, async () => {
    const stored = await writer.documents.get(key, maxUseBytes)
    const isDone = stored === undefined || field.decodeIfValid(schema, stored.bytes)?.answer !== undefined
    return { result: undefined, write: isDone ? undefined : { key, bytes, token: stored.token } }
  })
}
