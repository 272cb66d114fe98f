/** Keeps the newest verified catalog across restarts, so that an untrusted upstream cannot show an older one. One per reader. */
export interface HighWaterMark {
  /** @returns `undefined` before the first `keep`. @throws PlatteError('store-unavailable', 'forbidden') */
  load(): Promise<Uint8Array | undefined>
  /** Resolves once the bytes survive a power cut. Throws as `load` does; the mark is then the old or the new one. */
  keep(bytes: Uint8Array): Promise<void>
}
