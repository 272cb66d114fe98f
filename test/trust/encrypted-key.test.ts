/** Key files that are encrypted with a passphrase. */
import { decodeProtectedHeader } from 'jose/decode/protected_header'
import { CompactEncrypt } from 'jose/jwe/compact/encrypt'
import { expect, test } from 'vitest'
import { decryptKey, encryptKey } from '../../src/trust/encrypted-key.ts'
import { generateKey, isEncrypted } from '../../src/trust/keys.ts'

const passphrase = 'correct horse battery staple'
const jwk = JSON.stringify(await generateKey('EdDSA'))
const encrypted = await encryptKey(jwk, passphrase, 'release.jwk')

/** Another program may write a JWE in another way. */
const otherwise = (alg: string, enc: string, p2c: number): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(jwk))
    .setProtectedHeader({ alg, enc })
    .setKeyManagementParameters({ p2c })
    .encrypt(new TextEncoder().encode(passphrase))

test('a key is what it was after encrypting and decrypting, and its file shows nothing of it', async () => {
  expect(isEncrypted(encrypted)).toBe(true)
  expect(isEncrypted(jwk)).toBe(false)
  expect(await decryptKey(`${encrypted}\n`, ['another passphrase', passphrase], 'release.jwk')).toBe(jwk)
  expect(decodeProtectedHeader(encrypted)).toEqual({
    ...{ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', cty: 'jwk+json', p2c: 600_000, p2s: expect.any(String) },
  })
  const { d, x } = JSON.parse(jwk)
  for (const secret of [d, x, passphrase]) expect(encrypted).not.toContain(secret)
})

test('each encryption has a salt of its own', async () => {
  const again = await encryptKey(jwk, passphrase, 'release.jwk')
  expect(decodeProtectedHeader(again).p2s).not.toBe(decodeProtectedHeader(encrypted).p2s)
})

test('a passphrase is the same however a system composes its accents', async () => {
  const composed = await encryptKey(jwk, 'el\u00e8ve-el\u00e8ve-el\u00e8ve', 'x')
  expect(await decryptKey(composed, ['ele\u0300ve-ele\u0300ve-ele\u0300ve'], 'x')).toBe(jwk)
})

test.each([
  ['a wrong passphrase', encrypted, 'correct horse battery stable', /^release\.jwk: the passphrase is wrong, or/],
  ['a changed byte', `${encrypted.slice(0, -2)}${encrypted.endsWith('AA') ? 'BB' : 'AA'}`, passphrase, /is damaged$/],
  ['another algorithm', await otherwise('PBES2-HS256+A128KW', 'A256GCM', 1000), passphrase, /in another way/],
  ['another cipher', await otherwise('PBES2-HS512+A256KW', 'A128GCM', 1000), passphrase, /in another way/],
  ['a header that is none', `AAAA${encrypted.slice(4)}`, passphrase, /its header cannot be read/],
  [
    'iterations that would take hours',
    [
      btoa('{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":1e12,"p2s":"AAAA"}').replace(/=/g, ''),
      ...encrypted.split('.').slice(1),
    ].join('.'),
    passphrase,
    /wants more than 10000000 iterations/,
  ],
])('%s is refused by name, without repeating a secret', async (_, text, tried, message) => {
  const error = await decryptKey(text, [tried], 'release.jwk').catch((one: unknown) => one)
  expect(error).toMatchObject({ code: 'credentials', message: expect.stringMatching(message) })
  expect(JSON.stringify([error, String(error)])).not.toContain(tried)
})

test('a short passphrase is refused', async () => {
  await expect(encryptKey(jwk, 'elevenchars', 'x')).rejects.toMatchObject({ code: 'credentials' })
})
