/** Thresholds are over distinct keys of the role, and what an envelope can make a reader compute is bounded. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { attempt, flipLast, type Row, type Scene, sceneOf, victims, withSigners } from './victims.ts'
import { algorithms, bytesOf, headerOf, newWorld, refusal, signRaw } from './world.ts'

describe.each(algorithms)('a threshold of 2 (%s)', async (alg) => {
  const world = await newWorld(alg, { count: 3, threshold: 2 })
  const doubleRows: readonly Row[] = [
    ['one signature', withSigners((s) => [s.key]), /1 of 2 needed signatures are good$/],
    [
      'one signature twice',
      (s) => ({ ...s.honest, signatures: [s.honest.signatures[0], s.honest.signatures[0]] }),
      /1 of 2 .*: counts once\)$/,
    ],
    [
      'two signatures by one key',
      async (s) => ({
        ...s.honest,
        signatures: await Promise.all([0, 1].map(() => signRaw({ header: s.header, key: s.key, payload: s.payload }))),
      }),
      /1 of 2/,
    ],
    [
      'one good and one bad',
      (s) => ({
        ...s.honest,
        signatures: s.honest.signatures
          .slice(0, 2)
          .map((one, i) => (i === 0 ? one : { ...one, signature: flipLast(one.signature) })),
      }),
      /1 of 2 .*its signature is bad/,
    ],
    ['one good and one of a stranger', withSigners((s) => [s.key, s.stranger]), /1 of 2 .*is not a key of this role/],
    [
      'one good and two of another role',
      withSigners((s) => [s.key, ...s.others.slice(0, 2)]),
      /1 of 2 .*is not a key of this role/,
    ],
    [
      'one good and one with another typ',
      async (s) => ({
        ...s.honest,
        signatures: [
          s.honest.signatures[0],
          await signRaw({
            header: { ...headerOf(s.type, s.keys[1] ?? s.key), typ: 'JWT' },
            key: s.keys[1] ?? s.key,
            payload: s.payload,
          }),
        ],
      }),
      /1 of 2 .*signed it as "JWT"/,
    ],
    [
      'the signature of one key under the kid of another',
      async (s) => ({
        ...s.honest,
        signatures: [
          s.honest.signatures[0],
          await signRaw({ header: headerOf(s.type, s.keys[1] ?? s.key), key: s.key, payload: s.payload }),
        ],
      }),
      /1 of 2 .*its signature is bad/,
    ],
  ]
  describe.each(Object.keys(victims))('%s', async (name) => {
    const scene = await sceneOf(world, name)

    test.each([
      ['any two keys', withSigners((s) => s.keys.slice(1))],
      [
        'two keys after strangers and failures',
        (s: Scene) => ({
          ...s.honest,
          signatures: s.honest.signatures.map((one, i) =>
            i === 0 ? { ...one, signature: flipLast(one.signature) } : one,
          ),
        }),
      ],
    ] as const)('is met by %s', async (_title, make) => {
      const made = await make(scene)
      expect(await refusal(scene.open(made instanceof Uint8Array ? made : bytesOf(made)))).toBe('accepted')
    })

    test.each(doubleRows)('is not met by %s', async (_title, attack, want) => {
      expect(await attempt(scene, attack)).toMatch(want)
    })
  })
})

describe('the cost of a document', async () => {
  const world = await newWorld('EdDSA')
  const scene = await sceneOf(world, 'catalog')
  const bad = scene.honest.signatures.map((one) => ({ ...one, signature: flipLast(one.signature) }))
  const strangers = await Promise.all(
    Array.from({ length: 15 }, () =>
      signRaw({ header: headerOf(scene.type, world.stranger), key: world.stranger, payload: scene.payload }),
    ),
  )
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test.each([
    ['nothing for keys outside the role', [...strangers, ...bad].slice(0, 15), 0],
    ['one verification where strangers stand before the good one', [...strangers, ...scene.honest.signatures], 1],
    ['none after the threshold is met', [...scene.honest.signatures, ...Array(15).fill(bad[0])], 1],
    ['16 verifications at most', Array(16).fill(bad[0]), 16],
    ['nothing for 17', Array(17).fill(bad[0]), 0],
  ])('is %s', async (_title, signatures, want) => {
    const verify = vi.spyOn(crypto.subtle, 'verify')
    await refusal(scene.open(bytesOf({ payload: scene.payload, signatures })))
    expect(verify).toHaveBeenCalledTimes(want)
  })
})
