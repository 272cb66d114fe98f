/** Channels however they are ramped, windowed, targeted, held, followed and mirrored, for properties. */
import fc from 'fast-check'
import type { Channel, Hold, Release } from '../../src/release/channel.ts'
import type { Check } from '../../src/release/decide.ts'
import { type ChannelView, type Followed, type Overlay, viewChannel } from '../../src/release/view.ts'
import { held, noon, queue, release } from './releases.ts'

export const hour = 60 * 60 * 1000
export const day = 24 * hour
export const at = (ms: number): string => new Date(noon + ms).toISOString()
export const instant = fc.integer({ min: -5 * day, max: 12 * day })
const share = fc.oneof(fc.constantFrom(0, 0.01, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }))
export const ramp = (isUpward: boolean) =>
  fc.array(fc.tuple(instant, share), { minLength: 1, maxLength: 4 }).map((points) => {
    const times = points.map(([ms]) => ms).sort((a, b) => a - b)
    const shares = points.map(([, one]) => one)
    if (isUpward) shares.sort((a, b) => a - b)
    return times.map((ms, i) => ({ at: at(ms), share: shares[i] ?? 1 }))
  })
export const windows = fc.constantFrom<NonNullable<Release['windows']>>(
  [{ days: ['Mon', 'Wed', 'Fri'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' }],
  [{ days: ['Tue'], from: '09:30', to: '11:00', timeZone: 'America/New_York' }],
  [
    { days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'], from: '00:00', to: '12:00', timeZone: 'UTC' },
    { days: ['Sat'], from: '11:00', to: '10:00', timeZone: 'UTC' },
  ],
)
const target = fc.constantFrom<NonNullable<Release['target']>>(
  { oem: { not: ['pxe'] } },
  { from: '>=1 <3' },
  { from: '<9' },
  { os: '>=10.0.19045' },
)
export const version = fc.integer({ min: 0, max: 9 }).map(String)
const because = fc.constant({ reason: 'why' })
export const rarely = <T>(one: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one })

const anyRelease = fc
  .record({
    version,
    publishedAt: fc.integer({ min: -20 * day, max: 0 }).map(at),
    ramp: fc.option(ramp(false), { nil: undefined }),
    windows: rarely(windows),
    target: rarely(target),
    floor: rarely(because),
    withdrawn: rarely(because),
    deadEnd: rarely(because),
  })
  .map(({ version, ...fields }) =>
    release(version, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))),
  )
export const channel: fc.Arbitrary<Channel> = fc
  .record({
    releases: fc.uniqueArray(anyRelease, { maxLength: 6, selector: (one) => one.version }),
    windows: rarely(windows),
    target: rarely(target),
    rollbackFrom: fc.array(version, { maxLength: 3 }),
  })
  .map(({ windows, target, rollbackFrom, releases }) => ({
    releases,
    ...(windows && { windows }),
    ...(target && { target }),
    rollbackFrom,
  }))
const holds = fc.array(
  version.map((one) => held(one)),
  { maxLength: 2 },
)
export const check: fc.Arbitrary<Check> = fc.record({
  version: fc.oneof(version, fc.constant('developer')),
  board: fc.constant('amd64-usr'),
  machineId: fc.oneof(fc.uuid(), fc.constant('')),
  oem: fc.constantFrom('', 'azure', 'pxe'),
  isManual: fc.boolean(),
})
const rampAsOf = rarely(instant.map(at))
export interface World {
  readonly own: Channel
  readonly ownHolds: readonly Hold[]
  readonly source: Channel | undefined
  readonly sourceHolds: readonly Hold[]
  readonly sourceAsOf: string | undefined
  readonly rampAsOf: string | undefined
  readonly afterMs: number
  readonly overMs: number
}
export const worldOf = (own: fc.Arbitrary<Channel>, source: fc.Arbitrary<Channel | undefined>): fc.Arbitrary<World> =>
  fc.record({
    own,
    ownHolds: holds,
    source,
    sourceHolds: holds,
    sourceAsOf: rampAsOf,
    rampAsOf,
    afterMs: fc.constantFrom(0, day, 7 * day),
    overMs: fc.constantFrom(0, 2 * day),
  })
export const world = worldOf(channel, fc.option(channel, { nil: undefined }))
export const sourceOf = ({ source, sourceHolds, sourceAsOf }: World) =>
  source && { content: source, holds: sourceHolds, rampAsOf: sourceAsOf }
const followedOf = (one: World): Followed | undefined => {
  const source = sourceOf(one)
  return source && { source, afterMs: one.afterMs, overMs: one.overMs }
}
export const view = (one: World): ChannelView =>
  viewChannel(queue, { content: one.own, holds: one.ownHolds, rampAsOf: one.rampAsOf }, followedOf(one))

export const overlay: fc.Arbitrary<Overlay> = fc
  .dictionary(
    fc.constantFrom('*', queue.channel, `${queue.app}/${queue.channel}`),
    fc.record(
      {
        holds: fc.array(
          version.map((one) => ({ version: one, reason: 'here' })),
          { maxLength: 2 },
        ),
        versions: fc.array(version, { maxLength: 6 }),
        afterMs: fc.constantFrom(0, 10 * day, 25 * day),
        overMs: fc.constantFrom(0, 4 * day),
      },
      { requiredKeys: [] },
    ),
    { maxKeys: 3 },
  )
  .map((restrictions) => ({ ...restrictions }))
