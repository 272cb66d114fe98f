/** An identity token makes one change: the mark of its use binds it to the bytes of one request. */

import { encode, instantText, type StoreWriter } from '../catalog/write.ts'
import { markKey } from '../documents/paths.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { VerifiedToken } from './oidc.ts'
import { maxMarkBytes, readMark, type TokenUse } from './token-use.ts'

/** What a request answers. */
export type Answer = NonNullable<TokenUse['answer']>

/**
 * Carries a request out, once for each token: the same request again has the same answer, and where the first did not
 * come to its end, it is carried out again with the same date.
 * @param request SHA-256 of what was asked.
 * @param work is given the date.
 * @throws PlatteError('conflict') where the token was used for another request; what `work` throws.
 */
export async function onceFor(
  { documents, clock }: Pick<StoreWriter, 'documents' | 'clock'>,
  { id, issuedAtMs }: Pick<VerifiedToken, 'id' | 'issuedAtMs'>,
  { request, work }: { readonly request: string; readonly work: (datedAt: number) => Promise<Answer> },
): Promise<Answer> {
  const key = markKey(id, issuedAtMs)
  const fresh: TokenUse = { format: 1, type: 'mark', request, at: instantText(clock()) }
  if ((await documents.create(key, encode(fresh))) !== 'taken') return await carry(fresh)
  const stored = await documents.get(key, maxMarkBytes)
  const mark = stored && readMark(stored.bytes)
  if (mark === undefined || mark.request !== request)
    throw new PlatteError('conflict', 'this identity token was used for another request', {
      hint: 'one token makes one change: ask for a new one for each',
    })
  return mark.answer ?? (await carry(mark))

  async function carry(mark: TokenUse): Promise<Answer> {
    const answer = await work(Date.parse(mark.at))
    const current = await documents.get(key, maxMarkBytes)
    // Without it a repetition is carried out again, and finds that nothing is left to do.
    const told = encode({ ...mark, answer })
    if (current && told.length <= maxMarkBytes) await documents.swap(key, told, current.token)
    return answer
  }
}
