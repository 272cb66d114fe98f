import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/trust/digest.ts'
import { addSignature, openByDigest, openEnvelope, seal } from '../../src/trust/envelope.ts'
import { fromBase64url, loadPublicKey, type Signer, toBase64url, type VerifyingKey } from '../../src/trust/keys.ts'
import { algorithms, bytesOf, newKey, newKeys, refusal, type TestKey } from './world.ts'

const type = 'platte-channel+jws'
const payload = bytesOf({ seq: 1, note: 'Grüße' })

async function roleOf(keys: readonly TestKey[], threshold = 1) {
  const loaded = await Promise.all(keys.map(({ jwk }) => loadPublicKey(jwk)))
  return { keys: loaded.filter((key): key is VerifyingKey => key !== undefined), threshold }
}

describe('base64url', () => {
  test('is decoded only in its canonical form', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const text = toBase64url(bytes)
        expect(text).toBe(Buffer.from(bytes).toString('base64url'))
        expect(fromBase64url(text)).toEqual(bytes)
      }),
    )
  })

  test('has one text per byte string', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_\-+/= ]{0,9}$/), (text) => {
        const bytes = fromBase64url(text)
        if (bytes !== undefined) expect(toBase64url(bytes)).toBe(text)
      }),
      { numRuns: 2000 },
    )
  })
})

test('sha256Hex is SHA-256 in lower-case hex', async () => {
  expect(await sha256Hex(new TextEncoder().encode('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

describe.each(algorithms)('an envelope (%s)', async (alg) => {
  const [first, second] = await newKeys(alg, 2)
  if (first === undefined || second === undefined) throw new Error('no keys')
  const role = await roleOf([first, second])

  test('is compact JSON, and opens to the sealed bytes', async () => {
    const bytes = await seal(type, payload, [first])
    const header = Buffer.from(JSON.stringify({ alg, kid: first.keyId, typ: type })).toString('base64url')
    expect(Buffer.from(bytes).toString()).toMatch(
      new RegExp(
        `^\\{"payload":"${toBase64url(payload)}","signatures":\\[\\{"protected":"${header}","signature":"[A-Za-z0-9_-]{86}"\\}\\]\\}$`,
      ),
    )
    expect(await openEnvelope(bytes, type, role)).toEqual(payload)
    expect(await openByDigest(bytes, type, await sha256Hex(bytes))).toEqual(payload)
  })

  test('is opened by its digest with any signer, but not in another spelling', async () => {
    const bytes = await seal(type, payload, [second])
    expect(await refusal(openByDigest(bytes, type, '0'.repeat(64)))).toMatch(/^mismatch: channel: its SHA-256 is/)
    const spaced = Buffer.concat([bytes, Buffer.from('\n')])
    expect(await refusal(openByDigest(spaced, type, await sha256Hex(spaced)))).toMatch(
      /^bad-signature: .*not written as/,
    )
  })

  test('takes more signatures, one per key', async () => {
    const one = await seal(type, payload, [first])
    const two = await addSignature(one, type, second)
    expect(await openEnvelope(two, type, { ...role, threshold: 2 })).toEqual(payload)
    const again = await addSignature(two, type, first)
    expect(JSON.parse(Buffer.from(again).toString()).signatures).toHaveLength(2)
    expect(await openEnvelope(again, type, { ...role, threshold: 2 })).toEqual(payload)
    if (alg === 'EdDSA') expect(again).toEqual(two)
  })

  test('replaces a damaged signature with a good one of the same key', async () => {
    const bytes = await seal(type, payload, [first])
    const spoilt = bytesOf(
      Buffer.from(bytes)
        .toString()
        .replace(/"signature":"..../, '"signature":"AAAA'),
    )
    expect(await refusal(openEnvelope(spoilt, type, role))).toMatch(/bad-signature/)
    expect(await openEnvelope(await addSignature(spoilt, type, first), type, role)).toEqual(payload)
  })

  test('is not signed as another type', async () => {
    const bytes = await seal('platte-catalog+jws', payload, [first])
    expect(await refusal(addSignature(bytes, type, second))).toMatch(
      /^bad-signature: channel: is signed as "platte-catalog\+jws", not as platte-channel\+jws/,
    )
    expect(await refusal(openEnvelope(bytes, type, role))).toMatch(/0 of 1 .*signed it as "platte-catalog\+jws"/)
  })

  test('with any one byte changed is refused', async () => {
    const bytes = await seal(type, bytesOf({ a: 1 }), [first])
    for (let i = 0; i < bytes.length; i++)
      for (const mask of [1, 1 << (1 + (i % 7))]) {
        const changed = bytes.with(i, (bytes[i] ?? 0) ^ mask)
        expect(await refusal(openEnvelope(changed, type, role)), `byte ${i} xor ${mask}`).toMatch(/^bad-signature: /)
      }
  })

  test('with bytes changed, cut or added is refused, or opens to the same payload', async () => {
    const bytes = await seal(type, payload, [first, await newKey(alg), second])
    const edit = fc.record({ at: fc.nat(bytes.length), cut: fc.nat(3), add: fc.uint8Array({ maxLength: 3 }) })
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, cut, add }) => {
        const changed = Buffer.concat([bytes.subarray(0, at), add, bytes.subarray(at + cut)])
        const opened = await openEnvelope(changed, type, role).catch(() => undefined)
        if (opened !== undefined) expect(opened).toEqual(payload)
      }),
      { numRuns: 500 },
    )
  })
})

describe('sealing', async () => {
  const key = await newKey('EdDSA')
  const many = Array.from({ length: 17 }, (_, i): Signer => ({ ...key, keyId: `${i}`.padStart(43, 'A') }))
  const short: Signer = { ...key, sign: async () => new Uint8Array(70) }

  test.each([
    ['without a key', payload, [], /^credentials: channel: there is no key to sign with/],
    ['with one key twice', payload, [key, key], /^credentials: channel: the same key would sign twice/],
    ['with 17 keys', payload, many, /^too-large: channel: more than 16 signatures/],
    ['with a key that signs in DER', payload, [short], /^credentials: key .* gave a signature of 70 bytes, not 64/],
    ['a member twice', bytesOf('{"seq":1,"seq":2}'), [key], /^bad-document: channel: .*each member once/],
    ['indented JSON', bytesOf('{ "seq": 1 }'), [key], /^bad-document: channel: .*compact JSON/],
    ['a BOM', bytesOf('\ufeff{"seq":1}'), [key], /^bad-document: channel/],
    ['what is no JSON', bytesOf('seq: 1'), [key], /^bad-document: channel/],
    ['what is no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), [key], /^bad-document: channel/],
    [
      'more than readers take',
      bytesOf({ text: 'x'.repeat(1024 * 1024) }),
      [key],
      /^too-large: channel: \d+ bytes, more than the limit of 1048576/,
    ],
  ] as const)('%s is refused', async (_title, bytes, signers, want) => {
    expect(await refusal(seal(type, bytes, signers))).toMatch(want)
  })

  test('a 17th signature is refused', async () => {
    const full = await seal(type, payload, many.slice(1))
    expect(await refusal(addSignature(full, type, key))).toMatch(/^too-large: channel: more than 16 signatures/)
  })
})
