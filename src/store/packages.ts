/** Bytes `start` to `end`, both counted from 0 and both included, as in HTTP. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** An open package. Who opens it reads the body to its end or cancels it. */
export interface OpenPackage {
  /** Bytes of the whole package, also where a range was asked. */
  readonly size: number
  readonly body: ReadableStream<Uint8Array>
}

/** What a package must turn out to be. */
export interface ExpectedPackage {
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** The same; where it is not known, it is not compared. */
  readonly sha1?: string
}

/** Bytes that the store holds before their place is known. Ends with `keep` or `discard`; a crash leaves garbage that is never served. */
export interface StagedPackage extends ExpectedPackage {
  readonly sha1: string
  /** Puts the bytes under `key`. `same`: they were there already. */
  keep(key: string): Promise<'stored' | 'same'>
  discard(): Promise<void>
}

/**
 * Large immutable objects under keys of `documents/paths.ts`. A key holds the set digest of its packages, so one key
 * never has two contents and every write may be repeated.
 *
 * A package is there as a whole or not at all: a stream that fails, is short, is long or has another digest leaves
 * nothing. Throws as Documents does; 'mismatch' where the bytes are not the expected ones.
 */
export interface Packages {
  /**
   * @param range must lie within the package.
   * @returns `undefined` only where the store says that there is no such key.
   */
  open(key: string, range?: ByteRange): Promise<OpenPackage | undefined>
  /** Streams a package in, checking size and digests on the way. `same`: one of that size is there already; the body is cancelled. */
  put(key: string, body: ReadableStream<Uint8Array>, expected: ExpectedPackage): Promise<'stored' | 'same'>
  /** Where the store can hold bytes without a name: copies and hashes in one pass. */
  stage?(body: ReadableStream<Uint8Array>): Promise<StagedPackage>
  /** @returns size in bytes, or `undefined` where there is no such package. */
  stat(key: string): Promise<{ readonly size: number } | undefined>
  /** Removes a package; one that is not there is no error. */
  remove(key: string): Promise<void>
  /** All keys that start with `prefix`, in byte order. Not every store lists. */
  list?(prefix: string): AsyncIterable<string>
}
