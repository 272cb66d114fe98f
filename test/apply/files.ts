/** Random files for the channels of `baseStore`. */
import fc from 'fast-check'
import { fileOf } from './scene.ts'

const releasesOf: Readonly<Record<string, readonly string[]>> = {
  alpha: ['1', '2', '3', '4'],
  beta: ['1', '2', '3'],
  stable: ['1', '2'],
}

const rarely = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one })
const reason = fc.constantFrom('boot loop', 'new disk layout', 'https://example.org/why')
const duration = fc.constantFrom('1h', '48h', '7d', 'P1DT12H')
const share = fc.constantFrom('5%', 0.07, '0.5%')

const windows = fc.constantFrom(
  [{ days: ['Mon', 'Wed', 'Fri'], from: '22:00', to: '04:00', time_zone: 'Europe/Berlin' }],
  [{ days: ['Tue'], from: '09:30', to: '11:00', time_zone: 'America/New_York' }],
)
const target = fc.constantFrom<object>(
  { not_oem: ['pxe'] },
  { oem: ['azure', 'ami'] },
  { running: '>=1 <3' },
  { os: '>=10' },
  { deny_machines: ['b'] },
)

/** A mark of none, one or some releases. */
const marks = (versions: readonly string[]) =>
  fc.subarray([...versions]).chain((some) => fc.tuple(...some.map((one) => fc.tuple(fc.constant(one), reason))))

const holdsOf = (versions: readonly string[]) =>
  fc
    .subarray([...versions])
    .chain((some) =>
      fc.tuple(
        ...some.map((one) =>
          fc.tuple(fc.constant(one), fc.oneof(reason, fc.record({ 'amd64-usr': reason }), fc.record({ '*': reason }))),
        ),
      ),
    )

const without = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))

const channelOf = (name: string) => {
  const versions = releasesOf[name] ?? []
  return fc
    .record({
      description: rarely(fc.constantFrom('for everybody', 'for the brave')),
      default_ramp: rarely(duration),
      keep: rarely(fc.integer({ min: 1, max: 50 })),
      cadence: rarely(fc.constantFrom<object>({ every: '28d' }, { every: '2d', on: 'Tue' })),
      windows: rarely(windows),
      target: rarely(target),
      guard: rarely(fc.record({ failures: share, at_least: fc.integer({ min: 1, max: 50 }), within: duration })),
      follow: rarely(fc.record({ channel: fc.constantFrom('alpha', 'beta'), after: duration, over: duration })),
      marked: marks(versions),
      dead: marks(versions),
      holds: rarely(holdsOf(versions)),
    })
    .map(({ marked, dead, holds, follow, ...one }) => {
      const floors = Object.fromEntries(marked)
      const deadEnds = Object.fromEntries(dead.filter(([version]) => !Object.hasOwn(floors, version)))
      return without({
        ...one,
        // One level, and a source that is in every file.
        follow: name === 'alpha' || name === 'beta' ? undefined : follow,
        ...(marked.length > 0 && { floors }),
        ...(Object.keys(deadEnds).length > 0 && { dead_ends: deadEnds }),
        holds: holds && Object.fromEntries(holds),
      })
    })
}

const aliases = ['old', 'new', 'third']

/** Channels with releases are in every file; others come and go, and names move between them. */
export const anyFile: fc.Arbitrary<object> = fc
  .record({
    name: rarely(fc.constantFrom('Flatcar', 'Our machines')),
    boards: rarely(fc.constantFrom(['amd64-usr'], ['arm64-usr', 'amd64-usr'])),
    ...{ alpha: channelOf('alpha'), beta: channelOf('beta'), stable: channelOf('stable') },
    ...{ edge: rarely(channelOf('edge')), lts: rarely(channelOf('lts')) },
    owners: fc.tuple(...aliases.map(() => fc.constantFrom('alpha', 'stable', 'edge', 'none'))),
  })
  .map(({ name, boards, owners, ...channels }) => {
    const named = Object.entries(channels).flatMap(([channel, one]) => {
      const own = aliases.filter((_, i) => owners[i] === channel)
      return one === undefined ? [] : [[channel, { ...one, ...(own.length > 0 && { aliases: own }) }] as const]
    })
    return fileOf(Object.fromEntries(named), without({ name, boards }))
  })
