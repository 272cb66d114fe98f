/** Signs with one private key, wherever that lives (a file, a variable, a key service). */
export interface Signer {
  /** RFC 7638 thumbprint of the public key, base64url of SHA-256: the `kid` of its signatures. */
  readonly keyId: string
  /** JWS algorithm: `EdDSA` is Ed25519, `ES256` is P-256. */
  readonly alg: 'EdDSA' | 'ES256'
  /**
   * @param input the JWS signing input (ASCII).
   * @returns the raw signature, 64 bytes (for ES256 r‖s, not DER).
   * @throws PlatteError('credentials') where the key refuses to sign.
   */
  sign(input: Uint8Array): Promise<Uint8Array>
}
