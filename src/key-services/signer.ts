/** Signers whose private key is elsewhere: ES256 over a digest, each signature verified before it is used. */
import type { PublicKey } from '../documents/root.ts'
import { messageOf, PlatteError } from '../kernel/errors.ts'
import type { ServiceKey } from '../trust/key-service.ts'
import { keyIdOf } from '../trust/keys.ts'

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/**
 * @param publicKey must be of P-256.
 * @param signDigest gets the SHA-256 digest; returns r‖s, 64 bytes, or throws a PlatteError.
 * @throws PlatteError('credentials') from `sign` if the service signed with another key.
 */
export async function serviceKey(
  url: string,
  publicKey: PublicKey,
  signDigest: (digest: Uint8Array) => Promise<Uint8Array>,
): Promise<ServiceKey> {
  const key = await crypto.subtle
    .importKey('jwk', { ...publicKey }, ecdsa, false, ['verify'])
    .catch((error: unknown) => {
      throw new PlatteError('credentials', `${url}: is not a key of P-256: ${messageOf(error)}`, { hint: onlyP256 })
    })
  const sign = async (input: Uint8Array): Promise<Uint8Array> => {
    const bytes = new Uint8Array(input)
    const signature = new Uint8Array(await signDigest(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))))
    if (await crypto.subtle.verify(ecdsa, key, signature, bytes)) return signature
    throw new PlatteError('credentials', `${url}: signed with another key than the one that was made or named`, {
      hint: 'an alias or a version may point to a new key: `platte root rotate` makes it known',
    })
  }
  return { url, publicKey, signer: { keyId: await keyIdOf(publicKey), alg: 'ES256', sign } }
}

export const onlyP256 = 'Platte signs with keys of P-256 there (ES256), made for signatures'

/** Reads a SubjectPublicKeyInfo. @throws PlatteError('credentials') for anything but P-256. */
export async function publicKeyOfSpki(url: string, spki: Uint8Array): Promise<PublicKey> {
  try {
    const key = await crypto.subtle.importKey('spki', new Uint8Array(spki), ecdsa, true, ['verify'])
    const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', key)
    return { crv: 'P-256', kty: 'EC', x, y }
  } catch {
    throw new PlatteError('credentials', `${url}: its public key is not one of P-256`, { hint: onlyP256 })
  }
}
