/**
 * The one compare-and-swap loop. It stands beside the port that it needs, since the kernel knows no store.
 *
 * Three writers do not use it, because a lost race must not be tried again: `publishRoot` and `initStore` (the signatures
 * are for that version only), and the high-water mark (a file that one process writes).
 */
import { PlatteError } from '../kernel/errors.ts'
import type { Random } from '../kernel/random.ts'
import { lostRace, maxAttempts, pause } from '../kernel/retry.ts'
import type { Documents, Token } from './documents.ts'

/** What an edit wants written. */
export interface Write {
  readonly key: string
  readonly bytes: Uint8Array
  /** The state that is replaced; `undefined`: there is no such document yet. */
  readonly token: Token | undefined
}

/** The outcome of an edit. Without `write` nothing is written, and `result` is final. */
export interface Edited<Result> {
  readonly result: Result
  readonly write?: Write | undefined
}

export interface UpdateOptions {
  /**
   * Whether the edit recognises its own earlier write (by a nonce). Then a write whose answer was lost is looked for,
   * where it would be thrown as 'store-unavailable' otherwise.
   */
  readonly recognisesItself?: boolean
}

/**
 * Reads, changes and writes until the write wins its race.
 * @param what is written, for the error.
 * @param edit reads the newest state and says what to write over it. It is called again after each lost race;
 *   `undefined` means that what it read is stale already.
 * @throws PlatteError('conflict') where every race was lost; whatever `edit` throws; as `Documents` does.
 */
export async function update<Result>(
  { documents, random }: { readonly documents: Documents; readonly random: Random },
  what: string,
  edit: () => Promise<Edited<Result> | undefined>,
  { recognisesItself = false }: UpdateOptions = {},
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
        if (await put(documents, edited.write)) return edited.result
      }
      doubt = undefined
    } catch (error) {
      if (!(recognisesItself && isWritten && isUnavailable(error))) throw error
      doubt = error
    }
  }
  throw doubt ?? lostRace(what)
}

const isUnavailable = (error: unknown): boolean => error instanceof PlatteError && error.code === 'store-unavailable'

/** @returns whether the write won. Equal bytes under a new key are a win, too. */
async function put(documents: Documents, { key, bytes, token }: Write): Promise<boolean> {
  if (token === undefined) return (await documents.create(key, bytes)) !== 'taken'
  return (await documents.swap(key, bytes, token)) === 'ok'
}
