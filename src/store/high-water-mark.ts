/**
 * Remembers the newest catalog that was verified, in its own bytes, for a reader whose upstream is not trusted: after a
 * start, too, nothing earlier is believed. One reader has one mark.
 */
export interface HighWaterMark {
  /** @returns `undefined` before anything was remembered. @throws PlatteError('store-unavailable', 'forbidden') */
  load(): Promise<Uint8Array | undefined>
  /** Resolves when it would outlive a power cut. Throws as `load` does; then it is as it was before, or as it should be. */
  keep(bytes: Uint8Array): Promise<void>
}
