import { describe, expect, test, vi } from 'vitest'
import { PlatteError } from '../../src/kernel/errors.ts'
import {
  generateKey,
  importSigner,
  keyIdOf,
  loadPublicKey,
  type PrivateJwk,
  parsePrivateKey,
  publicOf,
} from '../../src/trust/keys.ts'
import { algorithms, refusal, respell } from './world.ts'

/** RFC 8037, appendix A: the key, its thumbprint, and the signature of A.4. */
const rfc8037: PrivateJwk = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
}
const ed = await generateKey('EdDSA')
const es = await generateKey('ES256')
const otherEd = await generateKey('EdDSA')
const otherEs = await generateKey('ES256')
const usages: ('sign' | 'verify')[] = ['sign', 'verify']
const publicExponent = new Uint8Array([1, 0, 1])
const rsaParameters = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent, hash: 'SHA-256' }
const rsaPair = await crypto.subtle.generateKey(rsaParameters, true, usages)
const rsa = await crypto.subtle.exportKey('jwk', rsaPair.privateKey)
const p384Pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, usages)
const p384 = await crypto.subtle.exportKey('jwk', p384Pair.privateKey)
const { d: _d, ...publicEd } = ed

describe('a key', () => {
  test('has the id and the signature of RFC 8037', async () => {
    expect(await keyIdOf(rfc8037)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
    const signer = await importSigner(rfc8037, 'RFC 8037')
    expect(signer.keyId).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
    const input = 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc'
    expect(Buffer.from(await signer.sign(new TextEncoder().encode(input))).toString('base64url')).toBe(
      'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
    )
  })

  test.each(algorithms)('of %s is created, written, read back, and signs 64 bytes', async (alg) => {
    const jwk = await generateKey(alg)
    const signer = await parsePrivateKey(JSON.stringify(jwk, null, 2), 'key.json')
    expect(signer.alg).toBe(alg)
    expect(signer.keyId).toBe(await keyIdOf(jwk))
    expect((await signer.sign(new Uint8Array(10_000))).length).toBe(64)
    expect(Object.keys(publicOf(jwk))).toEqual(alg === 'EdDSA' ? ['crv', 'kty', 'x'] : ['crv', 'kty', 'x', 'y'])
    expect(await loadPublicKey(jwk)).toEqual({ keyId: signer.keyId, alg, jwk: publicOf(jwk) })
  })

  test('may have members that other tools write into a JWK', async () => {
    const extras = { alg: 'ES256', use: 'sig', key_ops: ['sign'], ext: true, kid: await keyIdOf(es), iat: 1 }
    expect((await importSigner({ ...es, ...extras }, 'key.json')).alg).toBe('ES256')
    const nothing = { alg: undefined, use: undefined, key_ops: undefined, kid: undefined }
    expect((await importSigner({ ...es, ...nothing }, 'a key that workerd exported')).alg).toBe('ES256')
  })

  test.each([
    ['of RSA', rsa, 'is an RSA key, which is not used here'],
    ['of P-384', p384, 'is a key of a curve that is not used here'],
    ['of X25519', { ...ed, crv: 'X25519' }, 'is a key of a curve that is not used here'],
    ['that is symmetric', { kty: 'oct', k: 'c2VjcmV0' }, 'is a symmetric key, which cannot sign for others to verify'],
    ['without a private half', publicEd, 'is a public key; signing needs the private one (the member d)'],
    ['in a set', { keys: [ed] }, 'is a set of keys; give one key'],
    ['that is a list', [ed], 'is not a JWK (a JSON object)'],
    ['that is null', null, 'is not a JWK (a JSON object)'],
    ['with the halves of two Ed25519 keys', { ...ed, x: otherEd.x }, 'are not of one key|is not a usable Ed25519 key'],
    ['with the halves of two P-256 keys', { ...es, d: otherEs.d }, 'are not of one key|is not a usable P-256 key'],
    ['off the curve', { ...es, x: es.kty === 'EC' ? es.y : '' }, 'is not a usable P-256 key'],
    ['of OKP that claims P-256', { ...es, kty: 'OKP' }, 'has a kty that does not go with P-256'],
    ['with the name of RFC 9864', { ...ed, alg: 'Ed25519' }, 'its alg must be EdDSA, or be left out'],
    ['with another alg', { ...es, alg: 'EdDSA' }, 'its alg must be ES256, or be left out'],
    ['with alg none', { ...ed, alg: 'none' }, 'its alg must be EdDSA, or be left out'],
    ['for encrypting', { ...ed, use: 'enc' }, 'its use is not sig'],
    ['for verifying', { ...ed, key_ops: ['verify'] }, 'its key_ops do not include sign'],
    ['with a kid of its own', { ...ed, kid: 'release-2026' }, 'its kid is not the thumbprint of this key'],
    ['with a short d', { ...ed, d: ed.d.slice(1) }, 'its d must be 32 bytes in base64url'],
    ['with a padded x', { ...ed, x: `${ed.x}=` }, 'its x must be 32 bytes in base64url'],
    ['with a respelled x', { ...ed, x: respell(ed.x) }, 'its x must be 32 bytes in base64url'],
    ['with a number for d', { ...ed, d: 1 }, 'its d must be 32 bytes in base64url'],
  ])('%s is refused', async (_name, jwk, want) => {
    expect(await refusal(importSigner(jwk, 'keys/a.json'))).toMatch(
      new RegExp(`^credentials: keys/a\\.json: .*(${want.replace(/[()]/g, '\\$&')})`),
    )
  })

  test.each([
    ['a PEM file', `-----BEGIN PRIVATE KEY-----\n${ed.d}\n`],
    ['half a file', JSON.stringify(ed).slice(0, -2)],
    ['the secret alone', ed.d],
    ['a wrong pair', JSON.stringify({ ...ed, x: otherEd.x })],
    ['a point off the curve', JSON.stringify({ ...es, x: es.d })],
    ['a secret that is too long', JSON.stringify({ ...ed, d: `${ed.d}AAAA` })],
  ])('%s is refused without printing the secret', async (_name, text) => {
    const error: unknown = await parsePrivateKey(text, 'key.json').catch((reason: unknown) => reason)
    if (!(error instanceof PlatteError)) throw new Error('was accepted')
    const told = `${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`
    for (const secret of [ed.d, es.d])
      for (let i = 0; i + 6 <= secret.length; i++) expect(told).not.toContain(secret.slice(i, i + 6))
  })

  test('is proved by a signature, because a runtime may import mismatched halves', async () => {
    vi.spyOn(crypto.subtle, 'verify').mockResolvedValueOnce(false)
    expect(await refusal(importSigner(ed, 'a.json'))).toBe(
      'credentials: a.json: the private and the public half are not of one key',
    )
  })

  test('in another spelling is refused: it would count as a second key', async () => {
    const twin = { ...publicOf(ed), x: respell(ed.x) }
    expect(Buffer.from(twin.x, 'base64url')).toEqual(Buffer.from(ed.x, 'base64url'))
    expect(await keyIdOf(twin)).not.toBe(await keyIdOf(ed))
    expect(await loadPublicKey(twin)).toBeUndefined()
  })
})
