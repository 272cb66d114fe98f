import type { OpenPackage } from './packages.ts'

/** What `begin` of an adapter makes of an upload, at most 2,000 characters; only that adapter reads it. */
export type UploadToken = string

/** One part of an upload, counted from 1. */
export interface Part {
  readonly number: number
  /** Bytes. */
  readonly size: number
}

/**
 * Bytes that come in parts, in any order, from clients that may go away and come back: what is to become a package, and
 * has no name among the packages yet. Nothing here looks at what the bytes are; who reads them does.
 *
 * The parts of one upload have `partBytes` each, the last one the rest. A part is there as a whole or not at all, and
 * sent again it replaces the one before; of two that are sent at once one stays, and parts of equal bytes may be sent by
 * many at once. After `complete` no part is taken. Uploads do not mix.
 *
 * All methods throw PlatteError as Documents does, and each may be repeated after a throw.
 */
export interface Uploads {
  /** Of each part but the last. */
  readonly partBytes: number
  /** The most bytes that one upload can have. */
  readonly maxBytes: number
  /** Begins an upload. */
  begin(): Promise<UploadToken>
  /**
   * Where a client itself sends a part: an absolute URL that takes one PUT of exactly that many bytes, for an hour.
   * An adapter has this or `putPart`.
   */
  partUrl?(upload: UploadToken, part: Part): Promise<string>
  /**
   * Takes a part, without holding it in memory. The body is read to its end, or cancelled.
   * @returns `gone` where there is no such upload any more.
   * @throws PlatteError('bad-request') where the body has not `size` bytes: nothing of it stays.
   */
  putPart?(upload: UploadToken, part: Part, body: ReadableStream<Uint8Array>): Promise<'stored' | 'gone'>
  /**
   * The parts that are there, in order. `whole`: the upload was completed.
   * @returns `undefined` where there is no such upload any more.
   */
  parts(upload: UploadToken): Promise<readonly Part[] | 'whole' | undefined>
  /**
   * Joins the parts that are there, of which the caller knows that they are all. One that is complete stays so.
   * @throws PlatteError('conflict') where parts changed meanwhile, or there is no such upload any more.
   */
  complete(upload: UploadToken): Promise<void>
  /** The bytes of a completed upload; `undefined` where there is none. */
  open(upload: UploadToken): Promise<OpenPackage | undefined>
  /** Takes everything away, whatever state it is in; what is gone is no error. */
  discard(upload: UploadToken): Promise<void>
  /**
   * Uploads that were begun before `before` (ms since the epoch) and not completed, also those that nobody remembers.
   * A store that forgets such uploads by itself may lack this.
   */
  unfinished?(before: number): AsyncIterable<UploadToken>
}

/** What adapters take where nothing else is said: below the 100 MB of one request to a Worker, above the 5 MiB of S3. */
export const usualPartBytes = 32 * 1024 * 1024
