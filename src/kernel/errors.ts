/**
 * What can go wrong, as one closed union. `errors.ts` knows nothing of HTTP or of exit codes: each edge maps the codes
 * with one exhaustive switch, so a new code breaks the build there.
 */
export type ErrorCode =
  /** What a client or an operator's file said cannot be read. */
  | 'bad-request'
  /** More bytes, members or levels than the limit that the message names. */
  | 'too-large'
  /** A content encoding that no client of ours sends. */
  | 'unsupported-encoding'
  /** A stored document whose payload is not of its schema. */
  | 'bad-document'
  /** An envelope that is malformed, or too few good signatures of the role. */
  | 'bad-signature'
  /** A document past its `expires`, or valid for longer than its role may say. */
  | 'expired'
  /** A document issued in the future. */
  | 'from-the-future'
  /** Older than what was seen before. */
  | 'rollback'
  /** Two documents that both claim one place in history. */
  | 'fork'
  /** Not the bytes, the name or the number that a verified document announced. */
  | 'mismatch'
  /** Something that a verified document names is not in the store. */
  | 'missing'
  /** The store did not answer, or answered with a failure: nothing is known about what it holds. */
  | 'store-unavailable'
  /** The store refuses this identity; the message names the permission. */
  | 'forbidden'
  /** Refused by policy: a lower version, a known version with other bytes, a channel that is not there. */
  | 'refused'
  /** Others kept winning the race for longer than we try. */
  | 'conflict'
  /** A command line that cannot be understood. */
  | 'usage'
  /** Settings that are missing or wrong; the message lists all of them. */
  | 'configuration'
  /** A key that is missing, unreadable or not in the role. */
  | 'credentials'
  /** An identity token that is missing, wrong, or too old. */
  | 'unauthorized'
  /** The keys of an issuer of tokens could not be read. */
  | 'issuer-unavailable'

/** The one error that Platte throws on purpose. Anything else that is thrown is a defect. */
export class PlatteError extends Error {
  override readonly name = 'PlatteError'
  readonly code: ErrorCode
  /** What to do next, in the imperative; for people. */
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.hint = options.hint
  }
}
