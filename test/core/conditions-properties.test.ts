/** What no channel can be made to do, however it is ramped, windowed, targeted, held and followed. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Channel, Release } from '../../src/release/channel.ts'
import { bucketFor, type Decision, decide } from '../../src/release/decide.ts'
import { nextChange } from '../../src/release/explanation.ts'
import { bucketOf, readRamp, shareAt } from '../../src/release/ramp.ts'
import { compareVersions, parseVersion } from '../../src/release/version.ts'
import { restrict, viewChannel } from '../../src/release/view.ts'
import { isOpen, readWindows } from '../../src/release/window.ts'
import { rounds } from '../rounds.ts'
import { noon, queue, release, viewOf } from './releases.ts'
import {
  at,
  channel,
  check,
  day,
  hour,
  instant,
  overlay,
  ramp,
  rarely,
  sourceOf,
  version,
  view,
  windows,
  world,
  worldOf,
} from './worlds.ts'

const seed = 11

const order = (a: string, b: string): number => compareVersions(parseVersion(a), parseVersion(b))
const offered = (decision: Decision): Release | undefined =>
  decision.kind === 'update' ? decision.offer.release : undefined

type Versioned = Pick<Release, 'version'>
const sameAs =
  ({ version }: Versioned) =>
  (one: Versioned) =>
    order(one.version, version) === 0

test('an offer is always signed, never lower, never past a floor, never held or withdrawn, never from a dead end', () => {
  const seen = { offers: 0, ours: 0, floors: 0, lower: 0, twins: 0 }
  fc.assert(
    fc.property(world, check, instant, (one, machine, ms) => {
      const decision = decide(machine, view(one), noon + ms)
      if (decision.kind !== 'update') return
      seen.offers += 1
      const to = decision.offer.release
      const from = machine.version
      const ours = one.own.releases
      const theirs = one.source?.releases ?? []
      const all = [...ours, ...theirs]
      expect(all).toContain(to)
      expect(decision.offer.packages).toBe(to.boards['amd64-usr'])
      expect(order(to.version, from)).not.toBe(0)
      if (order(to.version, from) < 0) {
        seen.lower += 1
        expect([one.own, one.source].flatMap((channel) => channel?.rollbackFrom ?? [])).toContain(from)
      }
      const floors = all.filter(({ floor }) => floor)
      expect(floors.filter((two) => order(two.version, from) > 0 && order(two.version, to.version) < 0)).toEqual([])
      expect(all.filter(sameAs({ version: from })).filter(({ deadEnd }) => deadEnd)).toEqual([])
      const theirHolds = one.sourceHolds.filter((hold) => theirs.some(sameAs(hold)))
      expect([...one.ownHolds, ...theirHolds].filter(sameAs(to))).toEqual([])
      expect(all.filter(sameAs(to)).filter(({ withdrawn }) => withdrawn)).toEqual([])
      if (floors.includes(to)) seen.floors += 1
      if (ours.includes(to)) seen.ours += 1
      if (ours.includes(to) && theirs.some(sameAs(to))) seen.twins += 1
    }),
    { numRuns: rounds(10_000), seed },
  )
  expect(Object.entries(seen).filter(([, count]) => count < rounds(50))).toEqual([])
})

const bare = channel.map((one): Channel => ({ ...one, releases: [] }))

test('a follower never exposes more than its source: no machine the source refuses, no larger share, and later', () => {
  const seen = { followed: 0, ramped: 0 }
  fc.assert(
    fc.property(worldOf(bare, channel), check, instant, (one, machine, ms) => {
      const source = sourceOf(one)
      const decision = decide(machine, view(one), noon + ms)
      if (source === undefined || decision.kind !== 'update') return
      const to = decision.offer.release
      seen.followed += 1
      expect(to.deadEnd).toBeUndefined()
      expect(Date.parse(to.publishedAt) + one.afterMs).toBeLessThanOrEqual(noon + ms)
      // The source with nothing but this release, asked by hand: neither a ramp nor a window stands in the way there.
      const alone = { ...source.content, rollbackFrom: [machine.version], releases: [to] }
      const there = viewChannel(queue, { ...source, content: alone })
      expect(decide({ ...machine, isManual: true }, there, noon + ms).kind).toBe('update')
      if (machine.isManual || !to.ramp) return
      seen.ramped += 1
      const share = shareAt(readRamp(to.ramp, source.rampAsOf ? Date.parse(source.rampAsOf) : undefined), noon + ms)
      expect(share >= 1 || bucketFor(decision.offer, view(one), machine).ramp < share).toBe(true)
    }),
    { numRuns: rounds(10_000), seed },
  )
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(rounds(50))
})

test('with a rising ramp and an open window, an offer never goes away', () => {
  let offers = 0
  fc.assert(
    fc.property(ramp(true), rarely(windows), fc.uuid(), instant, (steps, windows, machineId, ms) => {
      const view = viewOf({ releases: [release('3', { ramp: steps, ...(windows && { windows }) })] })
      const get = (now: number) => decide({ version: '1', board: 'amd64-usr', machineId }, view, now)
      if (get(noon + ms).kind !== 'update') return
      offers += 1
      const schedule = windows && readWindows(windows)
      let isInside = true
      for (let later = ms; later < ms + 2 * day; later += 37 * 60_000) {
        const decision = get(noon + later)
        isInside =
          (isInside || decision.kind === 'update') && (schedule === undefined || isOpen(schedule, 0, noon + later))
        expect(decision.kind === 'update' || decision.reason).toBe(isInside || 'outside-window')
      }
    }),
    { numRuns: rounds(2_000), seed },
  )
  expect(offers).toBeGreaterThan(rounds(200))
})

/** What clocks in a zone show: day of the week and time. */
const clockIn = (timeZone: string, at: number): string => {
  const shown = new Intl.DateTimeFormat('en-GB', {
    ...({ timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const),
  })
  const part = Object.fromEntries(shown.formatToParts(at).map(({ type, value }) => [type, value]))
  return `${part.weekday} ${part.hour}:${part.minute}`
}
const week = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

test('a window is open exactly at its days and times on the clocks of its time zone', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Asia/Kathmandu',
    'Pacific/Kiritimati',
    'Pacific/Pago_Pago',
  ]
  const time = fc.integer({ min: 0, max: 24 * 60 - 1 })
  const text = (minutes: number): string =>
    `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
  const seen = { open: 0, closed: 0 }
  fc.assert(
    fc.property(
      fc.record({
        days: fc.subarray([...week], { minLength: 1 }),
        from: time,
        to: time,
        timeZone: fc.constantFrom(...zones),
      }),
      fc.integer({ min: 0, max: 2 * 365 * 24 * 60 }),
      ({ days, from, to, timeZone }, minutes) => {
        const now = noon + minutes * 60_000
        // What a window does while clocks are changed is a table of its own.
        const changes = [-day, day].some(
          (ms) => clockIn(timeZone, now + ms).slice(4) !== clockIn(timeZone, now).slice(4),
        )
        fc.pre(from !== to && !changes)
        const [shown = '', clock = ''] = clockIn(timeZone, now).split(' ')
        const today = week.map(String).indexOf(shown)
        const isOn = (one: number): boolean => days.includes(week[(one + 7) % 7] ?? 'Mon')
        const [begins, ends] = [clock >= text(from), clock < text(to)]
        const want = from < to ? isOn(today) && begins && ends : (isOn(today) && begins) || (isOn(today - 1) && ends)
        seen[want ? 'open' : 'closed'] += 1
        const schedule = readWindows([{ days, from: text(from), to: text(to), timeZone }])
        expect(isOpen(schedule, 0, now)).toBe(want)
      },
    ),
    { numRuns: rounds(3_000), seed },
  )
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(rounds(500))
})

test('at each hour, the share of machines that get the offer is the share of the ramp', () => {
  const view = viewOf({
    releases: [
      release('3', {
        ramp: [
          { at: at(0), share: 0 },
          { at: at(48 * hour), share: 1 },
        ],
      }),
    ],
  })
  const machines = Array.from({ length: 10_000 }, (_, i) => i.toString(16).padStart(32, '0'))
  for (let hours = 0; hours <= 48; hours += 4) {
    const now = noon + hours * hour
    const count = machines.filter(
      (machineId) => decide({ version: '1', board: 'amd64-usr', machineId }, view, now).kind === 'update',
    ).length
    // Five standard deviations of 10,000 draws.
    expect(Math.abs(count / 10_000 - hours / 48)).toBeLessThan(0.025)
  }
})

test('two ramps of 1 % have almost no machines in common', () => {
  const machines = Array.from({ length: 100_000 }, (_, i) => `machine-${i}`)
  const admitted = (version: string) => machines.filter((machine) => bucketOf(queue, version, machine).ramp < 0.01)
  const first = admitted('4593.2.0')
  const shared = Array.from({ length: 10 }, (_, i) => {
    const others = new Set(admitted(`4593.2.${i + 1}`))
    return (first.filter((machine) => others.has(machine)).length / first.length) * 1000
  })
  expect(first.length).toBeGreaterThan(900)
  // Of 1,000 machines 10 are expected, for any two releases; of these two, with these machines, no more.
  expect(shared.reduce((sum, one) => sum + one, 0) / shared.length).toBeLessThan(11)
  expect(shared[3]).toBeLessThanOrEqual(10)
})

test('a hold applies to every check: each gets another release or nothing', () => {
  fc.assert(
    fc.property(world, check, instant, version, (one, machine, ms, what) => {
      const held = { ...one, ownHolds: [...one.ownHolds, { version: what, reason: 'x', at: at(0) }] }
      const to = offered(decide(machine, view(held), noon + ms))
      expect(to === undefined || order(to.version, what) !== 0).toBe(true)
    }),
    { numRuns: rounds(2_000), seed },
  )
})

test('nextChange is the next change: nothing changes before it, and the offer differs from that millisecond on', () => {
  const seen = { changes: 0, none: 0 }
  fc.assert(
    fc.property(world, check, instant, (one, machine, ms) => {
      const channel = view(one)
      const get = (now: number) => offered(decide(machine, channel, now))
      const now = noon + ms
      const before = get(now)
      const change = nextChange(machine, channel, now)
      const until = change?.at ?? now + 30 * day
      for (let i = 0; i < 40; i++) expect(get(now + Math.floor(((until - now) * i) / 40))).toBe(before)
      if (change === undefined) {
        seen.none += 1
        return
      }
      seen.changes += 1
      expect(change.at).toBeGreaterThan(now)
      expect(get(change.at - 1)).toBe(before)
      expect(get(change.at)).toBe(offered(change.decision))
      expect(offered(change.decision)).not.toBe(before)
    }),
    { numRuns: rounds(2_000), seed },
  )
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(rounds(120))
})

test('an overlay only restricts: its offers are those of the channel with some newer releases held', () => {
  const seen = { offers: 0, others: 0, none: 0 }
  fc.assert(
    fc.property(world, overlay, check, instant, (one, restrictions, machine, ms) => {
      const now = noon + ms
      const to = offered(decide(machine, restrict(view(one), restrictions), now))
      const signed = offered(decide(machine, view(one), now))
      if (to === undefined) {
        if (signed) seen.none += 1
        return
      }
      seen[to === signed ? 'offers' : 'others'] += 1
      const versions = [...one.own.releases, ...(one.source?.releases ?? [])].map((release) => release.version)
      const sorted = [...new Set(versions)].sort((a, b) => order(b, a))
      const isOffered = Array.from({ length: sorted.length + 1 }, (_, count) => count).some((count) => {
        const holds = sorted.slice(0, count).map((held) => ({ version: held, reason: 'x', at: at(0) }))
        return offered(decide(machine, view({ ...one, ownHolds: [...one.ownHolds, ...holds] }), now)) === to
      })
      expect(isOffered).toBe(true)
      for (const [name, { holds = [], versions }] of Object.entries(restrictions)) {
        expect([name, holds.some((hold) => order(hold.version, to.version) === 0)]).toEqual([name, false])
        expect([name, versions?.some((approved) => order(approved, to.version) === 0) ?? true]).toEqual([name, true])
      }
    }),
    { numRuns: rounds(4_000), seed },
  )
  expect(Object.entries(seen).filter(([, count]) => count < rounds(50))).toEqual([])
})
