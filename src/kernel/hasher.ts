/** The digests of a package, in lower-case hex. */
export interface Digests {
  readonly sha256: string
  readonly sha1: string
}

/** Incremental SHA-256 and SHA-1 of one stream of bytes. Used once. */
export interface Hasher {
  /** Takes the next bytes; the caller may reuse the buffer when it returns (or resolves). */
  update(bytes: Uint8Array): void | Promise<void>
  digest(): Promise<Digests>
}

export type NewHasher = () => Hasher
