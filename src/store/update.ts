/**
 * The one compare-and-swap loop. It stands beside the port that it needs, since the kernel knows no store.
 *
 * Three writers do not use it, because a lost race must not be tried again: `publishRoot` and `initStore` (the signatures
 * are for that version only), and the high-water mark (a file that one process writes).
 */
import { PlatteError } from '../kernel/errors.ts'
import type { Random } from '../kernel/random.ts'
import type { Documents, Token } from './documents.ts'

/** Of 40 racing writers the last one loses 39 times. All pauses together take some 7 seconds. */
export const maxAttempts = 60
const [firstPauseMs, maxPauseMs] = [10, 250]

/** The outcome of an edit. Without `write` nothing is written, and `result` is final. */
export interface Edited<Result> {
  readonly result: Result
  /** The token of the state that is replaced; `undefined`: there is no such document yet. */
  readonly write?: { readonly key: string; readonly bytes: Uint8Array; readonly token: Token | undefined } | undefined
}

/**
 * Reads, changes and writes until the write wins its race.
 * @param what is written, for the error.
 * @param edit reads the newest state and says what to write over it. It is called again after each lost race;
 *   `undefined` means that what it read is stale already.
 * @param options.recognisesItself whether the edit recognises its own earlier write (by a nonce). Then a write whose answer
 *   was lost is looked for, where it would be thrown as 'store-unavailable' otherwise.
 * @throws PlatteError('conflict') where every race was lost; whatever `edit` throws; as `Documents` does.
 */
export async function update<Result>(
  { documents, random }: { readonly documents: Documents; readonly random: Random },
  what: string,
  edit: () => Promise<Edited<Result> | undefined>,
  options: { readonly recognisesItself?: boolean } = {},
): Promise<Result> {
  let isWritten = false
  let doubt: unknown
  for (let losses = 0; losses < maxAttempts; losses++) {
    if (losses > 0) await pause(random, losses)
    try {
      const edited = await edit()
      if (edited !== undefined) {
        if (edited.write === undefined) return edited.result
        isWritten = true
        const { key, bytes, token } = edited.write
        // Equal bytes under a new key are a win, too.
        if (token === undefined && (await documents.create(key, bytes)) !== 'taken') return edited.result
        if (token !== undefined && (await documents.swap(key, bytes, token)) === 'ok') return edited.result
      }
      doubt = undefined
    } catch (error) {
      const isInDoubt = isWritten && error instanceof PlatteError && error.code === 'store-unavailable'
      if (!options.recognisesItself || !isInDoubt) throw error
      doubt = error
    }
  }
  const lost = `${what}: lost ${maxAttempts} races against concurrent changes`
  throw doubt ?? new PlatteError('conflict', lost, { hint: 'run it again' })
}

/** A random time, so that writers do not collide again, and longer after each loss. */
function pause(random: Random, losses: number): Promise<void> {
  const mostMs = Math.min(firstPauseMs * 2 ** losses, maxPauseMs)
  return new Promise((resolve) => setTimeout(resolve, random() * mostMs))
}
