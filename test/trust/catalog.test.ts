/** Catalogs: what is refused, and that nothing that is kept ever goes back. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { maxCatalogBytes } from '../../src/documents/catalog.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { addSignature, seal } from '../../src/trust/envelope.ts'
import { peekCatalogRoot, type VerifiedCatalog, verifyCatalog } from '../../src/trust/verify-documents.ts'
import { verifyNextRoot } from '../../src/trust/verify-root.ts'
import {
  algorithms,
  app,
  at,
  bytesOf,
  catalogDocument,
  catalogEntry,
  day,
  minute,
  newKeys,
  newWorld,
  now,
  refusal,
  rootDocument,
  type TestKey,
  type World,
} from './world.ts'

const type = 'platte-catalog+jws'
const sealCatalog = (world: World, document: object, signers: readonly TestKey[] = world.timestamp) =>
  seal(type, bytesOf(document), signers)

describe.each(algorithms)('a catalog (%s)', async (alg) => {
  const world = await newWorld(alg)
  const { trusted } = world
  const open = async (document: object, seen?: VerifiedCatalog, signers?: readonly TestKey[]) =>
    verifyCatalog(await sealCatalog(world, document, signers), trusted, { now, seen })

  test('is opened with everything that a cache needs', async () => {
    const document = catalogDocument()
    const found = await open(document)
    expect(found.catalog).toEqual(document)
    expect(found).toMatchObject({
      sha256: await sha256Hex(bytesOf(document)),
      issuedAtMs: now - minute,
      expiresMs: now + day,
      keyIds: world.timestamp.map(({ keyId }) => keyId),
    })
    expect([...found.marks]).toEqual([[`${app}/stable`, { seq: 42, sha256: 'a'.repeat(64) }]])
  })

  test.each([
    ['that expired', { issuedAt: at(-2 * day), expires: at(-day) }, /^expired: catalog: expired at 2026-11-22 06/],
    ['from the instant on that it expires', { expires: at(0) }, /^expired: /],
    ['before it expires', { expires: at(1) }, 'accepted'],
    ['5 minutes ahead', { issuedAt: at(5 * minute) }, 'accepted'],
    ['further ahead', { issuedAt: at(5 * minute + 1) }, /^from-the-future: catalog: was issued at 2026-11-23 06:05/],
    ['a century ahead', { issuedAt: '2126-01-01T00:00:00Z', expires: '2126-01-02T00:00:00Z' }, /^from-the-future: /],
    ['valid for as long as it may be', { issuedAt: at(-minute), expires: at(14 * day - minute) }, 'accepted'],
    [
      'valid for longer',
      { issuedAt: at(-minute), expires: at(14 * day - minute + 1) },
      /^expired: .*longer than the root allows \(P14D\)/,
    ],
    ['valid for a century', { expires: '2126-01-01T00:00:00Z' }, /^expired: .*longer than the root allows/],
    [
      'that expires before it was issued',
      { issuedAt: at(2 * minute), expires: at(minute) },
      /^expired: catalog: expires before it was issued/,
    ],
    ['of root 0', { root: 0 }, /^bad-document: catalog: root/],
    ['of a root that is text', { root: '1' }, /^bad-document: catalog: root/],
    ['of another type', { type: 'channel' }, /^bad-document: catalog: type/],
    ['of another format', { format: 0 }, /^bad-document: catalog: format/],
    [
      'of a newer format',
      { format: 3 },
      /^bad-document: catalog: written by a newer Platte \(format 3\); upgrade this server$/,
    ],
    ['with an unknown member', { next: 'https://example.org/' }, /^bad-document: catalog: next/],
    ['without apps', { apps: null }, /^bad-document: catalog: apps/],
    ['with an app named constructor', { apps: { Object: { channels: {} } } }, /^bad-document: catalog: apps/],
    ['with an app outside the store', { apps: { '../x': { channels: {} } } }, /^bad-document: catalog: apps/],
    ['with a channel at seq 0', { apps: { [app]: { channels: { stable: catalogEntry(0) } } } }, /^bad-document: .*seq/],
    [
      'with a seq that numbers cannot count',
      { apps: { [app]: { channels: { stable: catalogEntry(2 ** 53) } } } },
      /^bad-document: .*seq/,
    ],
  ] as const)('%s', async (_title, more, want) => {
    expect(await refusal(open(catalogDocument(more)))).toMatch(want)
  })

  test('with __proto__ among its apps is refused, without pollution', async () => {
    const text = JSON.stringify(catalogDocument()).replace(
      '"apps":{',
      '"apps":{"__proto__":{"channels":{},"polluted":1},',
    )
    expect(await refusal(verifyCatalog(await seal(type, bytesOf(text), world.timestamp), trusted, { now }))).toMatch(
      /^bad-document: catalog: apps/,
    )
    expect('polluted' in {}).toBe(false)
  })

  test.each([1, 2, 3])('that names root %i under root 2: the keys of root 2 decide', async (named) => {
    const timestamp = [world.stranger]
    const next = async (keys: object) =>
      verifyNextRoot(
        await seal('platte-root+jws', bytesOf(rootDocument({ ...world, ...keys, version: 2 })), world.root),
        trusted,
      )
    const bytes = await sealCatalog(world, catalogDocument({ root: named }))
    expect(await refusal(verifyCatalog(bytes, await next({}), { now }))).toBe('accepted')
    expect(await refusal(verifyCatalog(bytes, await next({ timestamp }), { now }))).toMatch(/^bad-signature: catalog/)
  })

  test('that expired can be opened by a writer that signs it again', async () => {
    for (const more of [
      { issuedAt: at(-99 * day), expires: at(-day) },
      { issuedAt: at(day) },
      { expires: at(99 * day) },
    ]) {
      const bytes = await sealCatalog(world, catalogDocument(more))
      expect(await refusal(verifyCatalog(bytes, trusted, { now }))).toMatch(/^(expired|from-the-future)/)
      expect(await refusal(verifyCatalog(bytes, trusted, { now, anyTime: true }))).toBe('accepted')
      const unsigned = await sealCatalog(world, catalogDocument(more), world.release)
      expect(await refusal(verifyCatalog(unsigned, trusted, { now, anyTime: true }))).toMatch(/^bad-signature/)
    }
  })

  describe('after another', async () => {
    const seen = await open(catalogDocument({}, { stable: catalogEntry(42), beta: catalogEntry(7, 'b') }))
    const later = { issuedAt: at(0) }
    test.each([
      ['the same again', {}, { stable: catalogEntry(42), beta: catalogEntry(7, 'b') }, 'accepted'],
      ['a newer one', later, { stable: catalogEntry(43, 'c'), beta: catalogEntry(7, 'b') }, 'accepted'],
      ['a newer one without a channel', later, { stable: catalogEntry(42) }, 'accepted'],
      [
        'an older one',
        { issuedAt: at(-minute - 1) },
        { stable: catalogEntry(42) },
        /^rollback: catalog: not newer than/,
      ],
      [
        'an older one with higher seqs',
        { issuedAt: at(-day) },
        { stable: catalogEntry(99, 'c') },
        /^rollback: catalog: not newer/,
      ],
      [
        'another one of the same instant',
        {},
        { stable: catalogEntry(43, 'c') },
        /^fork: catalog: there are two of 2026-11-23T05:59/,
      ],
      ['one of the same instant that lacks a channel', {}, { stable: catalogEntry(42) }, /^fork: /],
      [
        'a newer one with a lower seq',
        later,
        { stable: catalogEntry(41) },
        /^rollback: .*\/stable goes back from revision 42 to 41/,
      ],
      [
        'a newer one with another manifest at the same seq',
        later,
        { stable: catalogEntry(42, 'c') },
        /^fork: .*\/stable has two manifests at revision 42/,
      ],
      [
        'a newer one with a second channel lower',
        later,
        { stable: catalogEntry(43), beta: catalogEntry(6) },
        /^rollback: .*\/beta goes back from revision 7 to 6/,
      ],
    ] as const)('%s', async (_title, more, channels, want) => {
      expect(await refusal(open(catalogDocument(more, channels), seen))).toMatch(want)
    })

    test('keeps the seq of a channel that is dropped and comes back', async () => {
      const without = await open(catalogDocument({ issuedAt: at(-1000) }, { beta: catalogEntry(7, 'b') }), seen)
      const back = { stable: catalogEntry(41), beta: catalogEntry(7, 'b') }
      expect(await refusal(open(catalogDocument(later, back), without))).toMatch(
        /^rollback: .*goes back from revision 42 to 41/,
      )
    })

    test('the same with one more signature, or another signature, is not a fork', async () => {
      const document = catalogDocument({}, { stable: catalogEntry(42), beta: catalogEntry(7, 'b') })
      const bytes = await addSignature(await sealCatalog(world, document), type, world.stranger)
      expect(await refusal(verifyCatalog(bytes, trusted, { now, seen }))).toBe('accepted')
    })
  })

  test('of a stolen key with seq 9e15 does harm only until the key is removed', async () => {
    const seen = await open(catalogDocument({ issuedAt: at(-2 * minute) }, { stable: catalogEntry(9e15) }))
    const honest = { stable: catalogEntry(43) }
    expect(await refusal(open(catalogDocument({}, honest), seen))).toMatch(/^rollback: /)
    const timestamp = await newKeys(alg, 1)
    const next = await seal('platte-root+jws', bytesOf(rootDocument({ ...world, timestamp, version: 2 })), world.root)
    const second = await verifyNextRoot(next, trusted)
    const bytes = await seal(type, bytesOf(catalogDocument({ root: 2 }, honest)), timestamp)
    expect(await refusal(verifyCatalog(bytes, second, { now, seen }))).toBe('accepted')
    const older = await seal(type, bytesOf(catalogDocument({ root: 2, issuedAt: at(-day) }, honest)), timestamp)
    expect(await refusal(verifyCatalog(older, second, { now, seen }))).toMatch(/^rollback: catalog: not newer/)
  })

  test('keeps what was seen if a root only adds a timestamp key', async () => {
    const seen = await open(catalogDocument({ issuedAt: at(-2 * minute) }))
    const timestamp = [...world.timestamp, ...(await newKeys(alg, 1))]
    const next = await seal('platte-root+jws', bytesOf(rootDocument({ ...world, timestamp, version: 2 })), world.root)
    const bytes = await sealCatalog(world, catalogDocument({ root: 2 }, { stable: catalogEntry(41) }))
    expect(await refusal(verifyCatalog(bytes, await verifyNextRoot(next, trusted), { now, seen }))).toMatch(/goes back/)
  })
})

describe('peekCatalogRoot', async () => {
  const world = await newWorld('EdDSA')
  const peek = async (document: unknown) => peekCatalogRoot(await seal(type, bytesOf(document), [world.stranger]))

  test('returns the root version, without checking signatures', async () => {
    expect(await peek(catalogDocument({ root: 7 }))).toBe(7)
  })

  test.each([
    ['none', {}],
    ['null', { root: null }],
    ['0', { root: 0 }],
    ['a fraction', { root: 1.5 }],
    ['text', { root: '1' }],
    ['more than numbers can count', { root: 2 ** 53 }],
    ['one in a list', [{ root: 1 }]],
    ['one behind __proto__', '{"__proto__":{"root":1}}'],
    ['nothing', 'null'],
  ])('refuses %s', async (_title, document) => {
    expect(await refusal(peek(document))).toBe('bad-document: catalog: names no root')
  })

  test('refuses malformed and oversized envelopes', async () => {
    expect(await refusal((async () => peekCatalogRoot(bytesOf('{}')))())).toMatch(/^bad-signature: catalog/)
    expect(await refusal((async () => peekCatalogRoot(new Uint8Array(maxCatalogBytes + 1)))())).toMatch(
      /^too-large: catalog/,
    )
  })
})

test('honest catalogs in any order never move the mark back', async () => {
  const world = await newWorld('EdDSA')
  const step = fc.record({ stable: fc.nat(2), beta: fc.nat(2), hasBeta: fc.boolean() })
  const digit = (seq: number): string => (seq % 16).toString(16)
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 8 }),
      fc.array(fc.nat(7), { maxLength: 16 }),
      async (steps, order) => {
        let [stable, beta] = [1, 1]
        const history = await Promise.all(
          steps.map((one, i) => {
            stable += one.stable
            beta += one.beta
            const channels = {
              stable: catalogEntry(stable, digit(stable)),
              ...(one.hasBeta ? { beta: catalogEntry(beta, digit(beta)) } : {}),
            }
            return sealCatalog(world, catalogDocument({ issuedAt: at(i - 100) }, channels))
          }),
        )
        let kept: VerifiedCatalog | undefined
        for (const index of order) {
          const before = kept
          kept = await verifyCatalog(history[index % history.length] ?? new Uint8Array(), world.trusted, {
            now,
            seen: kept,
          }).catch((error: unknown) => {
            expect(error).toBeInstanceOf(PlatteError)
            expect(error).toHaveProperty('code', 'rollback')
            return before
          })
          expect(kept?.issuedAtMs).toBeGreaterThanOrEqual(before?.issuedAtMs ?? 0)
          for (const [name, mark] of before?.marks ?? [])
            expect(kept?.marks.get(name)?.seq ?? 0).toBeGreaterThanOrEqual(mark.seq)
        }
        const newest = Math.max(...order.map((index) => index % history.length))
        if (order.length > 0) expect(kept?.issuedAtMs).toBe(now + newest - 100)
      },
    ),
    { numRuns: 60 },
  )
})
