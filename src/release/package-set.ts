/** The digest that names the folder of one release and board: other bytes can never take the same place. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

/** First 32 hex digits of SHA-256 over the sorted lines `name sha256`, each with its line feed. */
export function packageSetDigest(packages: readonly { readonly name: string; readonly sha256: string }[]): string {
  const lines = packages.map((one) => `${one.name} ${one.sha256}\n`).sort()
  return textDigest(lines.join('')).slice(0, 32)
}

/** SHA-256 of a short text in UTF-8, lower-case hex. */
export const textDigest = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)))
