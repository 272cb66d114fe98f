/** Answers that are proven to those who ask for it in the URL. Every shell of the checks uses it. */
import { PlatteError } from '../kernel/errors.ts'
import { after, type MaybePromise } from '../kernel/maybe-promise.ts'
import type { CheckAnswer, CheckContext, CheckCore } from './answer.ts'
import type { Dialect } from './dialect.ts'

/** Whether a URL asks for a proof. */
export const asksForProof = (url: string): boolean => url.includes('cup2key=')

/**
 * Answers a check whose URL asks for a proof. An error is never proven. Never throws or rejects.
 * @param request its body; empty for a GET, which `dialect` then reads from `text`.
 */
export function answerProven(
  core: CheckCore,
  request: Uint8Array,
  url: string,
  context: CheckContext,
  { dialect, text = new TextDecoder().decode(request) }: { readonly dialect?: Dialect; readonly text?: string } = {},
): MaybePromise<CheckAnswer> {
  const refuse = (error: unknown) => core.refuse(error, context, text)
  const answer = (): MaybePromise<CheckAnswer> => {
    if (core.prover === undefined) throw new PlatteError('bad-request', 'this server has no CUP keys', { hint })
    return after(core.prover(url, context.background), (prove) =>
      after(dialect ? core.answerIn(dialect, text, context) : core.answer(text, context), (plain) => {
        if (prove === undefined || plain.status !== 200) return plain
        return after(prove(request, plain.body), (proof) => ({
          ...plain,
          headers: { ...plain.headers, ...proof },
        }))
      }),
    )
  }
  try {
    const made = answer()
    return made instanceof Promise ? made.catch(refuse) : made
  } catch (error) {
    return refuse(error)
  }
}

const hint = 'set PLATTE_CUP_KEYS, or leave cup2key out of the URL'
