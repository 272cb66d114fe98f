/** Where a channel stands: what machines end at, floor by floor, and what keeps them from the newest. */
import { expect, test } from 'vitest'
import type { Hold, Release } from '../../src/release/channel.ts'
import { changedAt, progressOf, readChannelState } from '../../src/release/rollout-status.ts'
import type { Followed } from '../../src/release/view.ts'
import { viewChannel } from '../../src/release/view.ts'

const now = Date.parse('2026-11-24T12:00:00Z')
const hour = 60 * 60 * 1000
const at = (hours: number): string => new Date(now + hours * hour).toISOString()
const board = 'amd64-usr'
const file = { name: 'update.gz', size: 1, sha256: 'a'.repeat(64), sha1: 'b'.repeat(40) }
const queue = { app: 'app', channel: 'stable' }

const release = (version: string, more: Partial<Release> = {}): Release => ({
  version,
  publishedAt: at(-24 * 30),
  boards: { [board]: { codebases: [], packages: [file] } },
  ...more,
})

const because = { reason: 'why' }
const ramp = [
  { at: at(-6), share: 0 },
  { at: at(18), share: 1 },
]
const hold: Hold = { version: '3', reason: 'boots in a loop', at: at(-1) }

interface Given {
  readonly more?: Readonly<Record<string, Partial<Release>>>
  readonly holds?: readonly Hold[]
  readonly rollbackFrom?: readonly string[]
}

const viewOf = ({ more = {}, holds = [], rollbackFrom = [] }: Given) =>
  viewChannel(queue, { content: { releases: ['1', '2', '3'].map((it) => release(it, more[it])), rollbackFrom }, holds })

test.each<[string, Given, offered: string | undefined, reason: string | undefined]>([
  ['the newest', {}, '3', undefined],
  ['the newest, by way of a floor', { more: { '2': { floor: because } } }, '3', undefined],
  ['by way of two floors', { more: { '1': { floor: because }, '2': { floor: because } } }, '3', undefined],
  ['the one before a held one', { holds: [hold] }, '2', 'held'],
  ['the one before a withdrawn one', { more: { '3': { withdrawn: because } } }, '2', 'withdrawn'],
  ['the one before a ramp', { more: { '3': { ramp } } }, '2', 'not-in-ramp'],
  ['a floor that cannot be passed', { more: { '2': { floor: because, withdrawn: because } } }, '1', 'floor-held'],
  [
    'what most machines are offered',
    { more: Object.fromEntries(['1', '2', '3'].map((it) => [it, { target: { from: '>=1' } }])) },
    '3',
    undefined,
  ],
  ['what comes after another', { more: { '3': { target: { from: '>=2' } } } }, '3', undefined],
  ['the one before what is for some', { more: { '3': { target: { oem: { only: ['azure'] } } } } }, '2', 'target'],
  [
    'nothing, where all is withdrawn',
    { more: Object.fromEntries(['1', '2', '3'].map((it) => [it, { withdrawn: because }])) },
    undefined,
    'withdrawn',
  ],
  ['no end to going back', { holds: [hold], rollbackFrom: ['2'] }, '2', 'held'],
  ['a dead end, which is newest', { more: { '3': { deadEnd: because } } }, '3', undefined],
])('machines end at %s', (_, given, offered, reason) => {
  const [standing, ...others] = readChannelState(viewOf(given), now).boards
  expect(others).toEqual([])
  expect(standing?.newest.release.version).toBe('3')
  expect(standing?.offered?.release.version).toBe(offered)
  expect(standing?.withheld?.reason).toBe(reason)
})

test('a closed window does not change what is shown', () => {
  const windows = [{ days: ['Tue'] as const, from: '13:00', to: '14:00', timeZone: 'UTC' }]
  const view = viewOf({ more: { '3': { windows } } })
  const shown = (ms: number) => readChannelState(view, ms).boards[0]
  expect(shown(now)).toMatchObject({ withheld: undefined, window: { isOpen: false, edge: now + hour } })
  expect(shown(now + 1.5 * hour)).toMatchObject({ window: { isOpen: true, edge: now + 2 * hour } })
  expect(shown(now)?.offered?.release.version).toBe('3')
})

test.each<[string, number, object | undefined]>([
  ['before it begins', -7, { share: 0 }],
  ['on its way', 6, { share: 0.5, from: now - 6 * hour, to: now + 18 * hour }],
  ['when everybody is reached', 18, undefined],
])('a ramp %s', (_, hours, want) => {
  const [standing] = readChannelState(viewOf({ more: { '3': { ramp } } }), now + hours * hour).boards
  const progress = standing && progressOf(standing.newest, now + hours * hour)
  if (want === undefined) expect(progress).toBeUndefined()
  else expect(progress).toMatchObject(want)
})

test.each<[string, object, object]>([
  ['that stays at a share', { ramp: [ramp[0], { at: at(-1), share: 0.3 }] }, { share: 0.3, stoppedAt: undefined }],
  ['that was stopped', { ramp, rampAsOf: at(-2) }, { share: 4 / 24, stoppedAt: now - 2 * hour }],
])('a ramp %s has no end', (_, { rampAsOf, ...fields }: { rampAsOf?: string }, want) => {
  const releases = [release('1'), release('2', fields)]
  const [standing] = readChannelState(
    viewChannel(queue, { content: { releases }, ...(rampAsOf && { rampAsOf }) }),
    now,
  ).boards
  const progress = standing && progressOf(standing.newest, now)
  expect(progress).toEqual({ from: now - 6 * hour, to: undefined, ...want })
})

test('a follower shows the releases of its source, with the time from which it offers them', () => {
  const source = { content: { releases: [release('1'), release('2', { publishedAt: at(-24) })] } }
  const followed: Followed = { source, afterMs: 48 * hour, overMs: 0 }
  const view = viewChannel(queue, { content: { releases: [] } }, followed)
  expect(readChannelState(view, now).releases.map(({ release }) => release.version)).toEqual(['2', '1'])
  const [standing] = readChannelState(view, now).boards
  expect(standing?.offered?.release.version).toBe('1')
  expect(standing?.newest.seenFrom).toBe(now + 24 * hour)
})

test('a version with one board in a follower and two in its source is one release', () => {
  const packages = { codebases: [], packages: [file] } as const
  const own = release('1', { boards: { arm: { codebases: ['https://x/'], packages: [file] } } })
  const source = { content: { releases: [release('1', { boards: { [board]: packages, arm: packages } })] } }
  const view = viewChannel(queue, { content: { releases: [own] } }, { source, afterMs: 0, overMs: 0 })
  const { releases } = readChannelState(view, now)
  expect(releases.map(({ release }) => [release.version, release.boards])).toEqual([
    ['1', { [board]: packages, arm: own.boards.arm }],
  ])
})

test('changedAt is the time of signing, or of the last change by a ramp or delay', () => {
  const view = viewOf({ more: { '3': { ramp } } })
  expect(changedAt(view, now - 10 * hour, now)).toBe(now - 6 * hour)
  expect(changedAt(view, now - hour, now)).toBe(now - hour)
  expect(changedAt(view, now - hour, now + 20 * hour)).toBe(now + 18 * hour)
})
