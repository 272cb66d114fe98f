/**
 * Reads the published keys of an issuer of identity tokens: the bytes at a URL, at most 256 KiB of them, without
 * following a redirect, in 5 seconds.
 * @throws PlatteError('issuer-unavailable') for anything else.
 */
export type FetchKeys = (url: string) => Promise<Uint8Array>
