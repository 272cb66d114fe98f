/** ChannelManifests: the current one, those beyond the catalog, and those before it. */
import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/trust/digest.ts'
import { seal } from '../../src/trust/envelope.ts'
import { answersTo, verifyChannel, verifyHead, verifyPast } from '../../src/trust/verify-documents.ts'
import { verifyNextRoot } from '../../src/trust/verify-root.ts'
import {
  algorithms,
  app,
  at,
  bytesOf,
  channelDocument,
  day,
  minute,
  newKeys,
  newWorld,
  now,
  refusal,
  rootDocument,
} from './world.ts'

const type = 'platte-channel+jws'
const ref = { app, channel: 'stable' }
const alias = '9a2deb70-37be-4026-853f-bfdd6b347bbe'
const entryOf = async (bytes: Uint8Array, seq = 42) => ({ seq, sha256: await sha256Hex(bytes), size: bytes.length })

describe.each(algorithms)('a ChannelManifest (%s)', async (alg) => {
  const world = await newWorld(alg)
  const { trusted, release, timestamp } = world
  const sealChannel = (more: object = {}, signers = release) => seal(type, bytesOf(channelDocument(more)), signers)
  const honest = await sealChannel()
  const entry = await entryOf(honest)

  test('named by the catalog is opened, by its name and by its alias', async () => {
    const found = await verifyChannel(honest, trusted, { ...ref, entry, now })
    expect(found).toEqual({ manifest: channelDocument(), sha256: entry.sha256, size: honest.length })
    expect(await refusal(verifyChannel(honest, trusted, { ...ref, request: alias, entry, now }))).toBe('accepted')
    expect(['stable', alias, 'beta', '', 'length'].map((name) => answersTo(found.manifest, name))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  test.each([
    [
      'of another size',
      {},
      { entry: { ...entry, size: entry.size + 1 } },
      /^mismatch: .*\/stable: \d+ bytes, the catalog says/,
    ],
    [
      'of another digest',
      {},
      { entry: { ...entry, sha256: 'a'.repeat(64) } },
      /^mismatch: .*its SHA-256 is not the catalog's/,
    ],
    ['of a lower seq', { seq: 41 }, {}, /^mismatch: .*says revision 41, not 42/],
    [
      'of a seq that the catalog ran ahead of',
      {},
      { seq: 9e15 },
      /^mismatch: .*says revision 42, not 9000000000000000/,
    ],
    ['of another channel', { channel: 'beta' }, {}, /^mismatch: .*says channel beta, not stable/],
    [
      'of another channel that names this one as an alias',
      { channel: 'beta', aliases: ['stable'] },
      {},
      /^mismatch: .*says channel beta, not stable/,
    ],
    ['of another app', { app: 'other' }, {}, /^mismatch: .*says app other/],
    [
      'asked for by an alias that only the catalog names',
      {},
      { request: 'nightly' },
      /^mismatch: .*does not name "nightly" as an alias/,
    ],
    ['asked for by an alias, having none', { aliases: [] }, { request: alias }, /^mismatch: .*as an alias/],
    ['that expired', { expires: at(-1) }, {}, /^expired: .*\/stable: expired at/],
    ['from the instant on that it expires', { expires: at(0) }, {}, /^expired: /],
    ['before it expires', { expires: at(1) }, {}, 'accepted'],
    ['issued in the future', { issuedAt: at(5 * minute + 1) }, {}, /^from-the-future: .*\/stable/],
    ['of a catalog', { type: 'catalog' }, {}, /^bad-document: channel: type/],
    ['of another format', { format: 0 }, {}, /^bad-document: channel: format/],
    ['with an unknown member', { hold: true }, {}, /^bad-document: channel: hold/],
    ['with an alias named __proto__', { aliases: ['__proto__'] }, {}, /^bad-document: channel: aliases/],
  ] as const)('%s', async (_title, more, check, want) => {
    const bytes = await sealChannel(more)
    const { seq = 42, ...rest } = { seq: undefined, ...check }
    const checks = { ...ref, entry: await entryOf(bytes, seq), now, ...rest }
    expect(await refusal(verifyChannel(bytes, trusted, checks))).toMatch(want)
  })

  test('signed by the timestamp key is refused, whatever the catalog names', async () => {
    const bytes = await sealChannel({}, timestamp)
    expect(await refusal(verifyChannel(bytes, trusted, { ...ref, entry: await entryOf(bytes), now }))).toMatch(
      /^bad-signature: channel: 0 of 1 .*is not a key of this role/,
    )
  })

  test('and a catalog cannot replace each other, even if one key serves two roles', async () => {
    const shared = rootDocument({ ...world, timestamp: release, version: 2 })
    const both = await verifyNextRoot(await seal('platte-root+jws', bytesOf(shared), world.root), trusted)
    expect(await refusal(verifyChannel(honest, both, { ...ref, entry, now }))).toBe('accepted')
    const asCatalog = await seal('platte-catalog+jws', bytesOf(channelDocument()), release)
    expect(await refusal(verifyChannel(asCatalog, both, { ...ref, entry: await entryOf(asCatalog), now }))).toMatch(
      /^bad-signature: channel: 0 of 1 .*signed it as "platte-catalog\+jws"/,
    )
  })

  describe('ahead of the catalog', () => {
    const previous = 'b'.repeat(64)
    test.each([
      ['that follows', {}, { previous }, 'accepted'],
      ['where the writer does not know what is before it', {}, {}, 'accepted'],
      ['that is past its time', { issuedAt: at(-2 * day), expires: at(-day) }, { previous }, 'accepted'],
      ['that a wrong clock wrote', { issuedAt: at(day) }, { previous }, 'accepted'],
      [
        'that follows another',
        {},
        { previous: 'c'.repeat(64) },
        /^fork: .*\/stable: revision 42 does not follow the manifest before it/,
      ],
      ['that follows nothing', { previous: undefined }, { previous }, /^fork: /],
      ['of another seq', { seq: 43 }, { previous }, /^mismatch: .*says revision 43, not 42/],
      ['of another channel', { channel: 'beta' }, { previous }, /^mismatch: .*says channel beta/],
      [
        'of another channel that has this alias',
        { channel: 'beta', aliases: ['stable'] },
        {},
        /^mismatch: .*says channel beta/,
      ],
      ['of another app', { app: 'other' }, { previous }, /^mismatch: .*says app other/],
      ['that is the first', { seq: 1, previous: undefined }, { seq: 1 }, 'accepted'],
      ['that is the first, and follows one', { seq: 1 }, { seq: 1, previous }, /^fork: /],
    ] as const)('%s', async (_title, more, check, want) => {
      expect(await refusal(verifyHead(await sealChannel(more), trusted, { ...ref, seq: 42, ...check }))).toMatch(want)
    })

    test('is opened to the same result as through the next catalog', async () => {
      const found = await verifyHead(honest, trusted, { ...ref, seq: 42 })
      expect(found).toEqual(await verifyChannel(honest, trusted, { ...ref, entry, now }))
    })

    test('signed by the timestamp key is refused', async () => {
      const bytes = await sealChannel({}, timestamp)
      expect(await refusal(verifyHead(bytes, trusted, { ...ref, seq: 42 }))).toMatch(/^bad-signature: channel: 0 of 1/)
    })
  })

  describe('of the past', () => {
    test('is opened by its digest after its key was removed', async () => {
      const rotated = rootDocument({ ...world, release: await newKeys(alg, 1), version: 2 })
      const second = await verifyNextRoot(await seal('platte-root+jws', bytesOf(rotated), world.root), trusted)
      expect(await refusal(verifyChannel(honest, second, { ...ref, entry, now }))).toMatch(/^bad-signature/)
      const found = await verifyPast(honest, entry.sha256, { ...ref, seq: 42 })
      expect(found).toEqual({ manifest: channelDocument(), sha256: entry.sha256, size: honest.length })
    })

    test.each([
      ['other bytes', 'a'.repeat(64), {}, /^mismatch: channel: its SHA-256 is/],
      ['another seq', entry.sha256, { seq: 41 }, /^mismatch: .*says revision 42, not 41/],
      ['another channel', entry.sha256, { channel: 'beta' }, /^mismatch: .*says channel stable, not beta/],
      ['an alias', entry.sha256, { channel: alias }, /^mismatch: .*says channel stable/],
      ['another app', entry.sha256, { app: 'other' }, /^mismatch: .*says app/],
    ] as const)('is refused for %s', async (_title, sha256, want, message) => {
      expect(await refusal(verifyPast(honest, sha256, { ...ref, seq: 42, ...want }))).toMatch(message)
    })
  })
})
