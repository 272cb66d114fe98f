/** What a change reaches at once that was not reached before it. */
import { expect, test } from 'vitest'
import type { Channel, Hold, Release, Window } from '../../src/release/channel.ts'
import { reachOf, type Side } from '../../src/release/reach.ts'
import { viewChannel } from '../../src/release/view.ts'
import { bytesOf, held, night, noon, queue, release, viewOf } from './releases.ts'

const side = (channel: Channel, holds: readonly Hold[] = [], rampAsOf?: string): Side => ({
  channel,
  view: viewOf(channel, holds, rampAsOf),
})
const at = (share: number): Pick<Release, 'ramp'> => ({ ramp: [{ at: '2026-11-01T00:00:00Z', share }] })
const two = (more: Partial<Release> = {}, channel: Partial<Channel> = {}): Channel => ({
  releases: [release('2', more), release('1')],
  ...channel,
})
const because = { reason: 'loop' }
const withFloor = (floor: Partial<Release>, more: Partial<Release> = {}): Channel => ({
  releases: [release('2', more), release('1.5', floor)],
})
const pxe = { target: { oem: { only: ['pxe'] } } }
const floors = (low: Partial<Release>): Channel => ({
  releases: [release('3'), release('2', { floor: because }), release('1.5', low)],
})
const rising = { ramp: [0, 1].map((share) => ({ at: `2026-11-2${2 + 2 * share}T12:00:00Z`, share })) }
const source = two({}, { releases: [release('3'), release('1')] })
const following = (channel: Channel, afterMs: number): Side => ({
  channel,
  view: viewChannel(queue, { content: channel }, { source: { content: source }, afterMs, overMs: 0 }),
})
const noonOpen: Window = { days: ['Mon'], from: '11:00', to: '13:00', timeZone: 'UTC' }
const year = 365 * 86_400_000

test.each<readonly [string, Side, Side, readonly string[]]>([
  ['a ramp is finished', side(two(at(0.1))), side(two()), ['2 goes from 10 % to 100 % of machines at once']],
  ['a share rises', side(two(at(0.1))), side(two(at(0.3))), ['2 goes from 10 % to 30 % of machines at once']],
  ['a ramp begins at 0 %', side({ releases: [release('1')] }), side(two(at(0))), []],
  ['a share falls', side(two()), side(two(at(0.3))), []],
  [
    'a ramp goes on',
    side(two(rising), [], '2026-11-22T13:00:00Z'),
    side(two(rising)),
    ['2 goes from 2 % to 50 % of machines at once'],
  ],
  ['a ramp is paused', side(two(rising)), side(two(rising), [], '2026-11-22T13:00:00Z'), []],
  [
    'a release comes',
    side({ releases: [release('1')] }),
    side(two()),
    ['2 goes from 0 % to 100 % of machines at once'],
  ],
  ['the first release comes', side({ releases: [] }), side({ releases: [release('1')] }), []],
  ['a hold ends', side(two(), [held('2')]), side(two()), ['2 goes from 0 % to 100 % of machines at once']],
  ['a hold begins', side(two()), side(two(), [held('2')]), []],
  [
    'a rollback',
    side(two()),
    side(two({ withdrawn: because }, { rollbackFrom: ['2'] })),
    ['machines that run 2, 100 % of them, go back to 1 at once'],
  ],
  [
    'a hold that sends a rollback further down',
    side({ releases: [release('3', { withdrawn: because }), release('2'), release('1')], rollbackFrom: ['3'] }),
    side({ releases: [release('3', { withdrawn: because }), release('2'), release('1')], rollbackFrom: ['3'] }, [
      held('2'),
    ]),
    ['machines that run 3, 100 % of them, go back to 1 at once'],
  ],
  [
    'windows end',
    side(two({}, { windows: [night] })),
    side(two()),
    ['2 goes to 100 % of machines at any time, no longer in windows only'],
  ],
  [
    'a window opens',
    side(two({}, { windows: [night] })),
    side(two({}, { windows: [noonOpen] })),
    ['2 goes to 100 % of machines at once: a window is open'],
  ],
  ['a window for later', side(two({}, { windows: [night] })), side(two({}, { windows: [night, night] })), []],
  ['a window closes', side(two({}, { windows: [noonOpen] })), side(two({}, { windows: [night] })), []],
  [
    'a target ends',
    side(two({ target: { oem: { only: ['ami'] } } })),
    side(two()),
    ['2 goes to 100 % of machines, also to some that a target left out'],
  ],
  [
    'a target lets more in',
    side(two({ ...at(0.2), target: { oem: { not: ['ami', 'pxe'] } } })),
    side(two({ ...at(0.2), target: { oem: { not: ['pxe'] } } })),
    ['2 goes to 20 % of the machines that its target admits, also to some that a target left out'],
  ],
  [
    'a target lets other systems in',
    side(two({ target: { os: '>=10 <11' } })),
    side(two({ target: { os: '>=11' } })),
    ['2 goes to 100 % of the machines that its target admits, also to some that a target left out'],
  ],
  [
    'a target lets fewer in',
    side(two({ target: { oem: { not: ['pxe'] } } })),
    side(two({ target: { oem: { not: ['ami', 'pxe'] } } })),
    [],
  ],
  [
    'a floor ends',
    side(withFloor({ floor: because })),
    side(withFloor({})),
    ['machines below 1.5, 100 % of them, go to 2 at once, not to 1.5 first'],
  ],
  [
    'a floor ends below a ramp',
    side(withFloor({ floor: because }, at(0.1))),
    side(withFloor({}, at(0.1))),
    ['machines below 1.5, 10 % of them, go to 2 at once, not to 1.5 first'],
  ],
  [
    'a floor ends below a target',
    side(withFloor({ floor: because }, pxe)),
    side(withFloor({}, pxe)),
    ['machines below 1.5, 100 % of those that its target admits, go to 2 at once, not to 1.5 first'],
  ],
  [
    'a floor ends below another',
    side(floors({ floor: because })),
    side(floors({})),
    ['machines below 1.5, 100 % of them, go to 2 at once, not to 1.5 first'],
  ],
  ['a floor ends that is the newest', side(withFloor({ floor: because }, at(0))), side(withFloor({}, at(0))), []],
  ['a floor is held', side(withFloor({ floor: because })), side(withFloor({ floor: because }), [held('1.5')]), []],
  ['a floor begins', side(withFloor({})), side(withFloor({ floor: because })), []],
  [
    'a dead end opens',
    side({ releases: [release('2'), release('1', { deadEnd: because })] }),
    side(two()),
    ['machines that run 1, 100 % of them, may be offered updates again'],
  ],
  ['a source', side(two()), following(two(), 0), ['3 goes from 0 % to 100 % of machines at once']],
  ['a source, later', side(two()), following(two(), year), []],
])('%s', (_, before, after, sentences) => {
  expect(reachOf(before, after, noon).reach).toEqual(sentences)
})

test('what machines get in place of a release that is withheld is no reach', () => {
  const withheld = reachOf(side(two()), side(two(), [held('2')]), noon)
  expect(withheld).toEqual({ reach: [], instead: ['machines that 2 no longer reaches get 1'] })
})

test('boards are named where not all of them change', () => {
  const boards = { 'amd64-usr': bytesOf(), 'arm64-usr': bytesOf('b') }
  const both = { releases: [release('1', { boards })] }
  const next = { releases: [release('2'), ...both.releases] }
  expect(reachOf(side(both), side(next), noon).reach).toEqual([
    '2 goes from 0 % to 100 % of machines at once (amd64-usr)',
  ])
})
