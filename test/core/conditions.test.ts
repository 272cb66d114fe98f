/** Ramps, windows, targets and followers, as tables. All at noon of a Monday (UTC) where nothing else is said. */
import { createHash } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import type { Channel, RampStep, Release, Target, Window } from '../../src/release/channel.ts'
import type { Check } from '../../src/release/decide.ts'
import { bucketOf, rampProblem, readRamp, shareAt } from '../../src/release/ramp.ts'
import { machineHash, rangeProblem } from '../../src/release/target.ts'
import type { Stored } from '../../src/release/view.ts'
import { viewChannel } from '../../src/release/view.ts'
import { isOpen, nextEdge, readWindows, windowProblem } from '../../src/release/window.ts'
import { answer, held, noon, queue, release, viewOf } from './releases.ts'

const hour = 60 * 60 * 1000
const day = 24 * hour
const at = (ms: number): string => new Date(noon + ms).toISOString()
const why = { reason: 'boot loop' }

test('a bucket is two numbers of one SHA-256, and depends on nothing but its inputs', () => {
  const machine = '0123456789ABCDEF'
  const digest = createHash('sha256').update(`v1\0example.app\0stable\0${'1.2.3'}\0${machine.toLowerCase()}`).digest()
  const want = { ramp: digest.readUInt32BE(0) / 2 ** 32, window: digest.readUInt32BE(4) / 2 ** 32 }
  expect(bucketOf(queue, '1.2.3', machine)).toEqual(want)
  expect(bucketOf(queue, '1.2.3', machine.toLowerCase())).toEqual(want)
  expect(bucketOf(queue, '1.2.4', machine)).not.toEqual(want)
  expect(bucketOf({ ...queue, channel: 'beta' }, '1.2.3', machine)).not.toEqual(want)
  expect(bucketOf({ ...queue, app: 'other' }, '1.2.3', machine)).not.toEqual(want)
  expect(bucketOf(queue, '1.2.3', '')).toEqual({ ramp: 1, window: 1 })
})

const step = (ms: number, share: number): RampStep => ({ at: at(ms), share })
const line = [step(0, 0), step(10 * hour, 1)]

describe('the share of a ramp', () => {
  test.each<[string, readonly RampStep[], number, number]>([
    ['before it', line, -1, 0],
    ['at its start', line, 0, 0],
    ['in the middle', line, 5 * hour, 0.5],
    ['at its end', line, 10 * hour, 1],
    ['after it', line, 99 * hour, 1],
    ['that ends early', [step(0, 0.1)], hour, 0.1],
    ['at a jump', [step(0, 0.1), step(hour, 0.1), step(hour, 0.6)], hour, 0.6],
    ['just before a jump', [step(0, 0.1), step(hour, 0.1), step(hour, 0.6)], hour - 1, 0.1],
    ['that falls', [step(0, 1), step(10 * hour, 0)], 4 * hour, 0.6],
    ['without points', [], 0, 0],
    ['out of order', [step(hour, 0), step(0, 1)], 2 * hour, 0],
    ['above one', [step(0, 1.5)], hour, 0],
    ['below none', [step(0, -0.1)], hour, 0],
    ['that is not a number', [step(0, Number.NaN)], hour, 0],
    ['that is a text', [{ at: at(0), share: JSON.parse('"x"') }], hour, 0],
    ['of no day', [{ at: 'noon', share: 1 }], hour, 0],
  ])('%s', (_, steps, ms, want) => {
    expect(shareAt(readRamp(steps), noon + ms)).toBe(want)
  })

  test.each<[string, readonly RampStep[], RegExp]>([
    ['above one', [step(0, 1.5)], /share 1.5 is not a number of 0 to 1/],
    ['no number', [step(0, Number.NaN)], /share NaN is not/],
    ['a text', [{ at: at(0), share: JSON.parse('"x"') }], /share x is not/],
    ['out of order', [step(1, 0), step(0, 1)], /out of order at 2026-11-23T12:00:00.000Z/],
  ])('reports the problem of a ramp that is %s', (_, steps, want) => {
    expect(rampProblem(steps)).toMatch(want)
  })

  test.each<[string, readonly RampStep[], number, number, number]>([
    ['stops rising', line, 2, 8, 0.2],
    ['is as before where it was not stopped yet', line, 8, 2, 0.2],
    ['goes on falling', [step(0, 1), step(10 * hour, 0)], 2, 8, 0.2],
  ])('with its clock stopped %s', (_, steps, asOf, hours, want) => {
    expect(shareAt(readRamp(steps, noon + asOf * hour), noon + hours * hour)).toBeCloseTo(want)
  })
})

/** Draws 0.24 and 0.93 for version 3 of the queue. */
const [early, late] = ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8']
  .map((machine) => ({ machine, draw: bucketOf(queue, '3', machine).ramp }))
  .sort((a, b) => a.draw - b.draw)
  .flatMap((one, i, all) => (i === 0 || i === all.length - 1 ? [one.machine] : [])) as [string, string]

const half = [step(-1, 0.5)]

type Row = readonly [string, Partial<Check>, Partial<Channel> & { releases: Release[] }, string]

describe('ramps', () => {
  test.each<Row>([
    ['admit those below the share', { machineId: early }, { releases: [release('3', { ramp: half })] }, 'update 3'],
    ['and no others', { machineId: late }, { releases: [release('3', { ramp: half })] }, 'not-in-ramp 3'],
    ['nor those without an id', {}, { releases: [release('3', { ramp: half })] }, 'not-in-ramp 3'],
    ['admit everybody at the end', {}, { releases: [release('3', { ramp: [step(-1, 1)] })] }, 'update 3'],
    [
      'leave the one before',
      { machineId: late },
      { releases: [release('2'), release('3', { ramp: half })] },
      'update 2',
    ],
    [
      'leave no older one that is not for everybody, though it would admit the machine',
      { machineId: late },
      { releases: [release('2', { ramp: [step(-1, 0.999999)] }), release('3', { ramp: half })] },
      'not-in-ramp 3',
    ],
    [
      'are skipped by hand',
      { machineId: late, isManual: true },
      { releases: [release('3', { ramp: half })] },
      'update 3',
    ],
    [
      'are not skipped for what is held',
      { machineId: late, isManual: true },
      { releases: [release('3', { ramp: half, withdrawn: why })] },
      'withdrawn 3 (boot loop)',
    ],
    [
      'of a floor hold back who is on the way',
      { machineId: late },
      { releases: [release('2', { floor: why, ramp: [step(hour, 1)] }), release('3')] },
      'not-in-ramp 2',
    ],
    [
      'hold for those who go down, too',
      { version: '4', machineId: late },
      { releases: [release('2'), release('3', { ramp: half })], rollbackFrom: ['4'] },
      'update 2',
    ],
  ])('%s', (_, check, channel, want) => {
    expect(answer(check, viewOf(channel))).toBe(want)
  })

  test('stop with the clock of their channel', () => {
    const channel = { releases: [release('3', { ramp: [step(-2 * hour, 0), step(0, 1)] })] }
    expect(answer({ machineId: late }, viewOf(channel))).toBe('update 3')
    expect(answer({ machineId: late }, viewOf(channel, [], at(-2 * hour)))).toBe('not-in-ramp 3')
  })
})

const window = (days: string, from: string, to: string, timeZone = 'UTC'): Window => ({
  days: days.split(',') as Window['days'],
  from,
  to,
  timeZone,
})

const everyDay = (from: string, to: string): Window => window('Mon,Tue,Wed,Thu,Fri,Sat,Sun', from, to)

describe('windows', () => {
  test.each<[string, readonly Window[], string, boolean]>([
    ['open', [window('Mon', '11:00', '13:00')], '2026-11-23T12:00:00Z', true],
    ['at the first moment', [window('Mon', '11:00', '13:00')], '2026-11-23T11:00:00Z', true],
    ['not at the last', [window('Mon', '11:00', '13:00')], '2026-11-23T13:00:00Z', false],
    ['another day', [window('Tue', '11:00', '13:00')], '2026-11-23T12:00:00Z', false],
    ['over midnight, before', [window('Mon', '22:00', '04:00')], '2026-11-23T23:59:59Z', true],
    ['over midnight, after', [window('Mon', '22:00', '04:00')], '2026-11-24T03:59:59Z', true],
    ['over midnight, of the day before only', [window('Mon', '22:00', '04:00')], '2026-11-23T03:00:00Z', false],
    ['over the end of the year', [window('Thu', '23:00', '01:00')], '2027-01-01T00:30:00Z', true],
    ['in its own zone', [window('Mon', '22:00', '23:00', 'America/New_York')], '2026-11-24T03:30:00Z', true],
    ['in a zone of odd minutes', [window('Mon', '22:00', '23:00', 'Asia/Kathmandu')], '2026-11-23T16:20:00Z', true],
    ['in a zone that does not exist', [window('Mon', '00:00', '23:59', 'Mars/Base')], '2026-11-23T12:00:00Z', false],
    ['of no length', [window('Mon', '12:00', '12:00')], '2026-11-23T12:00:00Z', false],
    ['none', [], '2026-11-23T12:00:00Z', false],
    ['in winter time', [window('Sun', '02:30', '04:00', 'Europe/Berlin')], '2026-11-22T01:30:00Z', true],
    ['in summer time', [window('Sun', '02:30', '04:00', 'Europe/Berlin')], '2026-07-05T00:30:00Z', true],
    [
      'that is skipped opens as much later',
      [window('Sun', '02:30', '04:00', 'Europe/Berlin')],
      '2026-03-29T01:29:59Z',
      false,
    ],
    ['that is skipped is open then', [window('Sun', '02:30', '04:00', 'Europe/Berlin')], '2026-03-29T01:30:00Z', true],
    [
      'that comes twice opens at the first',
      [window('Sun', '02:30', '04:00', 'Europe/Berlin')],
      '2026-10-25T00:30:00Z',
      true,
    ],
    [
      'that comes twice ends at its end',
      [window('Sun', '02:30', '04:00', 'Europe/Berlin')],
      '2026-10-25T02:59:59Z',
      true,
    ],
    [
      'where half an hour is skipped',
      [window('Sun', '02:15', '03:00', 'Australia/Lord_Howe')],
      '2026-10-03T15:45:00Z',
      true,
    ],
  ])('%s', (_, windows, now, want) => {
    expect(isOpen(readWindows(windows), 0, Date.parse(now))).toBe(want)
  })

  test('open gradually across machines, and close at once for all', () => {
    const schedule = readWindows([window('Mon', '12:00', '18:00'), window('Tue', '12:00', '12:30')])
    expect(nextEdge(schedule, 0, noon - 1)).toBe(noon)
    expect(nextEdge(schedule, 0.5, noon - 1)).toBe(noon + hour / 2)
    expect(nextEdge(schedule, 1, noon - 1)).toBe(noon + hour)
    expect(nextEdge(schedule, 1, noon + hour)).toBe(noon + 6 * hour)
    expect(nextEdge(schedule, 1, noon + 6 * hour)).toBe(noon + day + hour / 4)
    expect(isOpen(schedule, 1, noon + hour - 1)).toBe(false)
    expect(isOpen(schedule, 1, noon + hour)).toBe(true)
  })

  test('merge if they touch', () => {
    const schedule = readWindows([window('Mon', '12:00', '13:00'), window('Mon', '13:00', '14:00')])
    expect(isOpen(schedule, 1, noon + hour + 1)).toBe(true)
    expect(nextEdge(schedule, 1, noon + hour)).toBe(noon + 2 * hour)
  })

  test('without a gap have no edge between them', () => {
    const schedule = readWindows([everyDay('00:00', '12:00'), everyDay('12:00', '00:00')])
    expect(nextEdge(schedule, 0.5, noon)).toBeUndefined()
    expect(isOpen(schedule, 1, noon)).toBe(true)
  })

  test('skipped when clocks go forward open a week later', () => {
    const schedule = readWindows([window('Sun', '02:30', '03:00', 'Europe/Berlin')])
    expect(nextEdge(schedule, 0, Date.parse('2026-03-22T02:00:00Z'))).toBe(Date.parse('2026-04-05T00:30:00Z'))
  })

  test('of a floor use the bucket of the floor, not of the release beyond it', () => {
    const view = viewOf({
      releases: [
        release('2', { floor: why, windows: [window('Mon', '11:30', '17:30')] }),
        release('3', { ramp: [step(-1, 0.9)] }),
      ],
    })
    const answers = Array.from({ length: 50 }, (_, i) => `m${i}`).map((machineId) => {
      const want = bucketOf(queue, '2', machineId).window <= 0.5 ? 'update 2' : 'outside-window 2'
      expect(answer({ machineId }, view)).toBe(want)
      return want
    })
    expect(new Set(answers).size).toBe(2)
  })

  test.each<[string, Window, RegExp]>([
    ['no length', window('Mon', '10:00', '10:00'), /from 10:00 to 10:00 has no length/],
    ['no zone', window('Mon', '10:00', '11:00', 'Mars/Base'), /there is no time zone "Mars\/Base"/],
  ])('report the problem: %s', (_, one, want) => {
    expect(windowProblem(one)).toMatch(want)
  })

  test.each<Row>([
    [
      "are the channel's",
      {},
      { windows: [window('Tue', '00:00', '23:00')], releases: [release('3')] },
      'outside-window 3',
    ],
    [
      "or the release's in their place",
      {},
      {
        windows: [window('Tue', '00:00', '23:00')],
        releases: [release('3', { windows: [window('Mon', '01:00', '23:00')] })],
      },
      'update 3',
    ],
    [
      'are skipped by hand',
      { isManual: true },
      { windows: [window('Tue', '00:00', '23:00')], releases: [release('3')] },
      'update 3',
    ],
    [
      'that are closed leave no older one',
      {},
      { releases: [release('2'), release('3', { windows: [window('Tue', '00:00', '23:00')] })] },
      'outside-window 3',
    ],
    [
      'of a floor count in place of those of what is beyond it',
      {},
      { releases: [release('2', { floor: why }), release('3', { windows: [window('Tue', '00:00', '23:00')] })] },
      'update 2',
    ],
  ])('%s', (_, check, channel, want) => {
    expect(answer(check, viewOf(channel))).toBe(want)
  })
})

const machine = 'feedfeed'
const targeted = (target: Target): { releases: Release[] } => ({ releases: [release('3', { target })] })
const listed = [machineHash(machine)]

describe('targets', () => {
  test('list machines by the SHA-256 of their ids', () => {
    expect(machineHash('FEEDfeed')).toBe(createHash('sha256').update('feedfeed').digest('hex'))
  })

  test.each<Row>([
    ['only an OEM', { oem: 'azure' }, targeted({ oem: { only: ['azure', 'ami'] } }), 'update 3'],
    [
      'not another',
      { oem: 'pxe' },
      targeted({ oem: { only: ['azure', 'ami'] } }),
      'target 3 (it is for OEM azure, ami only)',
    ],
    ['nor none', {}, targeted({ oem: { only: ['azure'] } }), 'target 3 (it is for OEM azure only)'],
    ['not an OEM', { oem: 'pxe' }, targeted({ oem: { not: ['pxe'] } }), 'target 3 (it is not for OEM pxe)'],
    ['but others', { oem: 'azure' }, targeted({ oem: { not: ['pxe'] } }), 'update 3'],
    ['a system', { os: '10.0.22631.1' }, targeted({ os: '>=10 <11' }), 'update 3'],
    [
      'not another',
      { os: '9' },
      targeted({ os: '>=10 <11' }),
      'target 3 (it is for operating systems of version >=10 <11 only)',
    ],
    ['a range', { version: '1.5' }, targeted({ from: '>=1 <2' }), 'update 3'],
    ['at its lower end', { version: '1.0' }, targeted({ from: '>=1 <2' }), 'update 3'],
    [
      'at its upper end',
      { version: '2' },
      targeted({ from: '>=1 <2' }),
      'target 3 (it is for machines that run >=1 <2)',
    ],
    ['exactly one', { version: '1.0.0' }, targeted({ from: '=1' }), 'update 3'],
    ['what cannot be compared is below everything', { version: '?' }, targeted({ from: '<1' }), 'update 3'],
    [
      'a range that cannot be read is for nobody',
      {},
      targeted({ from: 'newer' }),
      'target 3 (it is for machines that run newer)',
    ],
    ['a machine on the list', { machineId: 'FEEDfeed' }, targeted({ machines: { allow: listed } }), 'update 3'],
    [
      'a machine that is not',
      { machineId: 'x' },
      targeted({ machines: { allow: listed } }),
      'target 3 (it is for a list of machines only)',
    ],
    [
      'one without an id',
      {},
      targeted({ machines: { allow: listed } }),
      'target 3 (it is for a list of machines only)',
    ],
    [
      'one that is not told',
      { machineId: machine, onNoList: true },
      targeted({ machines: { allow: listed } }),
      'target 3 (it is for a list of machines only)',
    ],
    [
      'a machine that is left out',
      { machineId: machine },
      targeted({ machines: { deny: listed } }),
      'target 3 (it is not for a list of machines)',
    ],
    ['another one', { machineId: 'x' }, targeted({ machines: { deny: listed } }), 'update 3'],
    [
      'by hand all the same',
      { oem: 'pxe', isManual: true },
      targeted({ oem: { not: ['pxe'] } }),
      'target 3 (it is not for OEM pxe)',
    ],
    [
      "the channel's too",
      { oem: 'azure' },
      { target: { from: '<1' }, ...targeted({ oem: { only: ['azure'] } }) },
      'target 3 (it is for machines that run <1)',
    ],
    [
      'an older one, which is for it',
      { oem: 'pxe' },
      { releases: [release('2'), release('3', { target: { oem: { not: ['pxe'] } } })] },
      'update 2',
    ],
  ])('%s', (_, check, channel, want) => {
    expect(answer(check, viewOf(channel))).toBe(want)
  })

  test.each(['', ' ', '>=', '1', '>=1  <2', '>=x', '=>1', '>=1,<2', '~1'])('%j is not a version range', (text) => {
    expect(rangeProblem(text)).toMatch(/is not a range of versions/)
  })
})

test('a target shared by releases, such as a list of machines, is parsed once', () => {
  const releases = [release('1'), release('2', { target: { from: '<9' } }), release('3')]
  const view = viewOf({ target: { machines: { allow: listed } }, windows: [everyDay('00:00', '12:00')], releases })
  const { candidates = [] } = view.boards.get('amd64-usr') ?? {}
  expect(candidates.map(({ targets }) => targets.length)).toEqual([1, 2, 1])
  expect(new Set(candidates.map(({ targets }) => targets[0])).size).toBe(1)
  expect(new Set(candidates.map(({ schedule }) => schedule)).size).toBe(1)
})

test('the calendar of a time zone is created once for all releases', () => {
  const made = vi.spyOn(Intl, 'DateTimeFormat')
  const windows = [{ ...everyDay('00:00', '12:00'), timeZone: 'Pacific/Chatham' }]
  viewOf({ releases: Array.from({ length: 50 }, (_, i) => release(String(i), { windows })) })
  expect(made).toHaveBeenCalledTimes(1)
  made.mockRestore()
})

describe('followers', () => {
  const source = (releases: Release[], more: Partial<Channel> = {}): Channel => ({ ...more, releases })
  const published = (version: string, daysAgo: number, more: Partial<Release> = {}): Release =>
    release(version, { publishedAt: at(-daysAgo * day), ...more })
  const follow = (
    from: Channel,
    own: Partial<Channel> = {},
    {
      holds,
      ownHolds,
      overMs = 0,
      rampAsOf,
    }: Pick<Stored, 'holds' | 'rampAsOf'> & { ownHolds?: Stored['holds']; overMs?: number } = {},
  ) =>
    viewChannel(
      { app: 'example.app', channel: 'fleet' },
      { content: { releases: [], ...own }, holds: ownHolds, rampAsOf },
      { source: { content: from, holds }, afterMs: 7 * day, overMs },
    )

  test.each<[string, Partial<Check>, ReturnType<typeof follow>, string]>([
    ['see what is old enough', {}, follow(source([published('2', 8), published('3', 6)])), 'update 2'],
    ['see nothing else', {}, follow(source([published('3', 6)])), 'up-to-date'],
    ['see nothing else by hand', { isManual: true }, follow(source([published('3', 6)])), 'up-to-date'],
    ['from the very moment', {}, follow(source([published('3', 7)])), 'update 3'],
    ['have a ramp of their own', {}, follow(source([published('3', 8)]), {}, { overMs: 2 * day }), 'not-in-ramp 3'],
    ['which ends', {}, follow(source([published('3', 9)]), {}, { overMs: 2 * day }), 'update 3'],
    [
      'which can be stopped',
      {},
      follow(source([published('3', 9)]), {}, { overMs: 2 * day, rampAsOf: at(-hour) }),
      'not-in-ramp 3',
    ],
    ['obey the ramp of the source', {}, follow(source([published('3', 9, { ramp: half })])), 'not-in-ramp 3'],
    [
      'obey holds of the source',
      {},
      follow(source([published('3', 9)]), {}, { holds: [held('3')] }),
      'held 3 (https://example.org/why)',
    ],
    [
      'obey holds of their own',
      {},
      follow(source([published('3', 9)]), {}, { ownHolds: [held('3')] }),
      'held 3 (https://example.org/why)',
    ],
    ['obey a withdrawal', {}, follow(source([published('3', 9, { withdrawn: why })])), 'withdrawn 3 (boot loop)'],
    [
      'are not led into a dead end',
      {},
      follow(source([published('2', 9), published('3', 9, { deadEnd: why })])),
      'update 2',
    ],
    [
      'do not get out of one',
      { version: '2' },
      follow(source([published('2', 9, { deadEnd: why }), published('3', 9)])),
      'dead-end 2 (boot loop)',
    ],
    [
      'wait for a floor that is too young',
      {},
      follow(source([published('2', 1, { floor: why }), published('3', 9)])),
      'not-in-ramp 2',
    ],
    [
      'do not jump a held one',
      {},
      follow(source([published('2', 9, { floor: why }), published('3', 9)]), {}, { holds: [held('2')] }),
      'floor-held 2 (https://example.org/why)',
    ],
    [
      'obey targets of the source',
      { oem: 'pxe' },
      follow(source([published('3', 9)], { target: { oem: { not: ['pxe'] } } })),
      'target 3 (it is not for OEM pxe)',
    ],
    [
      'and of their own',
      { oem: 'pxe' },
      follow(source([published('3', 9)]), { target: { oem: { not: ['pxe'] } } }),
      'target 3 (it is not for OEM pxe)',
    ],
    [
      'have windows of their own',
      {},
      follow(source([published('3', 9)], { windows: [window('Tue', '01:00', '02:00')] }), {
        windows: [window('Mon', '10:00', '18:00')],
      }),
      'update 3',
    ],
    [
      'or those of the source',
      {},
      follow(source([published('3', 9)], { windows: [window('Tue', '01:00', '02:00')] })),
      'outside-window 3',
    ],
    [
      'go back with the source',
      { version: '4' },
      follow(source([published('3', 9)], { rollbackFrom: ['4'] })),
      'update 3',
    ],
    [
      'have releases of their own',
      {},
      follow(source([published('2', 9)]), { releases: [published('3', 0)] }),
      'update 3',
    ],
    [
      'take their own of two',
      {},
      follow(source([published('3', 6, { ramp: half })]), { releases: [published('3', 0)] }),
      'update 3',
    ],
    [
      'but not while the source has withdrawn it',
      {},
      follow(source([published('3', 9, { withdrawn: why })]), { releases: [published('3', 0)] }),
      'withdrawn 3 (boot loop)',
    ],
    [
      'nor while the source holds it',
      {},
      follow(source([published('3', 1)]), { releases: [published('3', 0)] }, { holds: [held('3')] }),
      'held 3 (https://example.org/why)',
    ],
    [
      'pass through their own one of a floor of the source',
      {},
      follow(source([published('2', 9, { floor: why }), published('3', 9)]), { releases: [published('2', 0)] }),
      'update 2',
    ],
    [
      'do not get out of their own one of a dead end of the source',
      { version: '2' },
      follow(source([published('2', 9, { deadEnd: why }), published('3', 9)]), { releases: [published('2', 0)] }),
      'dead-end 2 (boot loop)',
    ],
    [
      'can stop a ramp of the source',
      {},
      follow(
        source([published('3', 9, { ramp: [step(-2 * hour, 0), step(-hour, 1)] })]),
        {},
        { rampAsOf: at(-2 * hour) },
      ),
      'not-in-ramp 3',
    ],
  ])('%s', (_, check, view, want) => {
    expect(answer(check, view)).toBe(want)
  })

  test('have buckets of their own', () => {
    const view = follow(source([published('3', 9)]))
    expect(view.scope).toEqual({ app: 'example.app', channel: 'fleet' })
  })
})
