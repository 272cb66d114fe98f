/** What a client does with a proof, written apart from `src/cup`, on node:crypto alone. */
import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import type { CupKey } from '../../src/documents/root.ts'

const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

export interface Exchange {
  readonly cup2key: string
  readonly request: Uint8Array
  readonly response: Uint8Array
  readonly headers: Pick<Headers, 'get'>
}

/** As Chromium: the header, else the ETag, weak or not. */
export function proofIn(headers: Pick<Headers, 'get'>): string {
  return headers.get('x-cup-server-proof') || (headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '')
}

export function isProven({ cup2key, request, response, headers }: Exchange, key: CupKey): boolean {
  const [signature = '', digest, ...more] = proofIn(headers).split(':')
  if (more.length > 0 || digest !== sha256(request).toString('hex')) return false
  const signed = sha256(sha256(request), sha256(response), cup2key)
  const { kid: _, ...jwk } = key
  const publicKey = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
  const algorithm = key.kty === 'EC' ? 'sha256' : null
  return verify(algorithm, signed, publicKey, Buffer.from(signature, 'hex'))
}
