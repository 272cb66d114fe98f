/**
 * What can go wrong, as one closed union. This file knows nothing of HTTP or of exit codes: each edge maps the codes with
 * one exhaustive table, so a new code breaks the build there.
 */
export const errorCodes = [
  /** A client's request or an operator's file that cannot be read. */
  'bad-request',
  /** More bytes, members or levels than the limit in the message. */
  'too-large',
  /** A content encoding that no supported client sends. */
  'unsupported-encoding',
  /** A stored document whose payload does not match its schema. */
  'bad-document',
  /** An envelope that is malformed, or has too few good signatures of the role. */
  'bad-signature',
  /** A document past its `expires`, or valid for longer than its role allows. */
  'expired',
  /** A document issued in the future. */
  'from-the-future',
  /** Older than what was seen before. */
  'rollback',
  /** Two documents that both claim one place in history. */
  'fork',
  /** Other bytes, another name or another number than a verified document announced. */
  'mismatch',
  /** Named by a verified document, but not in the store. */
  'missing',
  /** The store did not answer, or failed: what it holds is unknown. */
  'store-unavailable',
  /** The store refuses this identity; the message names the permission. */
  'forbidden',
  /** Refused by policy: a lower version, a known version with other bytes, a channel that does not exist. */
  'refused',
  /** Other writers won every attempt. */
  'conflict',
  /** A command line that cannot be understood. */
  'usage',
  /** Settings that are missing or wrong; the message lists all of them. */
  'configuration',
  /** A key that is missing, unreadable or not in the role. */
  'credentials',
  /** An identity token that is missing, wrong, or too old. */
  'unauthorized',
  /** The keys of a token issuer could not be read. */
  'issuer-unavailable',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** The only error that Platte throws on purpose; any other is a defect. */
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

/** The message of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The same with the hint. */
export const problemOf = (error: unknown): string =>
  error instanceof PlatteError && error.hint ? `${error.message}: ${error.hint}` : messageOf(error)
