/**
 * Attacks on envelopes: every row against root, catalog and ChannelManifest, and with both algorithms.
 * Each row says what it must be refused with, so that none is refused for another reason than its own.
 */
import { createHmac, generateKeyPairSync, sign as signWithNode } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { maxCatalogBytes } from '../../src/documents/catalog.ts'
import {
  attempt,
  flipLast,
  type Row,
  type Scene,
  sceneOf,
  victims,
  withHeader,
  withSignature,
  withSigners,
} from './victims.ts'
import { algorithms, b64, bytesOf, newWorld, refusal, respell, signRaw } from './world.ts'

const textOf = (scene: Scene): string => JSON.stringify(scene.honest)
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

async function forgeWith(scene: Scene, alg: string, mac: (input: string) => Buffer) {
  const header64 = b64(JSON.stringify({ ...scene.header, alg }))
  return {
    payload: scene.payload,
    signatures: [{ protected: header64, signature: b64(mac(`${header64}.${scene.payload}`)) }],
  }
}

/** A payload whose length leaves spare bits in base64url, spoilt before it is signed: only its spelling is wrong. */
async function unevenEnvelope(scene: Scene, spoil: (payload: string) => string) {
  const bytes = bytesOf(scene.document)
  const uneven = bytes.length % 3 === 0 ? Buffer.concat([bytes, Buffer.from(' ')]) : bytes
  const payload = spoil(b64(uneven))
  return { payload, signatures: [await signRaw({ header: scene.header, key: scene.key, payload })] }
}

const rows: readonly Row[] = [
  [
    'alg none, unsigned',
    (s) => ({
      payload: s.payload,
      signatures: [{ protected: b64(JSON.stringify({ ...s.header, alg: 'none' })), signature: '' }],
    }),
    /^bad-signature: .*not 64 bytes/,
  ],
  [
    'alg none, with a signature',
    withHeader((s) => ({ ...s.header, alg: 'none' })),
    /^bad-signature: .*alg must be .*"none"/,
  ],
  [
    'HS256 with the public key as secret',
    (s) => forgeWith(s, 'HS256', (input) => createHmac('sha256', JSON.stringify(s.key.jwk)).update(input).digest()),
    /^bad-signature: .*not 64 bytes/,
  ],
  [
    'HS512 with the public key as secret',
    (s) =>
      forgeWith(s, 'HS512', (input) =>
        createHmac('sha512', Buffer.from(s.key.jwk.x, 'base64url')).update(input).digest(),
      ),
    /^bad-signature: .*alg must be .*"HS512"/,
  ],
  [
    'HS512 that calls itself by the right alg',
    (s) =>
      forgeWith(s, s.key.alg, (input) =>
        createHmac('sha512', Buffer.from(s.key.jwk.x, 'base64url')).update(input).digest(),
      ),
    /0 of 1 .*its signature is bad/,
  ],
  [
    'RS256',
    (s) => forgeWith(s, 'RS256', (input) => signWithNode('sha256', Buffer.from(input), rsa)),
    /^bad-signature: .*not 64 bytes/,
  ],
  [
    'the name of RFC 9864',
    withHeader((s) => ({ ...s.header, alg: 'Ed25519' })),
    /alg must be EdDSA or ES256, not "Ed25519"/,
  ],
  [
    'the alg of the other kind of key',
    withHeader((s) => ({ ...s.header, alg: s.key.alg === 'EdDSA' ? 'ES256' : 'EdDSA' })),
    /0 of 1 .*is a key for .*, not for/,
  ],
  [
    'alg in an unprotected header',
    async (s) => ({
      payload: s.payload,
      signatures: [
        {
          ...(await signRaw({ header: { kid: s.key.keyId, typ: s.type }, key: s.key, payload: s.payload })),
          header: { alg: s.key.alg },
        },
      ],
    }),
    /unknown member "header"/,
  ],
  [
    'an unprotected header beside a good signature',
    withSignature((one) => ({ ...one, header: {} })),
    /unknown member "header"/,
  ],
  ['crit', withHeader((s) => ({ ...s.header, crit: ['exp'] })), /unknown member "crit"/],
  ['crit and b64:false', withHeader((s) => ({ ...s.header, b64: false, crit: ['b64'] })), /unknown member "b64"/],
  ['jwk in the header', withHeader((s) => ({ ...s.header, jwk: s.key.jwk })), /unknown member "jwk"/],
  ['jku in the header', withHeader((s) => ({ ...s.header, jku: 'https://example.org/keys' })), /unknown member "jku"/],
  ['a header without alg', withHeader((s) => ({ kid: s.key.keyId, typ: s.type })), /member alg is missing/],
  ['a header without typ', withHeader((s) => ({ alg: s.key.alg, kid: s.key.keyId })), /member typ is missing/],
  ['a header without kid', withHeader((s) => ({ alg: s.key.alg, typ: s.type })), /member kid is missing/],
  ['a header that is null', withHeader(() => 'null'), /an object is missing/],
  ['a header that is a list', withHeader(() => '[]'), /an object is missing/],
  ['a header with blanks', withHeader((s) => JSON.stringify(s.header, null, 1)), /header is not written as/],
  [
    'a header in another order',
    withHeader((s) => ({ typ: s.type, kid: s.key.keyId, alg: s.key.alg })),
    /header is not written as/,
  ],
  [
    'a header with alg twice',
    withHeader((s) => JSON.stringify(s.header).replace('{', '{"alg":"none",')),
    /header is not written as/,
  ],
  [
    'a header with an escape',
    withHeader((s) => JSON.stringify(s.header).replace('platte', '\\u0070latte')),
    /header is not written as/,
  ],
  [
    'a header with __proto__',
    withHeader((s) => JSON.stringify(s.header).replace('}', ',"__proto__":{"crit":[]}}')),
    /unknown member "__proto__"/,
  ],
  ['a header with a BOM', withHeader((s) => `\ufeff${JSON.stringify(s.header)}`), /header is not JSON/],
  ['a header of 50 kB', withHeader((s) => ({ ...s.header, typ: 'x'.repeat(40_000) })), /header is not JSON/],
  ['a kid that is a number', withHeader((s) => ({ ...s.header, kid: 7 })), /a kid is not a key id/],
  ['a typ that is a list', withHeader((s) => ({ ...s.header, typ: [s.type] })), /a typ is not text/],
  ['kid unknown', withSigners((s) => [s.stranger]), /0 of 1 .*is not a key of this role/],
  [
    'kid of the role on a signature of a stranger',
    async (s) => ({
      payload: s.payload,
      signatures: [
        await signRaw({ header: { ...s.header, alg: s.stranger.alg }, key: s.stranger, payload: s.payload }),
      ],
    }),
    /0 of 1 .*its signature is bad/,
  ],
  [
    'kid of a stranger on a good signature',
    withHeader((s) => ({ ...s.header, kid: s.stranger.keyId })),
    /0 of 1 .*is not a key of this role/,
  ],
  ['signed by another role', withSigners((s) => s.others), /0 of 1 .*is not a key of this role/],
  [
    'typ of another document',
    withHeader((s) => ({
      ...s.header,
      typ: s.type === 'platte-channel+jws' ? 'platte-catalog+jws' : 'platte-channel+jws',
    })),
    /0 of 1 .*signed it as "platte-/,
  ],
  ['typ JWT', withHeader((s) => ({ ...s.header, typ: 'JWT' })), /0 of 1 .*signed it as "JWT"/],
  ['typ in capitals', withHeader((s) => ({ ...s.header, typ: s.type.toUpperCase() })), /0 of 1 .*signed it as/],
  ['no signatures', (s) => ({ ...s.honest, signatures: [] }), /there are no signatures/],
  [
    '17 signatures',
    (s) => ({ ...s.honest, signatures: Array(17).fill(s.honest.signatures[0]) }),
    /more than 16 signatures/,
  ],
  [
    'signatures that are an object',
    (s) => ({ ...s.honest, signatures: { 0: s.honest.signatures[0], length: 1 } }),
    /there are no signatures/,
  ],
  ['a signature that is null', (s) => ({ ...s.honest, signatures: [null] }), /an object is missing/],
  ['a signature stripped', withSignature((one) => ({ ...one, signature: '' })), /not 64 bytes/],
  [
    'a signature without its member',
    withSignature((one) => ({ protected: one.protected })),
    /member signature is missing/,
  ],
  [
    'a signature of zeros',
    withSignature((one) => ({ ...one, signature: b64(Buffer.alloc(64)) })),
    /its signature is bad/,
  ],
  [
    'a signature cut short',
    withSignature((one) => ({ ...one, signature: b64(Buffer.from(one.signature, 'base64url').subarray(0, 63)) })),
    /not 64 bytes/,
  ],
  [
    'a signature with a bit flipped',
    withSignature((one) => ({ ...one, signature: flipLast(one.signature) })),
    /its signature is bad/,
  ],
  [
    'a signature in DER',
    withSignature((one) => ({
      ...one,
      signature: b64(Buffer.concat([Buffer.from('3046', 'hex'), Buffer.from(one.signature, 'base64url')])),
    })),
    /not 64 bytes/,
  ],
  [
    'a signature with padding',
    withSignature((one) => ({ ...one, signature: `${one.signature}==` })),
    /not 64 bytes in base64url/,
  ],
  [
    'a signature with spare bits',
    withSignature((one) => ({ ...one, signature: respell(one.signature) })),
    /not 64 bytes in base64url/,
  ],
  [
    'a signature with a line break',
    withSignature((one) => ({ ...one, signature: `${one.signature}\n` })),
    /not 64 bytes in base64url/,
  ],
  [
    'a signature in plain base64',
    withSignature((one) => ({ ...one, signature: `+/${one.signature.slice(2)}` })),
    /not 64 bytes in base64url/,
  ],
  ['a signature with one more member', withSignature((one) => ({ ...one, note: 1 })), /unknown member "note"/],
  [
    'a protected header cut short',
    withSignature((one) => ({ ...one, protected: one.protected.slice(0, -4) })),
    /header is not JSON/,
  ],
  [
    'a protected header with padding',
    withSignature((one) => ({ ...one, protected: `${one.protected}=` })),
    /header is not JSON/,
  ],
  [
    'a protected header that is an object',
    withSignature((one, s) => ({ ...one, protected: s.header })),
    /header is not JSON/,
  ],
  ['payload stripped', (s) => ({ signatures: s.honest.signatures }), /member payload is missing/],
  ['payload empty', (s) => ({ ...s.honest, payload: '' }), /its signature is bad/],
  ['payload as an object', (s) => ({ ...s.honest, payload: s.document }), /payload is not base64url/],
  [
    'payload cut short',
    (s) => ({ ...s.honest, payload: b64(Buffer.from(s.payload, 'base64url').subarray(0, -1)) }),
    /its signature is bad/,
  ],
  [
    'payload of another document',
    (s) => ({ ...s.honest, payload: b64(JSON.stringify({ ...s.document, issuedAt: '2026-01-01T00:00:00Z' })) }),
    /its signature is bad/,
  ],
  [
    'payload with padding, signed',
    (s) => unevenEnvelope(s, (payload) => payload.padEnd(Math.ceil(payload.length / 4) * 4, '=')),
    /payload is not base64url/,
  ],
  ['payload with spare bits, signed', (s) => unevenEnvelope(s, respell), /payload is not base64url/],
  ['payload with a blank, signed', (s) => unevenEnvelope(s, (payload) => ` ${payload}`), /payload is not base64url/],
  [
    'payload in plain base64, signed',
    (s) => unevenEnvelope(s, (payload) => `++//${payload.slice(4)}`),
    /payload is not base64url/,
  ],
  [
    'payload of a length that base64 has not, signed',
    (s) => unevenEnvelope(s, (payload) => `${'A'.repeat((5 - (payload.length % 4)) % 4)}${payload}`),
    /payload is not base64url/,
  ],
  ['one more member', (s) => ({ ...s.honest, format: 1 }), /unknown member "format"/],
  [
    'the flattened serialization',
    (s) => ({ payload: s.payload, ...s.honest.signatures[0] }),
    /unknown member "protected"/,
  ],
  [
    'the compact serialization',
    (s) => `${s.honest.signatures[0]?.protected}.${s.payload}.${s.honest.signatures[0]?.signature}`,
    /envelope is not JSON/,
  ],
  ['the payload alone, unsigned', (s) => s.document, /unknown member/],
  [
    'members in another order',
    (s) => ({ signatures: s.honest.signatures, payload: s.payload }),
    /envelope is not written as/,
  ],
  ['payload twice', (s) => textOf(s).replace('{', `{"payload":"e30",`), /envelope is not written as/],
  ['signatures twice', (s) => textOf(s).replace('{', '{"signatures":[],'), /envelope is not written as/],
  [
    'a signature twice in one object',
    (s) => textOf(s).replace('[{', '[{"signature":"AAAA",'),
    /envelope is not written as/,
  ],
  [
    '__proto__ in the envelope',
    (s) => textOf(s).replace('{', '{"__proto__":{"payload":"e30"},'),
    /unknown member "__proto__"/,
  ],
  ['__proto__ in a signature', (s) => textOf(s).replace('[{', '[{"__proto__":{},'), /unknown member "__proto__"/],
  [
    'an inherited payload',
    (s) => `{"__proto__":{"payload":"${s.payload}"},"signatures":${JSON.stringify(s.honest.signatures)}}`,
    /unknown member "__proto__"/,
  ],
  ['a BOM', (s) => `\ufeff${textOf(s)}`, /envelope is not JSON in UTF-8/],
  ['a blank before', (s) => ` ${textOf(s)}`, /envelope is not written as/],
  ['a line break behind', (s) => `${textOf(s)}\n`, /envelope is not written as/],
  ['two envelopes', (s) => textOf(s).repeat(2), /envelope is not JSON/],
  ['UTF-16', (s) => Buffer.from(textOf(s), 'utf16le'), /envelope is not JSON/],
  [
    'an overlong byte',
    (s) => Buffer.concat([Buffer.from([0xc0, 0xa0]), Buffer.from(textOf(s))]),
    /envelope is not JSON in UTF-8/,
  ],
  ['cut short', (s) => textOf(s).slice(0, -1), /envelope is not JSON/],
  ['nothing', () => '', /envelope is not JSON/],
  ['null', () => 'null', /an object is missing/],
  ['a list', (s) => [s.honest], /an object is missing/],
  ['60 000 open brackets', () => '['.repeat(60_000), /envelope is not JSON/],
  [
    'more bytes than the cap',
    (s) => `${textOf(s)}${' '.repeat(maxCatalogBytes)}`,
    /^too-large: .* more than the limit of/,
  ],
]

describe.each(algorithms)('%s', async (alg) => {
  const world = await newWorld(alg)
  describe.each(Object.keys(victims))('%s', async (name) => {
    const scene = await sceneOf(world, name)

    test('is accepted without changes', async () => {
      expect(await refusal(scene.open(bytesOf(scene.honest)))).toBe('accepted')
    })

    test.each(rows)('%s', async (_title, attack, want) => {
      const answer = await attempt(scene, attack)
      expect(answer).toMatch(want)
      expect(answer).toMatch(/^(bad-signature|too-large): (root|catalog|channel): /)
      expect(answer.length).toBeLessThan(400)
    })
  })
})
