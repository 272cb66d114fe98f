/** ML-DSA-44 (FIPS 204), which no runtime has everywhere yet. Loaded with the first request that asks for it. */
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'

/** @param seed 32 bytes, as a JWK has them. */
export function openMlDsa(seed: Uint8Array) {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed)
  return { publicKey, sign: (signed: Uint8Array): Uint8Array => ml_dsa44.sign(signed, secretKey) }
}
