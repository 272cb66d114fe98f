/** What a client does with a proof, written apart from `src/cup`: node:crypto for P-256, @noble for ML-DSA-44. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import type { CupKey } from '../../src/documents/root.ts'

const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

export interface Exchange {
  readonly cup2key: string
  readonly request: Uint8Array
  readonly response: Uint8Array
  readonly headers: Headers
}

/** As Chromium: the header, else the ETag, weak or not. */
export function proofIn(headers: Headers): string {
  return headers.get('x-cup-server-proof') || (headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '')
}

export function isProven({ cup2key, request, response, headers }: Exchange, key: CupKey): boolean {
  const [signature = '', digest, ...more] = proofIn(headers).split(':')
  if (more.length > 0 || digest !== sha256(request).toString('hex')) return false
  const signed = sha256(sha256(request), sha256(response), cup2key)
  const bytes = Buffer.from(signature, 'hex')
  if (key.kty === 'AKP') return ml_dsa44.verify(bytes, signed, Buffer.from(key.pub, 'base64url'))
  const { kty, crv, x, y } = key
  return verify('sha256', signed, createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' }), bytes)
}
