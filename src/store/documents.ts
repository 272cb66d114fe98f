/** Opaque: marks one state of one document. Made by `get`, taken by `swap` of the same store. */
export type Token = string

/** Something made of a stored state, with that state's token. */
export interface Marked {
  readonly token: Token
}

export interface StoredDocument extends Marked {
  readonly bytes: Uint8Array
}

/**
 * Small objects under keys of `documents/paths.ts`: signed documents, notes, locks.
 *
 * Consistency: after a write was answered, every later `get` sees it or a newer one. Writers race from any number of
 * processes: of racing creates of one key exactly one is `created` (or all are `same`), of racing swaps with one token
 * exactly one is `ok`. A reader never sees half a document.
 *
 * A write that throws 'store-unavailable' may have landed. Adapters read back after every ambiguous answer and throw only
 * if that fails too; callers re-read and decide by content.
 *
 * All methods throw PlatteError: 'store-unavailable' (no answer, a failure, a full disk), 'forbidden' (naming the
 * permission), 'bad-request' (a key that `documents/paths.ts` would not build).
 */
export interface Documents {
  /**
   * @param maxBytes the cap while reading, whatever length was announced.
   * @param known made of an earlier state: returned itself while the document is in that state, without a transfer where
   *   the store can tell.
   * @returns `undefined` only if the store says that the key does not exist.
   * @throws PlatteError('too-large') beyond `maxBytes`.
   */
  get<Known extends Marked = never>(
    key: string,
    maxBytes: number,
    known?: Known,
  ): Promise<StoredDocument | NoInfer<Known> | undefined>
  /**
   * Writes a new document. `created`: we stored these bytes. `same`: equal bytes were there. `taken`: other bytes are there.
   */
  create(key: string, bytes: Uint8Array): Promise<'created' | 'same' | 'taken'>
  /**
   * Replaces the state that `token` marks. `conflict`: the document changed or does not exist; nothing was written. Equal
   * bytes found after an ambiguous answer are `ok`.
   */
  swap(key: string, bytes: Uint8Array, token: Token): Promise<'ok' | 'conflict'>
  /** All keys that start with `prefix`, in byte order. Not every store lists. */
  list?(prefix: string): AsyncIterable<string>
  /**
   * The names of the folders directly in `folder` that hold keys, in any order, without "/".
   * @param folder ends in "/". Every store that lists does this too.
   */
  folders?(folder: string): AsyncIterable<string>
}

/** Keeps the newest verified catalog across restarts, so that an untrusted upstream cannot show an older one. One per reader. */
export interface HighWaterMark {
  /** @returns `undefined` before the first `keep`. @throws PlatteError('store-unavailable', 'forbidden') */
  load(): Promise<Uint8Array | undefined>
  /** Resolves once the bytes survive a power cut. Throws as `load` does; the mark is then the old or the new one. */
  keep(bytes: Uint8Array): Promise<void>
}
