/** A store that some forty commands made, and one with the same releases that its exported file made, answer alike. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exportConfig } from '../../src/apply/export.ts'
import { parseConfigFile, renderConfig } from '../../src/apply/file.ts'
import { isNothing } from '../../src/apply/summary.ts'
import { commitChannel, loadHead } from '../../src/catalog/commit-channel.ts'
import { pointCatalogAt } from '../../src/catalog/edit-catalog.ts'
import { channelsOf, loadForWriting } from '../../src/catalog/read.ts'
import { isEnded } from '../../src/documents/channel.ts'
import { PlatteError } from '../../src/kernel/errors.ts'
import { withField } from '../../src/release/edits.ts'
import { execute } from '../changes.ts'
import { app, newStore, type TestStore } from '../world.ts'
import { answers, applyFile, baseStore, copyOf, inForce, planFile } from './scene.ts'

const base = await baseStore()
const timeout = 1_200_000
const runs = process.env.PLATTE_TEST_ROUNDS === 'all' ? 100 : 3

const channel = fc.constantFrom('alpha', 'beta', 'stable', 'edge')
const version = fc.constantFrom('1', '2', '3', '4')
const reason = fc.constantFrom('boot loop', 'a "quoted" reason', 'https://example.org/why#1')
const duration = fc.constantFrom('PT1H', 'PT48H', 'P7D', 'P1DT12H')
const undo = fc.boolean()
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined })
const window = fc.constantFrom({ days: ['Mon', 'Fri'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' })
const target = fc.constantFrom<object>(
  { oem: { not: ['pxe'] } },
  { from: '>=1 <3' },
  { os: '>=10' },
  { machines: { deny: ['a'.repeat(64)] }, oem: { only: ['azure', 'ami'] } },
)

type Command = Readonly<{ action: Parameters<typeof execute>[1]; given: object }>
const command = <A extends Command['action']>(action: A, fields: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc.record(fields).map((given): Command => ({ action, given }))
const reasoned = <A extends 'floor' | 'dead-end' | 'withdraw' | 'rollback'>(action: A) =>
  fc
    .record({ channel, version, reason, undo })
    .map(({ undo, reason, ...given }): Command => ({ action, given: { ...given, ...(undo ? { undo } : { reason }) } }))

const anyCommand = fc.oneof(
  ...(['floor', 'dead-end', 'withdraw', 'rollback'] as const).map(reasoned),
  command('hold', { channel, version, reason, board: maybe(fc.constantFrom('amd64-usr', 'arm64-usr')) }),
  command('hold', { channel, version, reason }),
  command('unhold', { channel, version }),
  command('channel-create', { channel: fc.constantFrom('edge', 'lts'), description: reason }),
  command('channel-delete', { channel: fc.constantFrom('edge', 'lts'), force: fc.constant(true) }),
  command('channel-rename', { channel: fc.constantFrom('edge', 'lts'), name: fc.constantFrom('old', 'edge') }),
  command('channel-edit', { channel, description: reason, cadence: fc.constant({ every: 'P28D', on: 'Tue' }) }),
  command('channel-edit', { channel, defaultRamp: duration }),
  command('channel-edit', { channel, keep: fc.constantFrom(1, 20) }),
  command('channel-edit', { channel, aliases: fc.subarray(['old', 'new', 'third']) }),
  command('channel-edit', {
    channel,
    guard: fc.constantFrom(
      { failures: 0.05, atLeast: 20, within: 'PT24H' },
      { fellBack: 0.013, atLeast: 1, within: 'P2D' },
    ),
  }),
  command('window', { channel, version: maybe(version), windows: fc.constant([]).chain(() => fc.tuple(window)) }),
  command('target', { channel, version: maybe(version), target }),
  command('follow', { channel, source: channel, after: maybe(duration), over: maybe(duration) }),
  command('follow', { channel, none: fc.constant(true) }),
  command('ramp', { channel, version, over: duration }),
  command('ramp', { channel, version, share: fc.constantFrom(0.1, 0.7), lower: fc.constant(true) }),
  command('promote', {
    channel,
    version,
    from: channel,
    skipFloors: fc.constant(true),
    belowNewest: fc.constant(true),
  }),
)

/** @returns how many of the commands were not refused. */
async function run({ publisher }: TestStore, commands: readonly Command[]): Promise<number> {
  let done = 0
  for (const { action, given } of commands) {
    const said = Object.fromEntries(Object.entries({ app, ...given }).filter(([, value]) => value !== undefined))
    await execute(publisher, action, said).then(
      () => done++,
      (error: unknown) => {
        if (!(error instanceof PlatteError && ['refused', 'usage', 'missing'].includes(error.code))) throw error
      },
    )
  }
  return done
}

/** Another store with the releases of the first, their ramps, own conditions and withdrawals; nothing of what files say. */
async function withReleasesOf({ publisher, bucket }: TestStore): Promise<TestStore> {
  const store = await newStore({ format: 2 })
  for await (const key of bucket.list('notes/')) await store.bucket.overwrite(key, await bucket.read(key))
  const state = await loadForWriting(publisher)
  for (const channel of Object.keys(channelsOf(state.catalog.catalog, app))) {
    const manifest = (await loadHead(publisher, state, { app, channel }))?.manifest
    if (manifest === undefined || isEnded(manifest)) continue
    const releases = manifest.releases.map((one) => withField(withField(one, 'floor', undefined), 'deadEnd', undefined))
    const { rollbackFrom } = manifest
    const ref = { app, channel }
    const add = (current: typeof manifest) => ({ ...current, releases, ...(rollbackFrom && { rollbackFrom }) })
    await pointCatalogAt(store.publisher, ref, (await commitChannel(store.publisher, ref, add)).head)
  }
  return store
}

test(
  'the exported file changes nothing where it came from, and makes the same of the same releases',
  async () => {
    let done = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyCommand, { minLength: 75, maxLength: 75 }),
        fc.boolean(),
        async (commands, isYaml) => {
          const store = await copyOf(base)
          done += await run(store, commands)
          const form = isYaml ? 'yaml' : 'toml'
          const text = await renderConfig(await exportConfig(store.publisher), form)
          const file = (await parseConfigFile(`channels.${form}`, text)).value as object
          expect(isNothing(await planFile(store.publisher, file, true))).toBe(true)
          const other = await withReleasesOf(store)
          await applyFile(other.publisher, file)
          expect(await inForce(other)).toEqual(await inForce(store))
          expect(await answers(other)).toEqual(await answers(store))
        },
      ),
      { numRuns: runs, seed: 18, endOnFailure: true },
    )
    expect(done / runs).toBeGreaterThan(40)
  },
  timeout,
)
