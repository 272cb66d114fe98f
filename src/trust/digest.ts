import { toHex } from '../kernel/digest.ts'

/** SHA-256 of bytes in memory, as lower-case hex. */
export const sha256Hex = async (bytes: Uint8Array): Promise<string> =>
  toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)))
