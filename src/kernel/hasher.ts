/** The digests of a package, in lower-case hex. */
export interface Digests {
  readonly sha256: string
  readonly sha1: string
}

/** Incremental digests of one stream of bytes. Used once. */
interface Hashing<T> {
  /** Takes the next bytes; the caller may reuse the buffer when it returns (or resolves). */
  update(bytes: Uint8Array): void | Promise<void>
  digest(): Promise<T>
}

/** SHA-256 and SHA-1. */
export type Hasher = Hashing<Digests>

export interface NewHasher {
  (): Hasher
  /** SHA-256 alone, in lower-case hex. */
  sha256(): Hashing<string>
}
