/** The signatures of a CRX3, verified by the digest of what they cover: that is how a package streams by on every runtime. */
import { isSignedByRsa } from '../payload/keys.ts'
import type { Proof } from './header.ts'
import { isSignedByP256 } from './p256.ts'

/** Extensions of the first years have such keys, and browsers take them. */
const minRsaBits = 1024

/** @param digest SHA-256 of what is signed, in lower-case hex. */
export async function isGood({ kind, publicKey, signature }: Proof, digest: string): Promise<boolean> {
  try {
    if (kind === 'RSA') return await isSignedByRsa({ spki: publicKey, minBits: minRsaBits }, { digest, signature })
    return isSignedByP256(digest, signature, await pointOf(publicKey))
  } catch {
    return false
  }
}

/** @throws for bytes that are no such key. */
async function pointOf(spki: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const key = await crypto.subtle.importKey('spki', new Uint8Array(spki), algorithm, true, ['verify'])
  return new Uint8Array(await crypto.subtle.exportKey('raw', key))
}
