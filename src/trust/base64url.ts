/** base64url without padding (RFC 7515, section 2), read strictly. */
import { base64url } from 'jose'

const alphabet = /^[A-Za-z0-9_-]*$/

export const toBase64url = (bytes: Uint8Array): string => base64url.encode(bytes)

/**
 * Reads exactly what `toBase64url` writes. Padding, other alphabets, blanks and spare bits that are not 0 are refused, so
 * that no two texts stand for the same bytes.
 * @returns `undefined` for anything else.
 */
export function fromBase64url(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1 || !alphabet.test(text)) return undefined
  const bytes = base64url.decode(text)
  return base64url.encode(bytes) === text ? bytes : undefined
}
