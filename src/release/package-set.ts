/** The digest that names the folder of one release and board: other bytes can never take the same place. */
import { textDigest } from '../kernel/digest.ts'

/** First 32 hex digits of SHA-256 over the sorted lines `name sha256`, each with its line feed. */
export function packageSetDigest(packages: readonly { readonly name: string; readonly sha256: string }[]): string {
  const lines = packages.map((one) => `${one.name} ${one.sha256}\n`).sort()
  return textDigest(lines.join('')).slice(0, 32)
}
