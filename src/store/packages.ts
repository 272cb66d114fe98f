/** Bytes `start` to `end`, both counted from 0 and both included, as in HTTP. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** An open package. The caller reads the body to its end or cancels it. */
export interface OpenPackage {
  /** Bytes of the whole package, even if a range was requested. */
  readonly size: number
  readonly body: ReadableStream<Uint8Array>
  /** Whether several connections brought the body, which may then be of different bytes. */
  readonly isPieced?: () => boolean
}

/** Expected size and digests of a package. */
export interface ExpectedPackage {
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex; compared only if known. */
  readonly sha1?: string
}

/** Stored bytes without a key yet. End with `keep` or `discard`; a crash leaves garbage that is never served. */
export interface StagedPackage extends ExpectedPackage {
  readonly sha1: string
  /** Moves the bytes to `key`. `same`: they were already there. */
  keep(key: string): Promise<'stored' | 'same'>
  discard(): Promise<void>
}

/**
 * Large immutable objects under keys of `documents/paths.ts`. A key contains `packageSetDigest` of its packages, so one key
 * never has two contents, and every write may be repeated.
 *
 * A package is stored whole or not at all. Throws as Documents does, and 'mismatch' for unexpected bytes.
 */
export interface Packages {
  /**
   * @param range must lie within the package.
   * @returns `undefined` only if the store says that the key does not exist.
   */
  open(key: string, range?: ByteRange): Promise<OpenPackage | undefined>
  /** Streams a package in and checks size and digests. `same`: one of that size exists; the body is cancelled. */
  put(key: string, body: ReadableStream<Uint8Array>, expected: ExpectedPackage): Promise<'stored' | 'same'>
  /** Copies and hashes in one pass, for stores that can hold bytes without a key. */
  stage?(body: ReadableStream<Uint8Array>): Promise<StagedPackage>
  /** @returns size in bytes; `undefined` if there is no such package. */
  stat(key: string): Promise<{ readonly size: number } | undefined>
  /** Removes a package; a missing one is no error. */
  remove(key: string): Promise<void>
  /** All keys that start with `prefix`, in byte order. Not every store lists. */
  list?(prefix: string): AsyncIterable<string>
}
