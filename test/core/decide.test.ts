import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Channel, Hold, Release } from '../../src/release/channel.ts'
import { type Check, decide } from '../../src/release/decide.ts'
import { compareVersions, parseVersion } from '../../src/release/version.ts'
import { answer, bytesOf, held, night, noon, release, viewOf } from './releases.ts'

const why = { reason: 'boot loop' }
/** Not begun at noon. */
const ramp = [{ at: '2026-11-24T00:00:00Z', share: 1 }]
/** Never complete. */
const half = [{ at: '2026-11-01T00:00:00Z', share: 0.999999 }]
const three = [release('1'), release('2'), release('3')]

type Row = readonly [string, Partial<Check>, Release[], string, { holds?: Hold[]; more?: Omit<Channel, 'releases'> }?]

const rows: readonly Row[] = [
  // What is there at all.
  ['an empty channel', {}, [], 'no-release-for-board'],
  ['a board that has none', { board: 'arm64-usr' }, three, 'no-release-for-board'],
  ['no board', { board: '' }, three, 'no-release-for-board'],
  ['a board named as what objects carry', { board: 'constructor' }, three, 'no-release-for-board'],
  ['__proto__', { board: '__proto__' }, three, 'no-release-for-board'],
  ['the newest', {}, three, 'update 3'],
  ['listed in any order', {}, [release('2'), release('10'), release('9')], 'update 10'],
  ['already there', { version: '3' }, three, 'up-to-date'],
  ['already there, spelled otherwise', { version: '03.0.0+local' }, three, 'up-to-date'],
  ['already beyond', { version: '4' }, three, 'up-to-date'],
  ['a pre-release of the newest', { version: '3-rc1' }, three, 'update 3'],
  ['an unreadable version is below everything', { version: 'developer' }, three, 'update 3'],
  ['no version', { version: '' }, three, 'update 3'],
  ['only releases of its own board', {}, [release('2'), release('3', { boards: { x: bytesOf() } })], 'update 2'],
  // Held.
  ['held for all boards', {}, [release('3')], 'held 3 (https://example.org/why)', { holds: [held('3')] }],
  ['held for this board', {}, [release('3')], 'held 3 (https://example.org/why)', { holds: [held('3', 'amd64-usr')] }],
  ['held for another board', {}, [release('3')], 'update 3', { holds: [held('3', 'arm64-usr')] }],
  [
    'held under another spelling',
    {},
    [release('3.0.0')],
    'held 3.0.0 (https://example.org/why)',
    { holds: [held('3')] },
  ],
  ['the newest held: the one before', {}, three, 'update 2', { holds: [held('3')] }],
  [
    'all held: the reason of the newest',
    {},
    three,
    'held 3 (https://example.org/why)',
    { holds: [held('2'), held('3')] },
  ],
  [
    'held, and it runs the one before',
    { version: '2' },
    three,
    'held 3 (https://example.org/why)',
    { holds: [held('3')] },
  ],
  ['held, and it runs it', { version: '3' }, three, 'up-to-date', { holds: [held('3')] }],
  ['a hold on what is not there', {}, three, 'update 3', { holds: [held('7')] }],
  // Withdrawn.
  ['withdrawn', {}, [release('3', { withdrawn: why })], 'withdrawn 3 (boot loop)'],
  ['withdrawn and held', {}, [release('3', { withdrawn: why })], 'withdrawn 3 (boot loop)', { holds: [held('3')] }],
  ['the newest withdrawn: the one before', {}, [release('2'), release('3', { withdrawn: why })], 'update 2'],
  [
    'it runs a withdrawn one that is the newest',
    { version: '3' },
    [release('2'), release('3', { withdrawn: why })],
    'up-to-date',
  ],
  // Dead ends.
  ['it runs a dead end', {}, [release('1', { deadEnd: why }), release('2')], 'dead-end 1 (boot loop)'],
  [
    'a dead end spelled otherwise',
    { version: '1.0' },
    [release('1', { deadEnd: why }), release('2')],
    'dead-end 1 (boot loop)',
  ],
  [
    'a dead end of another board',
    {},
    [release('1', { deadEnd: why, boards: { x: bytesOf() } }), release('2')],
    'update 2',
  ],
  ['a dead end that it does not run', { version: '0' }, [release('1', { deadEnd: why }), release('2')], 'update 2'],
  [
    'a dead end beats rollbackFrom',
    { version: '2' },
    [release('1'), release('2', { deadEnd: why })],
    'dead-end 2 (boot loop)',
    { more: { rollbackFrom: ['2'] } },
  ],
  // Floors.
  ['a floor first', {}, [release('2', { floor: why }), release('3')], 'update 2'],
  [
    'the lowest floor first',
    {},
    [release('3', { floor: why }), release('2', { floor: why }), release('4')],
    'update 2',
  ],
  ['the floor that it runs is passed', { version: '2' }, [release('2', { floor: why }), release('3')], 'update 3'],
  ['a floor below what it runs', { version: '2.1' }, [release('2', { floor: why }), release('3')], 'update 3'],
  [
    'an unreadable version passes every floor',
    { version: '?' },
    [release('2', { floor: why }), release('3')],
    'update 2',
  ],
  ['the newest is itself a floor', {}, [release('2'), release('3', { floor: why })], 'update 3'],
  ['a floor of another board', {}, [release('2', { floor: why, boards: { x: bytesOf() } }), release('3')], 'update 3'],
  [
    'a held floor is never jumped',
    {},
    [release('2', { floor: why }), release('3')],
    'floor-held 2 (https://example.org/why)',
    { holds: [held('2')] },
  ],
  [
    'a held floor, and an older release below it',
    {},
    [release('1.5'), release('2', { floor: why }), release('3')],
    'update 1.5',
    { holds: [held('2')] },
  ],
  [
    'a withdrawn floor is never jumped',
    {},
    [release('2', { floor: why, withdrawn: why }), release('3')],
    'floor-held 2 (boot loop)',
  ],
  ['a floor held elsewhere', {}, [release('2', { floor: why }), release('3')], 'update 2', { holds: [held('2', 'x')] }],
  ['a floor obeys its ramp', {}, [release('2', { floor: why, ramp }), release('3')], 'not-in-ramp 2'],
  [
    'a floor that a person asks for skips its ramp and its window',
    { isManual: true },
    [release('2', { floor: why, ramp, windows: [night] }), release('3')],
    'update 2',
  ],
  [
    'a floor obeys its target',
    { oem: 'pxe' },
    [release('2', { floor: why, target: { oem: { not: ['pxe'] } } }), release('3')],
    'target 2 (it is not for OEM pxe)',
  ],
  ...(
    [
      ['ramp', { ramp }],
      ['target', { target: { from: '<0' } }],
      ['window', { windows: [night] }],
    ] as const
  ).map(
    ([what, more]): Row => [
      `a floor closed by its ${what}: the newest complete release below it`,
      {},
      [
        ...[release('1.2'), release('1.5'), release('1.6', { ramp }), release('1.7', { deadEnd: why })],
        ...[release('2', { floor: why, ...more }), release('3')],
      ],
      'update 1.5',
    ],
  ),
  [
    'a closed floor, and below it only what it runs',
    { version: '1.5' },
    [release('1.5'), release('2', { floor: why, ramp }), release('3')],
    'not-in-ramp 2',
  ],
  [
    'a closed floor, and a closed window below it',
    {},
    [release('1.5', { windows: [night] }), release('2', { floor: why, ramp }), release('3')],
    'outside-window 1.5',
  ],
  ['a floor obeys its windows', {}, [release('2', { floor: why, windows: [night] }), release('3')], 'outside-window 2'],
  [
    'a floor with a target obeys its windows',
    {},
    [release('2', { floor: why, target: {}, windows: [night] }), release('3')],
    'outside-window 2',
  ],
  [
    'a floor with a ramp obeys its windows',
    {},
    [release('2', { floor: why, ramp: [{ at: '2026-11-01T00:00:00Z', share: 1 }], windows: [night] }), release('3')],
    'outside-window 2',
  ],
  // Conditions.
  ['a ramp', {}, [release('3', { ramp })], 'not-in-ramp 3'],
  ['an empty ramp', {}, [release('3', { ramp: [] })], 'not-in-ramp 3'],
  ['a ramped newest: the one before', {}, [release('2'), release('3', { ramp })], 'update 2'],
  [
    'a ramped newest: never a dead end before it',
    {},
    [release('1.5'), release('2', { deadEnd: why }), release('3', { ramp })],
    'update 1.5',
  ],
  [
    'a target',
    { oem: 'pxe' },
    [release('3', { target: { oem: { not: ['pxe'] } } })],
    'target 3 (it is not for OEM pxe)',
  ],
  ['an empty target', {}, [release('3', { target: {} })], 'update 3'],
  [
    'a target of the channel',
    {},
    three,
    'target 3 (it is for machines that run >2)',
    { more: { target: { from: '>2' } } },
  ],
  ['windows', {}, [release('3', { windows: [night] })], 'outside-window 3'],
  ['no windows at all is no window', {}, [release('3', { windows: [] })], 'outside-window 3'],
  ['windows of the channel', {}, three, 'outside-window 3', { more: { windows: [night] } }],
  // rollbackFrom.
  [
    'a lower one, to those that rollbackFrom names',
    { version: '4' },
    three,
    'update 3',
    { more: { rollbackFrom: ['4'] } },
  ],
  ['rollbackFrom spelled otherwise', { version: '4.0' }, three, 'update 3', { more: { rollbackFrom: ['4'] } }],
  ['rollbackFrom another', { version: '4' }, three, 'up-to-date', { more: { rollbackFrom: ['5'] } }],
  [
    'rollbackFrom does not offer what it runs',
    { version: '3' },
    [release('3')],
    'up-to-date',
    { more: { rollbackFrom: ['3'] } },
  ],
  ['rollbackFrom, and a higher one', { version: '2' }, three, 'update 3', { more: { rollbackFrom: ['2'] } }],
  [
    'rollbackFrom, and the lower one is held',
    { version: '4' },
    [release('3')],
    'held 3 (https://example.org/why)',
    { holds: [held('3')], more: { rollbackFrom: ['4'] } },
  ],
  [
    'rollbackFrom, and a held floor is the one to go to: a brake sends nobody below it',
    { version: '3' },
    [release('1'), release('2', { floor: why }), release('3', { withdrawn: why })],
    'floor-held 2 (https://example.org/why)',
    { holds: [held('2')], more: { rollbackFrom: ['3'] } },
  ],
  // What clients restrict.
  ['a prefix', { limits: { versionPrefix: '2' } }, [release('2.1'), release('2.3'), release('3')], 'update 2.3'],
  ['a prefix of parts, not of characters', { limits: { versionPrefix: '1' } }, [release('10')], 'version-prefix 10'],
  ['a prefix with a dot', { limits: { versionPrefix: '2.0.' } }, [release('2'), release('2.1')], 'update 2'],
  ['a whole version', { limits: { versionPrefix: '2.0$' } }, [release('2'), release('2.0.1')], 'update 2'],
  ['a whole pre-release', { limits: { versionPrefix: '2.0-rc1' } }, [release('2-rc1'), release('2')], 'update 2-rc1'],
  [
    'a whole build',
    { limits: { versionPrefix: '2.0+nightly' } },
    [release('2.0+nightly'), release('2.1')],
    'update 2.0+nightly',
  ],
  ['no version as a prefix', { limits: { versionPrefix: 'x' } }, three, 'version-prefix 3'],
  ['a prefix that it runs', { version: '3', limits: { versionPrefix: '2' } }, three, 'up-to-date'],
  [
    'a prefix, and a floor of another',
    { limits: { versionPrefix: '3' } },
    [release('2', { floor: why }), release('3')],
    'version-prefix 2',
  ],
  ['no update at all', { limits: { takesNoUpdate: true } }, three, 'update-disabled 3'],
  ['no update, and there is none', { version: '3', limits: { takesNoUpdate: true } }, three, 'up-to-date'],
  [
    'no rollback',
    { version: '4', limits: { takesNoRollback: true } },
    three,
    'rollback-disabled 3',
    { more: { rollbackFrom: ['4'] } },
  ],
  ['no rollback, and a higher one', { limits: { takesNoRollback: true } }, three, 'update 3'],
  ['it fell back just now', { limits: { hasFallenBack: true } }, three, 'fell-back 3'],
  // Boards.
  ['no board, and packages for any', { board: '' }, [release('2', { boards: { any: bytesOf() } })], 'update 2'],
  ['a board, and packages for any only', {}, [release('2', { boards: { any: bytesOf() } })], 'no-release-for-board'],
  // Servers that copy.
  [
    'a syncer and a ramp',
    { isSyncer: true, machineId: 'first' },
    [release('2'), release('3', { ramp: [...half] })],
    'update 2',
  ],
  [
    'a syncer that calls itself manual',
    { isSyncer: true, isManual: true },
    [release('2'), release('3', { ramp: [...half] })],
    'update 2',
  ],
  ...(
    [{ oem: { only: ['azure'] } }, { oem: { not: ['pxe'] } }, { from: '>=1' }, { machines: { deny: [] } }] as const
  ).map(
    (target): Row => [
      `a syncer and a target: ${JSON.stringify(target)}`,
      { isSyncer: true, oem: 'azure' },
      [release('3', { target })],
      'target 3 (it is not for every machine, and a syncer offers it to all of its own)',
    ],
  ),
  [
    'rollbackFrom is no way for an unreadable version',
    { version: 'main' },
    three,
    'update 3',
    { more: { rollbackFrom: ['4'] } },
  ],
]

describe('decide', () => {
  for (const [name, check, releases, want, { holds = [], more = {} } = {}] of rows)
    test(name, () => expect(answer(check, viewOf({ ...more, releases }, holds))).toBe(want))

  test('an offer has the packages of the board', () => {
    const boards = { 'amd64-usr': bytesOf('a'), 'arm64-usr': bytesOf('b') }
    const decision = decide(
      { version: '1', board: 'arm64-usr' },
      viewOf({ releases: [release('2', { boards })] }),
      noon,
    )
    expect(decision.kind === 'update' && decision.offer.packages).toEqual(bytesOf('b'))
  })

  test('a view is a snapshot: later changes of the channel do not affect it', () => {
    const releases = [release('2')]
    const view = viewOf({ releases })
    releases.push(release('3'))
    expect(decide({ version: '1', board: 'amd64-usr' }, view, noon)).toMatchObject({
      offer: { release: { version: '2' } },
    })
  })
})

const version = fc.integer({ min: 0, max: 12 }).map(String)
const flag = (probability: number) => fc.integer({ min: 1, max: 10 }).map((n) => n <= probability)
const anyRelease = fc
  .record({ version, floor: flag(3), withdrawn: flag(2), deadEnd: flag(1), ramp: flag(2), windows: flag(1) })
  .map(({ version, floor, withdrawn, deadEnd, ...conditions }) =>
    release(version, {
      ...(floor && { floor: why }),
      ...(withdrawn && { withdrawn: why }),
      ...(deadEnd && { deadEnd: why }),
      ...(conditions.ramp && { ramp }),
      ...(conditions.windows && { windows: [night] }),
    }),
  )
const anyChannel = fc.record({
  releases: fc.uniqueArray(anyRelease, { maxLength: 10, selector: (one) => one.version }),
  rollbackFrom: fc.array(version, { maxLength: 2 }),
})
const holds = fc.array(
  version.map((one) => held(one)),
  { maxLength: 3 },
)
const running = fc.oneof(version, fc.constant('developer'))
const order = (a: string, b: string): number => compareVersions(parseVersion(a), parseVersion(b))

test('for any channel: never lower, never past a floor, never held, withdrawn or with unmet conditions, never from a dead end', () => {
  let offers = 0
  fc.assert(
    fc.property(anyChannel, holds, running, (channel, holds, from) => {
      const decision = decide({ version: from, board: 'amd64-usr' }, viewOf(channel, holds), noon)
      if (decision.kind === 'no-update') return
      offers += 1
      const { release } = decision.offer
      const to = release.version
      const isHeld = (one: string) => holds.some((hold) => order(hold.version, one) === 0)
      expect(order(to, from)).not.toBe(0)
      if (order(to, from) < 0) expect(channel.rollbackFrom).toContain(from)
      const between = channel.releases.filter((one) => order(one.version, from) > 0 && order(one.version, to) < 0)
      expect(between.filter(({ floor }) => floor)).toEqual([])
      expect([release.withdrawn, isHeld(to), release.windows]).toEqual([undefined, false, undefined])
      expect(release.ramp).toBeUndefined()
      expect(channel.releases.find((one) => order(one.version, from) === 0)?.deadEnd).toBeUndefined()
    }),
    { numRuns: 2000, seed: 6 },
  )
  expect(offers).toBeGreaterThan(200)
})

test('a hold moves no machine further: it gets the same, an older one, one below a held floor, or nothing', () => {
  fc.assert(
    fc.property(anyChannel, holds, version, (channel, holds, from) => {
      const [free, braked] = [[], holds].map((some) =>
        decide({ version: from, board: 'amd64-usr' }, viewOf(channel, some), noon),
      )
      if (braked?.kind !== 'update') return
      if (free?.kind === 'update')
        expect(order(braked.offer.release.version, free.offer.release.version)).toBeLessThanOrEqual(0)
      else expect(['floor-held', 'outside-window']).toContain(free?.reason)
    }),
    { numRuns: 2000, seed: 6 },
  )
})
