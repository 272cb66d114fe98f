/** States of a machine from what its contacts said, in any order, twice or not. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addFacts, type Fact, keysOf, type Meaning, meaningOfKey, type Sighting } from '../../src/fleet/facts.ts'
import { lifeOf } from '../../src/fleet/machine.ts'

const known = new Map<string, Meaning>()
const intern = (key: string): Meaning => {
  const found = known.get(key) ?? meaningOfKey(key)
  known.set(key, found)
  return found
}

type Said = Partial<Omit<Sighting, 'reported'>> & { readonly reported?: Sighting['reported'] }

const sighting = (said: Said): Sighting => ({
  ...{ at: 1, app: 'a', channel: 'stable', version: '1', machine: 'm', board: 'x', oem: '', oemVersion: '', alias: '' },
  ...{ isSyncer: false, answer: '', offered: '', reported: [], ...said },
})

const life = (...said: readonly Said[]) => {
  const facts: Fact[] = []
  for (const one of said.map(sighting)) addFacts(facts, one.at, keysOf(one).map(intern))
  return lifeOf(facts)
}

const offer = (at: number, offered = '2', more: Said = {}): Said => ({ at, answer: 'update', offered, ...more })
const check = (at: number, answer = 'up-to-date', more: Said = {}): Said => ({ at, answer, ...more })
const ping = (at: number, more: Said = {}): Said => ({ at, ...more })
const event = (at: number, type: number, result: number, more: object = {}, said: Said = {}): Said => ({
  ...{ at, ...said },
  reported: [{ type, result, ...more }],
})

/** All states, with what they are about. */
const told = (...said: readonly Said[]): readonly string[] =>
  life(...said).changes.map(({ at, state, version, detail, target }) =>
    [at, state, version, detail, target && `→ ${target}`].filter((text) => text !== '').join(' '),
  )

describe('the states of', () => {
  test.each<[string, readonly Said[], readonly string[]]>([
    ['a machine that is up to date', [check(1), check(2), check(3)], ['1 up-to-date 1']],
    ['one that only pings', [ping(1), ping(2)], ['1 seen 1']],
    [
      'one that waits for a window',
      [check(1, 'outside-window'), check(2, 'outside-window')],
      ['1 waiting 1 outside-window'],
    ],
    [
      'update_engine, all the way',
      [
        check(0),
        offer(1),
        event(2, 13, 1),
        event(3, 14, 1),
        event(4, 3, 1),
        ping(5),
        ping(6),
        { ...check(7, 'up-to-date', { version: '2' }), reported: [{ type: 3, result: 2, previous: '1' }] },
        check(8, 'up-to-date', { version: '2' }),
      ],
      [
        '0 up-to-date 1',
        '1 offered 1 → 2',
        '2 downloading 1 → 2',
        '3 downloaded 1 → 2',
        '4 installed 1 → 2',
        '7 rebooted 2 → 2',
        '8 up-to-date 2',
      ],
    ],
    [
      'go-omaha, which does not name the version before',
      [offer(1), event(2, 14, 1), check(3, 'up-to-date', { version: '2' }), check(4, 'up-to-date', { version: '2' })],
      ['1 offered 1 → 2', '2 downloaded 1 → 2', '3 rebooted 2 → 2', '4 up-to-date 2'],
    ],
    [
      "Nebraska's updater, which installs without a reboot",
      [offer(1), event(2, 13, 1), event(3, 800, 1), event(4, 3, 1, {}, { version: '2' })],
      ['1 offered 1 → 2', '2 downloading 1 → 2', '3 installed 1 → 2', '4 rebooted 2 → 2'],
    ],
    [
      "Nebraska's updater, in a version that it does not change",
      [offer(1), event(2, 13, 1), event(3, 3, 2)],
      ['1 offered 1 → 2', '2 downloading 1 → 2', '3 rebooted 1 → 1'],
    ],
    [
      'update_engine, where only its reboot was seen',
      [
        check(1),
        { ...check(7, 'up-to-date', { version: '2' }), reported: [{ type: 3, result: 2, previous: '1' }] },
        check(8, 'up-to-date', { version: '2' }),
      ],
      ['1 up-to-date 1', '7 rebooted 2 → 2', '8 up-to-date 2'],
    ],
    ['a reboot without an update', [check(1), event(2, 3, 2), check(3)], ['1 up-to-date 1']],
    [
      'another version without an update',
      [check(1), check(2, 'up-to-date', { version: '2' })],
      ['1 up-to-date 1', '2 up-to-date 2'],
    ],
    [
      'a download that fails stays failed while it is offered the same again',
      [offer(1), event(2, 13, 1), event(3, 3, 0, { error: '10 payload-hash' }), offer(4), check(5, 'held')],
      ['1 offered 1 → 2', '2 downloading 1 → 2', '3 failed 1 10 payload-hash → 2'],
    ],
    [
      'until it tries again',
      [offer(1), event(2, 3, 0, { error: '10 payload-hash' }), offer(3), event(4, 13, 1)],
      ['1 offered 1 → 2', '2 failed 1 10 payload-hash → 2', '4 downloading 1 → 2'],
    ],
    [
      'or is offered something else',
      [offer(1), event(2, 3, 0, { error: '10 payload-hash' }), offer(3, '3')],
      ['1 offered 1 → 2', '2 failed 1 10 payload-hash → 2', '3 offered 1 → 3'],
    ],
    [
      'one that fell back: its check says so, too',
      [
        offer(1),
        event(2, 3, 1),
        { ...check(3, 'fell-back'), reported: [{ type: 3, result: 0, error: '44 rollback' }] },
        offer(4),
        check(5, 'up-to-date', { version: '3' }),
      ],
      ['1 offered 1 → 2', '2 installed 1 → 2', '3 fell-back 1 → 2', '5 up-to-date 3'],
    ],
    [
      'a backoff',
      [offer(1), event(2, 3, 9, { error: '40 backoff' })],
      ['1 offered 1 → 2', '2 waiting 1 40 backoff → 2'],
    ],
    [
      'ChromiumOS',
      [offer(1), event(2, 13, 1), event(3, 54, 1, { previous: '1' }, { version: '2' })],
      ['1 offered 1 → 2', '2 downloading 1 → 2', '3 rebooted 2 → 2'],
    ],
    ['events that mean nothing here', [check(1), event(2, 99, 1)], ['1 up-to-date 1']],
  ])('%s', (_, said, want) => {
    expect(told(...said)).toEqual(want)
    expect(told(...said.toReversed()), 'in any order').toEqual(want)
    expect(told(...said, ...said), 'twice').toEqual(want)
  })
})

test('progress with a release: the first time of each step, the last failure', () => {
  const { progress } = life(
    ...[offer(1), event(2, 13, 1), event(3, 3, 0, { error: '9 download' }), offer(4), event(5, 13, 1)],
    ...[event(6, 14, 1), event(7, 3, 1), check(9, 'up-to-date', { version: '2' })],
  )
  expect([...progress]).toEqual([
    [
      '2',
      {
        offered: 1,
        channel: 'stable',
        begun: 2,
        failed: 3,
        firstFailed: 3,
        error: '9 download',
        installed: 7,
        done: 9,
      },
    ],
  ])
})

test('an update that is done does not fail by a check that fails in the new version', () => {
  const { progress } = life(
    ...[offer(1), event(2, 14, 1), check(3, 'up-to-date', { version: '2' })],
    event(4, 3, 0, { error: '2000 no-http-answer' }, { version: '2' }),
  )
  expect(progress.get('2')).toEqual({ offered: 1, channel: 'stable', begun: 2, done: 3 })
})

test('any order, and any line twice, is the same life', () => {
  const said = fc.oneof(
    fc.record({
      at: fc.nat(30),
      answer: fc.constantFrom('up-to-date', 'held', 'fell-back'),
      version: fc.constantFrom('1', '2'),
    }),
    fc.record({ at: fc.nat(30), answer: fc.constant('update'), offered: fc.constantFrom('2', '3') }),
    fc
      .record({
        at: fc.nat(30),
        type: fc.constantFrom(13, 14, 3, 800),
        result: fc.constantFrom(0, 1, 2, 9),
        version: fc.constantFrom('1', '2'),
      })
      .map(({ at, type, result, version }) => event(at, type, result, { error: '44 rollback' }, { version })),
  )
  fc.assert(
    fc.property(
      fc
        .array(said, { minLength: 1, maxLength: 20 })
        .chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })),
        ),
      ([all, shuffled]) => {
        expect(life(...shuffled)).toEqual(life(...all))
      },
    ),
    { numRuns: 500, seed: 5 },
  )
})
