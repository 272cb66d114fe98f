/** The port for uploads, and what its adapters share. Imports nothing of a runtime. */
import type { Clock } from '../kernel/clock.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { OpenPackage, Packages } from './packages.ts'

/** Opaque, at most 2,000 characters: made by `begin`, read by the same adapter only. */
export type UploadToken = string

/** One part of an upload, counted from 1. */
export interface Part {
  readonly number: number
  /** Bytes. */
  readonly size: number
}

/**
 * Bytes that arrive in parts, in any order, before they become a package. Nothing here judges the bytes; their reader does.
 *
 * Each part has `partBytes` bytes, the last one the rest. A part is stored whole or not at all; sending it again replaces
 * it, and of two sent at once one stays. After `complete` no part is accepted. Uploads do not mix.
 *
 * All methods throw PlatteError as Documents does, and each may be repeated after a throw.
 */
export interface Uploads {
  /** Of each part but the last. */
  readonly partBytes: number
  /** The most bytes that one upload can have. */
  readonly maxBytes: number
  begin(): Promise<UploadToken>
  /** A URL to which the client sends one PUT of exactly that many bytes, within an hour. An adapter has this or `putPart`. */
  partUrl?(upload: UploadToken, part: Part): Promise<string>
  /**
   * Stores a part without holding it in memory. Reads the body to its end, or cancels it.
   * @returns `gone` if the upload no longer exists.
   * @throws PlatteError('bad-request') if the body does not have `size` bytes; nothing of it stays.
   */
  putPart?(upload: UploadToken, part: Part, body: ReadableStream<Uint8Array>): Promise<'stored' | 'gone'>
  /** The stored parts, in order. `whole`: the upload was completed. `undefined`: it no longer exists. */
  parts(upload: UploadToken): Promise<readonly Part[] | 'whole' | undefined>
  /**
   * Joins the stored parts; the caller knows that none is missing. Completing twice is no error.
   * @throws PlatteError('conflict') if parts changed meanwhile, or the upload no longer exists.
   */
  complete(upload: UploadToken): Promise<void>
  /** The bytes of a completed upload; `undefined` if there is none. */
  open(upload: UploadToken): Promise<OpenPackage | undefined>
  /** Removes the upload in any state; a missing one is no error. */
  discard(upload: UploadToken): Promise<void>
  /** Uncompleted uploads begun before `before` (ms since the epoch). A store that forgets such uploads itself may lack this. */
  unfinished?(before: number): AsyncIterable<UploadToken>
}

export interface MachineUploads {
  readonly clock: Clock
  readonly partBytes?: number
}

export interface BucketUploads {
  /** Of the same bucket: for reading and removing completed uploads. */
  readonly packages: Packages
  /** On S3 at least 5 MiB, its minimum for all parts but the last. */
  readonly partBytes?: number
}

/** The default: below the 100 MB limit of one request to a Worker, above the 5 MiB minimum of S3. */
export const usualPartBytes = 32 * 1024 * 1024

/** The upload ended, or its parts were replaced. */
export const uploadGone = (): PlatteError =>
  new PlatteError('conflict', 'upload parts changed', { hint: 'begin the upload again' })

export const malformedToken = (): PlatteError =>
  new PlatteError('bad-document', 'the stored record of an upload has a malformed token')

/** The token of an upload into a bucket. @param mark in its key. @param id the bucket's own. */
export const tokenOf = (mark: string, id: string): UploadToken => `${mark} ${id}`

/** @throws PlatteError('bad-document'): tokens come from documents that nobody signed. */
export function readToken(token: UploadToken): { readonly mark: string; readonly id: string } {
  const [, mark, id] = /^([0-9a-f-]{36}) ([\x21-\x7e]{1,1900})$/.exec(token) ?? []
  if (mark === undefined || id === undefined) throw malformedToken()
  return { mark, id }
}
