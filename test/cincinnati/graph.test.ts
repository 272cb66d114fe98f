/** The graph says of every release what `decide` says of a machine that runs it: no other edge, and none missing. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { requireImage } from '../../src/checks/update-check.ts'
import { readGraph } from '../../src/cincinnati/graph.ts'
import { rolloutOf } from '../../src/cincinnati/rollout.ts'
import type { Channel, Image, RampStep, Release, Scheme } from '../../src/release/channel.ts'
import { type Check, decide } from '../../src/release/decide.ts'
import { readRamp, shareAt } from '../../src/release/ramp.ts'
import type { ChannelView } from '../../src/release/view.ts'
import { held, night, noon, release, viewOf } from '../core/releases.ts'

const board = 'x86_64'
const why = { reason: 'https://example.org/why' }
const hex = (version: string): string => Buffer.from(version).toString('hex').padStart(64, '0')
const payloads = (version: string): Required<Image> => ({
  checksum: hex(version),
  oci: `quay.io/fedora/fedora-coreos@sha256:${hex(version)}`,
})
const image = (version: string, more: Partial<Release> = {}): Release =>
  release(version, { boards: { [board]: payloads(version) }, ...more })

type Asked = Partial<Check> & { readonly scheme?: Scheme; readonly payload?: string }

function graphOf(view: ChannelView, asked: Asked = {}, now = noon) {
  const running = { version: '', board, scheme: 'checksum', payload: '', ...asked } as const
  return readGraph(view, running, requireImage(decide(running, view, now), running.scheme), now)
}

/** e.g. `1>3`. */
function edgesOf(view: ChannelView, asked?: Asked): readonly string[] {
  const { nodes, edges } = graphOf(view, asked)
  return edges.map(([from, to]) => `${nodes[from]?.version}>${nodes[to]?.version}`)
}

const instants = fc.integer({ min: -72, max: 72 }).map((hours) => new Date(noon + hours * 3_600_000).toISOString())
const shares = fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }))
const ramps = fc
  .array(fc.record({ at: instants, share: shares }), { maxLength: 4 })
  .map((steps) => steps.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)))
const day = { days: ['Mon'], from: '08:00', to: '16:00', timeZone: 'UTC' } as const
const windows = fc.constantFrom([night], [day])
const target = fc.constantFrom({ oem: { not: ['qemu'] } }, { from: '>=3' }, { machines: { allow: [] } }, {})
const rarely = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one })
const mark = rarely(fc.constant(why))
const versions = ['1', '2', '2.1', '3', '4', '10', '11']
const images = (version: string): fc.Arbitrary<Release['boards']> =>
  fc
    .constantFrom<Release['boards'][string]>(
      payloads(version),
      payloads(version),
      { checksum: payloads(version).checksum },
      { oci: payloads(version).oci },
    )
    .map((one) => ({ [board]: one }))
const releases: fc.Arbitrary<readonly Release[]> = fc.subarray(versions, { minLength: 1 }).chain((some) =>
  fc.tuple(
    ...some.map((version) =>
      fc
        .record({
          boards: images(version),
          ...{ floor: mark, deadEnd: mark, withdrawn: mark, ramp: rarely(ramps) },
          ...{ windows: rarely(windows), target: rarely(target) },
        })
        .map((more) => release(version, JSON.parse(JSON.stringify(more)))),
    ),
  ),
)
const channels = fc.record({
  releases,
  holds: fc.subarray(versions, { maxLength: 2 }),
  rampAsOf: rarely(instants),
  more: fc.record({ windows: rarely(windows), target: rarely(target), rollbackFrom: rarely(fc.subarray(versions)) }),
})
const machines = fc.record({
  version: fc.constantFrom(...versions, '0.9', '3.5', '12', 'unknown', ''),
  payload: fc.constantFrom('', hex('own'), payloads('own').oci, hex('3')),
  scheme: fc.constantFrom<Scheme>('checksum', 'oci'),
  machineId: fc.constantFrom('', 'a', 'b', 'c', 'd'),
  oem: fc.constantFrom('', 'qemu', 'metal'),
  wariness: rarely(fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }))),
})

test('edges are what decide offers, for every node; nodes are what has a payload, and what the machine runs', () => {
  const counted = { edges: 0, own: 0 }
  fc.assert(
    fc.property(channels, machines, ({ releases, holds, rampAsOf, more }, { wariness, ...machine }) => {
      const content = JSON.parse(JSON.stringify({ ...more, releases })) as Channel
      const view = viewOf(
        content,
        holds.map((version) => held(version)),
        rampAsOf,
      )
      const asked = { ...machine, board, ...(wariness !== undefined && { wariness }) }
      const { nodes, edges } = graphOf(view, asked)
      const inChannel = new Map(releases.map((one) => [one.version, (one.boards[board] as Image)[asked.scheme]]))
      const offers = nodes.flatMap(({ version }) => {
        const decision = decide({ ...asked, version }, view, noon)
        const to = decision.kind === 'update' ? decision.offer.release.version : undefined
        return to !== undefined && inChannel.get(to) ? [`${version}>${to}`] : []
      })
      expect(edges.map(([from, to]) => `${nodes[from]?.version}>${nodes[to]?.version}`)).toEqual(offers)
      const own = nodes.filter(({ version }) => !inChannel.get(version))
      expect(nodes.length - own.length).toBe([...inChannel.values()].filter(Boolean).length)
      expect(own.length).toBeLessThanOrEqual(1)
      for (const one of own) expect([one.version, one.payload]).toEqual([machine.version, machine.payload])
      for (const [i, one] of nodes.entries()) {
        expect(one.metadata['org.fedoraproject.coreos.releases.age_index']).toBe(String(i))
        expect(one.metadata['org.fedoraproject.coreos.scheme']).toBe(asked.scheme)
      }
      expect(graphOf(view, asked)).toEqual({ nodes, edges })
      counted.edges += edges.length
      counted.own += own.length
    }),
    { numRuns: 1500, seed: 98 },
  )
  // It would hold of nothing, too.
  expect(counted.edges).toBeGreaterThan(500)
  expect(counted.own).toBeGreaterThan(100)
})

describe('of 2,000 releases', () => {
  const list = (more: (i: number) => Partial<Release>): readonly Release[] =>
    Array.from({ length: 2000 }, (_, i) => image(`44.${i}`, more(i)))

  test('what is withdrawn is looked at a few times, not once for each node', () => {
    const view = viewOf({ releases: list((i) => (i < 4 ? {} : { withdrawn: why })) })
    let looks = 0
    for (const one of view.boards.get(board)?.candidates ?? []) {
      const { refusal } = one
      Object.defineProperty(one, 'refusal', {
        get: () => {
          looks++
          return refusal
        },
      })
    }
    expect(edgesOf(view)).toEqual(['44.0>44.3', '44.1>44.3', '44.2>44.3'])
    expect(looks).toBeLessThan(20 * 2000)
  })

  test('with conditions, only the machine that asks gets an edge', () => {
    const view = viewOf({ releases: list(() => ({ target: { from: '>=44.1 <44.4' } })) })
    expect(edgesOf(view, { version: '44.2', payload: hex('44.2') })).toEqual(['44.2>44.1999'])
    expect(edgesOf(view, { version: '44.4', payload: hex('44.4') })).toEqual([])
  })
})

/** As Fedora's policy engine writes it; a share of 0 is for nobody here. */
function progress(said: Readonly<Record<string, string>>, now: number): number {
  const { start_epoch: start, start_value: value, duration_minutes: minutes } = said
  const [from, share] = [Number(start), Number(value)]
  if (now / 1000 < from) return 0
  if (minutes === undefined) return share
  return Math.min(1, share + ((1 - share) * (now / 1000 - from)) / (60 * Number(minutes)))
}

test('wariness decides by the formula of Fedora', () => {
  fc.assert(
    fc.property(
      fc.record({
        hours: fc.integer({ min: -50, max: 50 }),
        share: shares,
        minutes: fc.integer({ min: 60, max: 4000 }),
      }),
      fc.oneof(fc.constantFrom(0, 0.25, 1), fc.double({ min: 0, max: 1, noNaN: true })),
      ({ hours, share, minutes }, wariness) => {
        const at = noon + hours * 3_600_000
        const text = (ms: number): string => new Date(ms).toISOString()
        const ramp = [
          { at: text(at), share },
          { at: text(at + minutes * 60_000), share: 1 },
        ]
        const view = viewOf({ releases: [image('1'), image('2', { ramp })] })
        const p = progress(rolloutOf([readRamp(ramp)], noon), noon)
        const isNear = Math.abs(p - wariness) < 1e-9 && p !== wariness
        if (!isNear) expect(edgesOf(view, { wariness })).toEqual(p > 0 && wariness <= p ? ['1>2'] : [])
      },
    ),
    { numRuns: 2000, seed: 98 },
  )
})

const ramp = (...steps: readonly (readonly [hours: number, share: number])[]): RampStep[] =>
  steps.map(([hours, share]) => ({ at: new Date(noon + hours * 3_600_000).toISOString(), share }))

describe('a share', () => {
  const at = (share: number, wariness?: number) =>
    edgesOf(viewOf({ releases: [image('1'), image('2', { ramp: ramp([-1, share]) })] }), {
      machineId: 'a',
      ...(wariness !== undefined && { wariness }),
    })
  test.each([
    [0, 0, false],
    [0, 1, false],
    [Number.MIN_VALUE * 2, 0, true],
    [0.5, 0.5, true],
    [0.5, 0.5000000000000001, false],
    [0.5, 0, true],
    [0.999999, 1, false],
    [1, 1, true],
  ])('of %d, and a wariness of %d', (share, wariness, isOffered) =>
    expect(at(share, wariness)).toEqual(isOffered ? ['1>2'] : []),
  )

  test('reaches other machines first with each release where they say nothing', () => {
    const ids = Array.from({ length: 400 }, (_, i) => `machine-${i}`)
    const reached = ['2', '3'].map((version) => {
      const view = viewOf({ releases: [image('1'), image(version, { ramp: ramp([-1, 0.25]) })] })
      return new Set(ids.filter((machineId) => edgesOf(view, { machineId }).length > 0))
    })
    const [first = new Set(), second = new Set()] = reached
    expect(first.size).toBeGreaterThan(60)
    expect(first.size).toBeLessThan(140)
    expect([...first].filter((id) => second.has(id)).length).toBeLessThan(60)
  })
})

test.each<[string, readonly Release[], Asked, readonly string[]]>([
  ['a barrier', [image('1'), image('2', { floor: why }), image('3')], {}, ['1>2', '2>3']],
  ['a dead end', [image('1'), image('2', { deadEnd: why }), image('3')], {}, ['1>3']],
  ['a platform', [image('1'), image('2', { target: { oem: { not: ['qemu'] } } })], { oem: 'qemu' }, []],
  ['what it runs', [image('2'), image('3')], { version: '1', payload: hex('1') }, ['1>3', '2>3']],
  ['what it runs, between', [image('1'), image('3')], { version: '2', payload: hex('2') }, ['1>3', '2>3']],
  ['another payload of a known version', [image('1'), image('3')], { version: '1', payload: hex('x') }, ['1>3']],
  ['a payload that is none', [image('3')], { version: '1', payload: 'x' }, []],
  [
    'an image that is not there',
    [image('1'), release('2', { boards: { [board]: { checksum: hex('2') } } })],
    { scheme: 'oci' },
    [],
  ],
])('%s', (_, list, asked, edges) => expect(edgesOf(viewOf({ releases: list }), asked)).toEqual(edges))

test.each<[string, RampStep[], string | undefined, object]>([
  ['from nobody to everybody', ramp([-24, 0], [24, 1]), undefined, { start_value: '0', duration_minutes: '2880' }],
  ['that begins later', ramp([24, 0], [48, 1]), undefined, { start_value: '0', duration_minutes: '1440' }],
  ['that is over', ramp([-48, 0.1], [-24, 1]), undefined, { start_value: '0.1', duration_minutes: '1440' }],
  ['after an embargo', ramp([24, 1], [24, 0.5], [48, 1]), undefined, { start_value: '0.5', duration_minutes: '1440' }],
  ['of one share', ramp([-24, 0.3]), undefined, { start_value: '0.3' }],
  [
    'of two lines, on the second',
    ramp([-24, 0], [-12, 0.5], [12, 1]),
    undefined,
    { start_value: '0.5', duration_minutes: '1440' },
  ],
  [
    'of two lines, on the first',
    ramp([-12, 0], [12, 0.5], [24, 1]),
    undefined,
    { start_value: '0', duration_minutes: '2880' },
  ],
  ['that was stopped', ramp([-24, 0], [24, 1]), ramp([-12, 0])[0]?.at, { start_value: '0.25' }],
  ['without a step', [], undefined, { start_epoch: '0', start_value: '0' }],
])('a ramp %s', (_, steps, asOf, said) => {
  const one = readRamp(steps, asOf === undefined ? undefined : Date.parse(asOf))
  const found = rolloutOf([one], noon)
  expect(found).toEqual({ rollout: 'true', start_epoch: expect.stringMatching(/^\d+$/), ...said })
  expect(progress(found, noon)).toBeCloseTo(shareAt(one, noon), 9)
})
