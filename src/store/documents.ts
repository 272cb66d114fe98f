/** An opaque mark of one stored state of one document, made by `get` and taken by `swap` of the same store. */
export type Token = string

/** What remembers the state that it was made of. */
export interface Marked {
  readonly token: Token
}

export interface StoredDocument extends Marked {
  readonly bytes: Uint8Array
}

/**
 * Small objects under keys of `documents/paths.ts`: signed documents, notes, locks.
 *
 * Consistency: after a write was answered, every later `get` by anybody sees it or a newer one. Writers may race from
 * any number of processes; of racing creates of one key exactly one is `created` (or they are all `same`), and of racing
 * swaps with one token exactly one is `ok`. A reader never sees half a document.
 *
 * Unknown after a throw: a write that throws 'store-unavailable' may or may not have landed. Adapters therefore read
 * back after every ambiguous answer and throw only where that fails too; callers re-read and decide by content.
 *
 * All methods throw PlatteError: 'store-unavailable' (no answer, a failure, a full disk), 'forbidden' (naming the
 * permission), 'bad-request' (a key that `documents/paths.ts` would not build, or that leaves the store's root).
 */
export interface Documents {
  /**
   * @param maxBytes the most that is read, in bytes; the cap holds while reading, whatever length was announced.
   * @param known what was made of an earlier state: it is returned itself as long as the document is in that state,
   *   and stores that can tell then send no bytes.
   * @returns `undefined` only where the store says that there is no such key.
   * @throws PlatteError('too-large') beyond `maxBytes`.
   */
  get<Known extends Marked = never>(
    key: string,
    maxBytes: number,
    known?: Known,
  ): Promise<StoredDocument | NoInfer<Known> | undefined>
  /**
   * Writes a document that is not there yet. `created`: these bytes are stored now, by us. `same`: equal bytes were
   * there already. `taken`: other bytes are there, and stay.
   */
  create(key: string, bytes: Uint8Array): Promise<'created' | 'same' | 'taken'>
  /**
   * Replaces the state that `token` marks. `conflict`: the document is another one by now, or is not there; nothing
   * was written. Equal bytes found after an ambiguous answer are `ok`.
   */
  swap(key: string, bytes: Uint8Array, token: Token): Promise<'ok' | 'conflict'>
  /** All keys that start with `prefix`, in byte order. Not every store lists. */
  list?(prefix: string): AsyncIterable<string>
  /**
   * The names of the folders directly in `folder` that hold keys, in any order, without "/"; their keys are not read.
   * @param folder ends in "/". Every store that lists does this too.
   */
  folders?(folder: string): AsyncIterable<string>
}
