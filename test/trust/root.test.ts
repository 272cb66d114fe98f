/** The root chain, and attacks on it, with real keys. */
import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/trust/digest.ts'
import { addSignature, seal } from '../../src/trust/envelope.ts'
import {
  checkRootFresh,
  formatPin,
  parsePin,
  roleOf,
  verifyNextRoot,
  verifyPinnedRoot,
} from '../../src/trust/verify-root.ts'
import {
  algorithms,
  at,
  bytesOf,
  day,
  minute,
  newKey,
  newKeys,
  newWorld,
  now,
  refusal,
  respell,
  rootDocument,
  type TestKey,
  type World,
} from './world.ts'

const type = 'platte-root+jws'
const sealRoot = (document: object, signers: readonly TestKey[]) => seal(type, bytesOf(document), signers)
const pinOf = async (bytes: Uint8Array, version = 1) => ({ version, sha256: await sha256Hex(bytes) })

describe('a pin', () => {
  const digest = '0123456789abcdef'.repeat(4)
  test('is parsed', () => {
    expect(parsePin(`1:sha256:${digest}`)).toEqual({ version: 1, sha256: digest })
    expect(parsePin(` 12:sha256:${digest}\n`)).toEqual({ version: 12, sha256: digest })
    expect(formatPin({ version: 3, sha256: digest })).toBe(`3:sha256:${digest}`)
  })

  test.each([
    '',
    digest,
    `sha256:${digest}`,
    `0:sha256:${digest}`,
    `01:sha256:${digest}`,
    `-1:sha256:${digest}`,
    `1e3:sha256:${digest}`,
    `9999999999:sha256:${digest}`,
    `1:sha512:${digest}`,
    `1:sha256:${digest.toUpperCase()}`,
    `1:sha256:${digest.slice(1)}`,
    `1:sha256:${digest}0`,
    `1:sha256:${digest}\n1:sha256:${digest}`,
    '1'.repeat(60_000),
  ])('%j is refused', (text) => {
    expect(() => parsePin(text)).toThrow(
      expect.objectContaining({ code: 'configuration', hint: expect.stringContaining('1:sha256:<64 hex digits') }),
    )
  })
})

describe.each(algorithms)('the pinned root (%s)', async (alg) => {
  const { root, release, timestamp, stranger } = await newWorld(alg, { count: 2, threshold: 2 })
  const parts = { root, release, timestamp, threshold: 2 }
  const honest = rootDocument(parts)
  const bytes = await sealRoot(honest, root)

  test('is opened, with the signers of each role', async () => {
    const trusted = await verifyPinnedRoot(bytes, await pinOf(bytes))
    expect(trusted.root.version).toBe(1)
    expect(formatPin({ version: 1, sha256: trusted.sha256 })).toBe(formatPin(await pinOf(bytes)))
    expect(roleOf(trusted, 'release')).toEqual({
      threshold: 2,
      keys: release.map(({ keyId, jwk }) => ({ keyId, alg, jwk: expect.objectContaining(jwk) })),
    })
  })

  test.each([
    [
      'the pin of other bytes',
      honest,
      root,
      { sha256: 'a'.repeat(64) },
      /^mismatch: root: its SHA-256 is [0-9a-f]{64}, not a/,
    ],
    ['the pin of another version', honest, root, { version: 2 }, /^mismatch: .*are version 1, the pin says 2/],
    ['a draft with too few signatures', honest, root.slice(1), {}, /^bad-signature: root: 1 of 2/],
    ['signatures by the release role', honest, release, {}, /^bad-signature: root: 0 of 2/],
    ['another type', { ...honest, type: 'catalog' }, root, {}, /^bad-document: root: type/],
    ['another format', { ...honest, format: 0 }, root, {}, /^bad-document: root: format/],
    [
      'a newer format',
      { ...honest, format: 3 },
      root,
      {},
      /^bad-document: root: written by a newer Platte \(format 3\); upgrade this server$/,
    ],
    ['an unknown member', { ...honest, note: '' }, root, {}, /^bad-document: root: note/],
    [
      'an unknown role',
      { ...honest, roles: { ...honest.roles, mirror: honest.roles.root } },
      root,
      {},
      /^bad-document: root: roles.mirror/,
    ],
    [
      'a threshold above its keys',
      rootDocument({ ...parts, threshold: 3 }),
      root,
      {},
      /^bad-document: root 1: root needs 3 of 2 keys/,
    ],
    [
      'a threshold of 0',
      rootDocument({ ...parts, threshold: 0 }),
      root,
      {},
      /^bad-document: root: roles.root.threshold/,
    ],
    [
      'a key id that is no thumbprint',
      { ...honest, roles: { ...honest.roles, release: { threshold: 1, keyIds: ['A'.repeat(43)] } } },
      root,
      {},
      /^bad-document: root 1: release names key AAAAAAAA…, which is the thumbprint of no key/,
    ],
    [
      'a role of a key that is not listed',
      { ...honest, keys: honest.keys.slice(0, -1) },
      root,
      {},
      /^bad-document: root 1: timestamp names key/,
    ],
    [
      'a key id twice in a role',
      rootDocument({ ...parts, release: [stranger, stranger] }),
      root,
      {},
      /^bad-document: root: roles.release.keyIds: names a key twice/,
    ],
    [
      'a key twice',
      { ...honest, keys: [...honest.keys, honest.keys[0]] },
      root,
      {},
      /^bad-document: root 1: lists key .* twice/,
    ],
    [
      'a private key',
      { ...honest, keys: [{ ...honest.keys[0], d: 'A'.repeat(43) }, ...honest.keys.slice(1)] },
      root,
      {},
      /^bad-document: root: keys\.0\.d/,
    ],
    [
      'an RSA key',
      { ...honest, keys: [...honest.keys, { kty: 'RSA', n: 'AQAB', e: 'AQAB' }] },
      root,
      {},
      /^bad-document: root: keys\.6\.kty/,
    ],
    [
      'a key with an alg',
      { ...honest, keys: [...honest.keys, { ...stranger.jwk, alg: 'none' }] },
      root,
      {},
      /^bad-document: root: keys\.6\.alg/,
    ],
    [
      'a key in another spelling',
      { ...honest, keys: [...honest.keys, { ...stranger.jwk, x: `${'A'.repeat(42)}B` }] },
      root,
      {},
      /^bad-document: root 1: a key is not written in canonical base64url/,
    ],
  ] as const)('is refused with %s', async (_title, document, signers, pin, want) => {
    const sealed = await sealRoot(document, signers)
    expect(await refusal(verifyPinnedRoot(sealed, { ...(await pinOf(sealed)), ...pin }))).toMatch(want)
  })

  test('is refused if two of its keys are spellings of one key', async () => {
    const [key] = root
    if (key === undefined) throw new Error('no key')
    const twin = { ...key.jwk, x: respell(key.jwk.x) }
    const sealed = await sealRoot({ ...honest, keys: [...honest.keys, twin] }, root)
    expect(await refusal(verifyPinnedRoot(sealed, await pinOf(sealed)))).toMatch(
      /^bad-document: root 1: a key is not written in canonical base64url/,
    )
  })

  test('is refused above the size limit, before it is hashed or read', async () => {
    expect(await refusal(verifyPinnedRoot(new Uint8Array(64 * 1024 + 1), await pinOf(bytes)))).toMatch(
      /^too-large: root/,
    )
  })

  test('may be signed in two places, one after the other', async () => {
    const [first, second] = root
    if (first === undefined || second === undefined) throw new Error('no keys')
    const both = await addSignature(await sealRoot(honest, [first]), type, second)
    expect(await refusal(verifyPinnedRoot(both, await pinOf(both)))).toBe('accepted')
  })

  test('may have more keys than its threshold', async () => {
    const strict = rootDocument({ ...parts, root: [...root, stranger] })
    const sealed = await sealRoot(strict, [stranger, ...root.slice(1)])
    expect(await refusal(verifyPinnedRoot(sealed, await pinOf(sealed)))).toBe('accepted')
  })
})

describe.each(algorithms)('the next root (%s)', async (alg) => {
  const world = await newWorld(alg)
  const { trusted, root: oldKeys, release, timestamp } = world
  const newKeysOfRoot = await newKeys(alg, 2)
  const parts = { root: newKeysOfRoot, release, timestamp }
  const document = (more: object = {}, version = 2) => rootDocument({ ...parts, version, threshold: 1, more })
  const all = [...oldKeys, ...newKeysOfRoot]

  test('is opened if both the old and the new root role signed it', async () => {
    const bytes = await sealRoot(document(), all.slice(0, 2))
    const next = await verifyNextRoot(bytes, trusted)
    expect(next.root.version).toBe(2)
    expect(next.sha256).toBe(await sha256Hex(bytes))
    expect(roleOf(next, 'root').keys.map(({ keyId }) => keyId)).toEqual(newKeysOfRoot.map(({ keyId }) => keyId))
  })

  test.each([
    ['signed by the new keys alone', document(), newKeysOfRoot, /^bad-signature: root: 0 of 1/],
    ['signed by the old key alone', document(), oldKeys, /^bad-signature: root: 0 of 1/],
    [
      'signed by too few of the new keys',
      { ...document(), roles: { ...document().roles, root: { ...document().roles.root, threshold: 2 } } },
      all.slice(0, 2),
      /^bad-signature: root: 1 of 2/,
    ],
    ['signed by the release role', document(), release, /^bad-signature: root: 0 of 1/],
    ['that skips a version', document({}, 3), all, /^mismatch: root: version 3 does not follow version 1/],
    ['of the same version', document({}, 1), all, /^rollback: root: version 1 does not follow version 1/],
    ['fast-forwarded', document({}, Number.MAX_SAFE_INTEGER), all, /^mismatch: root: version 9007199254740991/],
    ['of another type', document({ type: 'channel' }), all, /^bad-document: root: type/],
    [
      'that names an unknown key',
      document({ keys: newKeysOfRoot.map(({ jwk }) => jwk) }),
      all,
      /^bad-document: root 2: release names key/,
    ],
  ] as const)('is refused %s', async (_title, next, signers, want) => {
    expect(await refusal(verifyNextRoot(await sealRoot(next, signers), trusted))).toMatch(want)
  })

  test('is refused after a later one: a chain does not go back', async () => {
    const second = await verifyNextRoot(await sealRoot(document(), all), trusted)
    expect(await refusal(verifyNextRoot(await sealRoot(document(), all), second))).toMatch(/^rollback: /)
  })

  test('may raise the format, and later ones cannot lower it', async () => {
    const second = await verifyNextRoot(await sealRoot(document({ format: 2 }), all), trusted)
    expect(second.root.format).toBe(2)
    const third = (format: number) => sealRoot(document({ format }, 3), newKeysOfRoot)
    expect(await refusal(verifyNextRoot(await third(2), second))).toBe('accepted')
    expect(await refusal(verifyNextRoot(await third(1), second))).toMatch(
      /^rollback: root: goes back from format 2 to format 1$/,
    )
  })

  test('removes a stolen root key: its signature alone no longer counts', async () => {
    const second = await verifyNextRoot(await sealRoot(document(), all), trusted)
    const evil = rootDocument({ root: oldKeys, release: oldKeys, timestamp: oldKeys, version: 3 })
    expect(await refusal(verifyNextRoot(await sealRoot(evil, oldKeys), second))).toMatch(/^bad-signature: root: 0 of 1/)
  })

  test('may mix both types of keys', async () => {
    const other = await newKey(alg === 'EdDSA' ? 'ES256' : 'EdDSA')
    const mixed = rootDocument({ root: [...oldKeys, other], release, timestamp: [other], version: 2, threshold: 1 })
    const bytes = await sealRoot({ ...mixed, roles: { ...mixed.roles, root: { ...mixed.roles.root, threshold: 2 } } }, [
      other,
      ...oldKeys,
    ])
    expect(await refusal(verifyNextRoot(bytes, trusted))).toBe('accepted')
  })
})

describe('a root', async () => {
  const world: World = await newWorld('EdDSA')
  const chain = async (more: object) =>
    verifyNextRoot(await sealRoot(rootDocument({ ...world, version: 2, more }), world.root), world.trusted)

  test.each([
    ['that never expires', {}, 'accepted'],
    ['before it expires', { expires: at(1) }, 'accepted'],
    ['from the instant on that it expires', { expires: at(0) }, /^expired: root 2: expired at 2026-11-23/],
    ['after it expired', { expires: at(-day) }, /^expired: root 2/],
    ['of a clock that is 5 minutes ahead', { issuedAt: at(5 * minute) }, 'accepted'],
    ['of a clock that is further ahead', { issuedAt: at(5 * minute + 1) }, /^from-the-future: root 2/],
  ] as const)('%s', async (_title, more, want) => {
    const trusted = await chain(more)
    expect(await refusal((async () => checkRootFresh(trusted, now))())).toMatch(want)
  })
})
