import { createPrivateKey, hash, sign } from 'node:crypto'
import type { CupCrypto } from '../cup/open.ts'

/** The head of a PKCS #8 key of ML-DSA-44 that is a seed alone. @see RFC 9881 */
const seedHead = Buffer.from('3034020100300b060960864801650304031104228020', 'hex')

/** CUP with node:crypto, for Node, Deno and Lambda: at once, and in a fifth of the time of WebCrypto. */
export const nodeCup: CupCrypto = {
  digestsOf(value, body, response) {
    const request = hash('sha256', body)
    const head = Buffer.from(request + hash('sha256', response), 'hex')
    // From hex into the pool of Buffers: cheaper than an ArrayBuffer for each digest.
    return { request, signed: Buffer.from(hash('sha256', Buffer.concat([head, Buffer.from(value)])), 'hex') }
  },
  openP256({ kty, crv, x, y, d }) {
    const key = createPrivateKey({ key: { kty, crv, x, y, d }, format: 'jwk' })
    return (signed) => sign('sha256', signed, key).toString('hex')
  },
  async openMlDsa(seed) {
    // Node from 24.6 on; Deno has it in WebCrypto alone, where Node warns that it may change.
    if (!('Deno' in globalThis)) {
      const key = createPrivateKey({ key: Buffer.concat([seedHead, seed]), format: 'der', type: 'pkcs8' })
      return (signed) => sign(null, signed, key).toString('hex')
    }
    const name = 'ML-DSA-44'
    const key = await crypto.subtle.importKey('raw-seed' as 'raw', Buffer.from(seed), name, false, ['sign'])
    return async (signed) => Buffer.from(await crypto.subtle.sign(name, key, Buffer.from(signed))).toString('hex')
  },
}
