/** SHA-256 of bytes that are in memory; packages are hashed by the Hasher port. */

/** @returns lower-case hex, 64 digits. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
