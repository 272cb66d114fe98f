import { createHash, createPrivateKey, sign } from 'node:crypto'
import type { CupCrypto } from '../cup/open.ts'

/** CUP with node:crypto, for Node, Deno and Lambda: at once, and in a fifth of the time of WebCrypto. */
export const nodeCup: CupCrypto = {
  sha256(...parts) {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest()
  },
  openP256({ kty, crv, x, y, d }) {
    const key = createPrivateKey({ key: { kty, crv, x, y, d }, format: 'jwk' })
    return (signed) => sign('sha256', signed, key)
  },
}
