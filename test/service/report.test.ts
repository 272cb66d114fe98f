/** Reports over the lines that servers write, and over lines that nobody should have written. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { storeEvents } from '../../src/fleet/events-store.ts'
import type { ChannelReport } from '../../src/fleet/model.ts'
import { reportOn, storedEvents } from '../../src/fleet/report.ts'
import { memoryDocuments } from '../memory.ts'
import { app, day, minute, now, seeded } from '../world.ts'

const wanted = { since: now - day, until: now + day }
const time = (ms: number): string => new Date(now + ms).toISOString()

async function* textsOf(...texts: readonly string[]): AsyncIterable<string> {
  yield* texts
}

const line = (fields: object): string =>
  JSON.stringify({
    time: time(0),
    level: 'info',
    app,
    channel: 'stable',
    version: '1',
    board: 'x',
    machine: 'm1',
    ...fields,
  })
const contact = (fields: object = {}): string => line({ event: 'contact', ...fields })
const check = (fields: object = {}): string =>
  contact({ check: true, decision: 'no-update', reason: 'up-to-date', ...fields })
const event = ({ type, result, error, previous, ...fields }: Record<string, unknown>): string =>
  contact({ reported: [{ type, result, error, previous }], ...fields })

/** As servers wrote them before contacts. */
const formerCheck = (fields: object = {}): string =>
  line({ event: 'check', decision: 'no-update', reason: 'up-to-date', ...fields })
const formerEvent = (fields: object): string => line({ event: 'event', ...fields })

const report = async (...lines: readonly string[]): Promise<ChannelReport[]> => [
  ...(await reportOn(textsOf(lines.join('\n')), wanted)).channels,
]

describe.each([
  ['contacts', check, event],
  ['checks and events, as they were written before', formerCheck, formerEvent],
])('%s', (_, check, event) => {
  test.each<[string, readonly string[], object]>([
    [
      'checks by their answer',
      [check(), check({ decision: 'update', reason: undefined }), check({ reason: 'held' })],
      { checks: 3, answers: { 'up-to-date': 1, update: 1, held: 1 } },
    ],
    ['machines once', [check(), check(), check({ machine: 'm2' }), check({ machine: '' })], { machines: 2, checks: 4 }],
    [
      'the version that each machine had last, whatever the order of lines, newest first',
      [check({ version: '2', time: time(minute) }), check(), check({ machine: 'm2', version: '10' })],
      { versions: { '10': 1, '2': 1 } },
    ],
    [
      'what became of updates',
      [
        event({ type: 13, result: 1 }),
        event({ type: 14, result: 1 }),
        event({ type: 3, result: 1 }),
        event({ type: 3, result: 2, previous: '1' }),
        event({ type: 3, result: 0, error: '10 payload-hash' }),
        event({ type: 3, result: 0, error: '44 rollback' }),
      ],
      {
        ...{ begun: 1, finished: 1, rebooted: 1, failed: 1, rollbacks: 1 },
        errors: { '10 payload-hash': 1, '44 rollback': 1 },
      },
    ],
    ['names that objects carry anyway', [check({ version: '__proto__' })], { machines: 1 }],
  ])('%s', async (_, lines, want) => {
    expect(await report(...lines)).toMatchObject([want])
  })
})

test('files of both formats make one report', async () => {
  const former = [formerCheck(), formerEvent({ type: 3, result: 0, error: '44 rollback' })]
  const lines = [...former, check({ machine: 'm2' }), event({ type: 13, result: 1, machine: 'm2' })]
  expect(await report(...lines)).toMatchObject([{ machines: 2, checks: 2, rollbacks: 1, begun: 1 }])
})

test.each<[string, readonly string[], object]>([
  [
    'a machine that waits for its reboot only pings, and is there',
    [contact({ ping: true })],
    { machines: 1, checks: 0 },
  ],
  ['a PXE machine sends no news, and is there', [contact()], { machines: 1, checks: 0, rebooted: 0 }],
  [
    'a check that reports counts as both, and as one machine',
    [check({ reported: [{ type: 3, result: 0, error: '44 rollback' }] })],
    { machines: 1, checks: 1, rollbacks: 1 },
  ],
  [
    'a syncer is no machine, and its checks are not theirs',
    [check(), check({ machine: 's1', syncer: true }), check({ machine: 's1', syncer: true, reason: 'held' })],
    { machines: 1, checks: 1, answers: { 'up-to-date': 1 }, versions: { '1': 1 }, syncers: 1, syncerChecks: 2 },
  ],
])('%s', async (_, lines, want) => {
  expect(await report(...lines)).toMatchObject([want])
})

const at = (minutes: number, fields: object = {}) => ({ time: time(minutes * minute), ...fields })

describe('the end of an update', () => {
  test.each<[string, readonly string[], number]>([
    [
      'update_engine names the version before: once',
      [
        event({ type: 13, result: 1, ...at(0) }),
        event({ type: 3, result: 1, ...at(1) }),
        contact({ ping: true, ...at(2) }),
        check({ version: '2', ...at(3), reported: [{ type: 3, result: 2, previous: '1' }] }),
        check({ version: '2', ...at(4) }),
      ],
      1,
    ],
    [
      'go-omaha does not: by its version',
      [event({ type: 14, result: 1, ...at(0) }), check({ version: '2', ...at(3) }), check({ version: '2', ...at(4) })],
      1,
    ],
    [
      "Nebraska's updater reports a reboot (3/2) in its new version",
      [
        event({ type: 14, result: 1, ...at(0) }),
        event({ version: '2', type: 3, result: 2, ...at(1) }),
        contact({ version: '2', ping: true, ...at(2) }),
      ],
      1,
    ],
    [
      'or, in a version that it does not change',
      [event({ type: 13, result: 1, ...at(0) }), event({ type: 3, result: 2, ...at(1) })],
      1,
    ],
    [
      "Nebraska's updater without a reboot (3/1), in its new version",
      [
        ...[13, 14, 800, 2].map((type) => event({ type, result: 1, ...at(0) })),
        event({ version: '2', type: 3, result: 1, ...at(1) }),
      ],
      1,
    ],
    [
      'an update that is only installed has not ended',
      [event({ type: 3, result: 1 }), contact({ ping: true, ...at(1) })],
      0,
    ],
    ['a reboot of a machine that was not updating is none', [event({ type: 3, result: 2 }), check({ ...at(1) })], 0],
    ['nor is another version without an update', [check(), check({ version: '2', ...at(1) })], 0],
    [
      'a machine that fell back has not ended its update, whatever it runs later',
      [
        event({ type: 3, result: 1, ...at(0) }),
        event({ type: 3, result: 0, error: '44 rollback', ...at(1) }),
        check({ version: '3', ...at(9) }),
      ],
      0,
    ],
    [
      'a check that fails in the new version changes nothing',
      [
        event({ type: 14, result: 1, ...at(0) }),
        check({ version: '2', ...at(1) }),
        event({ version: '2', type: 3, result: 0, error: '2000 no-http-answer', ...at(2) }),
      ],
      1,
    ],
    [
      'another try after a failure',
      [
        event({ type: 13, result: 1, ...at(0) }),
        event({ type: 3, result: 0, error: '10 payload-hash', ...at(1) }),
        event({ type: 13, result: 1, ...at(2) }),
        check({ version: '2', ...at(3) }),
      ],
      1,
    ],
  ])('%s', async (_, lines, rebooted) => {
    expect(await report(...lines)).toMatchObject([{ rebooted }])
    expect(await report(...lines.toReversed()), 'in any order').toMatchObject([{ rebooted }])
  })
})

test('machines that changed channel are counted by their old channel', async () => {
  const moved = await report(
    check({ channel: 'beta', time: time(-minute) }),
    check(),
    check({ channel: 'beta', machine: 'm2', time: time(minute) }),
    check({ machine: 'm2' }),
    check({ machine: 'm3' }),
  )
  expect(moved.map(({ channel, movedFrom }) => [channel, { ...movedFrom }])).toEqual([
    ['beta', { stable: 1 }],
    ['stable', { beta: 1 }],
  ])
})

test('filtered events are not counted', async () => {
  const lines = [check({ time: time(-2 * day) }), check({ app: 'other.app' }), check({ channel: 'beta' }), check()]
  const { channels } = await reportOn(textsOf(lines.join('\n')), { ...wanted, app, channel: 'stable' })
  expect(channels).toMatchObject([{ channel: 'stable', checks: 1 }])
})

test('unreadable lines are counted and skipped; other log lines are ignored', async () => {
  const odd = [
    '',
    'nonsense',
    '[]',
    'null',
    '{}',
    '{"event":4}',
    check({ time: 'noon' }),
    check({ app: 7 }),
    check({ version: 'v'.repeat(999) }),
    contact({ reported: {} }),
    contact({ reported: [null] }),
    contact({ reported: [{ type: '3', result: 0 }] }),
  ]
  const found = await reportOn(
    textsOf(
      [
        ...odd,
        '{"event":"serve","url":"x"}',
        line({ event: 'event', dropped: 3 }),
        '{"event":"events","lostLines":7}',
        '{"event":"contact","level":"warn","leftOut":192}',
        ...[0, 1].map(() => contact({ refused: 'bad-request', status: 400, machine: undefined })),
        contact({ refused: 'not-found', time: time(-2 * day) }),
        check(),
      ].join('\n'),
    ),
    wanted,
  )
  expect(found).toMatchObject({ unreadable: 11, lost: 199, refused: 2, channels: [{ checks: 1, machines: 1 }] })
})

test('events in a store are found by the day of their file', async () => {
  const documents = memoryDocuments()
  let clock = now - 3 * 60 * minute
  const stored = storeEvents({ documents, clock: () => clock, random: seeded(1), log: () => {} })
  const said = {
    level: 'info',
    event: 'contact',
    app,
    channel: 'stable',
    version: '1',
    board: 'x',
    machine: 'm',
  } as const
  for (let i = 0; i < 2_000; i++) {
    clock += 5_000
    stored.sink({ ...said, oem: '', source: '', decision: 'no-update', reason: 'up-to-date' })
  }
  await stored.close()
  const since = clock - 1_000 * 5_000
  const { channels } = await reportOn(storedEvents(documents, { since, until: clock + 1 }), { since, until: clock + 1 })
  expect(channels).toMatchObject([{ checks: 1_001 }])
})

test('a report over many files equals the report over one, in any order', async () => {
  const lines = fc.array(
    fc.record({
      n: fc.nat(5),
      version: fc.constantFrom('1', '2', '10'),
      channel: fc.constantFrom('stable', 'beta'),
      ms: fc.nat(1_000_000),
    }),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(lines, async (all) => {
      const distinct = all.map(({ n, version, channel, ms }, i) =>
        check({ machine: `m${n}`, version, channel, time: time(ms * 50 + i) }),
      )
      const one = await reportOn(textsOf(distinct.join('\n')), wanted)
      const many = await reportOn(textsOf(...distinct.toReversed()), wanted)
      expect(many.channels.map(sortedCounts)).toEqual(one.channels.map(sortedCounts))
    }),
    { numRuns: 200, seed: 4 },
  )
})

const sortedCounts = ({ answers, versions, movedFrom, ...others }: ChannelReport) => ({
  ...others,
  counts: [answers, versions, movedFrom].map((counts) => Object.entries(counts).sort()),
})

test('made-up values cannot exceed the bounds of the report', async () => {
  const forged = Array.from({ length: 300_000 }, (_, i) =>
    check({ channel: `c${i % 5_000}`, machine: `m${i}`, version: `${i}`, reason: `r${i}` }),
  )
  const { channels } = await reportOn(textsOf(forged.join('\n')), wanted)
  expect(channels.length).toBeLessThanOrEqual(1_001)
  const other = channels.find(({ channel }) => channel === 'other')
  expect(Object.keys(other?.answers ?? {}).length).toBeLessThanOrEqual(201)
  expect(channels.reduce((sum, { checks }) => sum + checks, 0)).toBe(300_000)
})
