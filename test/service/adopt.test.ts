/** Adopting: what somebody else released, under one's own key. */
import { expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { channelEntry } from '../../src/catalog/read.ts'
import { preview } from '../../src/channels/commit.ts'
import { planAdoption } from '../../src/mirroring/adopt.ts'
import { markRelease } from '../../src/release/edits.ts'
import { adopt, editChannel } from '../changes.ts'
import {
  app,
  ask,
  bytesOf,
  day,
  newKey,
  newReader,
  newStore,
  publishOne,
  refusal,
  sourceOf,
  storedCatalog,
  type TestStore,
} from '../world.ts'
import { hold } from './scene.ts'

const from = { app, channel: 'stable' }
const wanted = { from, to: 'prod-eu', afterMs: 0 }

/** Makes a release of the origin a floor. */
const setFloor = (origin: TestStore, version: string) =>
  editChannel(origin.publisher, from, (one) =>
    markRelease(one, version, { mark: 'floor', because: { reason: 'step' } }),
  )

/** Two owners with keys of their own, and one clock. */
async function scene() {
  const origin = await newStore()
  const keys = {
    root: [await newKey('EdDSA')],
    release: [await newKey('EdDSA')],
    timestamp: [await newKey('EdDSA')],
  } as const
  const own = await newStore({ root: [keys.root[0]], release: [keys.release[0]], timestamp: [keys.timestamp[0]] })
  const tick = (ms: number): void => {
    origin.time.now += ms
    own.time.now = origin.time.now
  }
  const run = (more: object = {}) => adopt(own.publisher, origin.publisher, { ...wanted, create: true, ...more })
  const look = async () => {
    const { planned } = await planAdoption(own.publisher, origin.publisher, { ...wanted, create: true })
    return preview(own.publisher, planned)
  }
  return { origin, own, tick, run, look }
}
const prod = (own: TestStore, version = '1') => ask(newReader(own), { channel: 'prod-eu', version })

test('the newest release is published with its packages and notes; adopting again changes nothing', async () => {
  const { origin, own, run } = await scene()
  await publishOne(origin, '2', {
    notes: bytesOf('# Two'),
    sources: [sourceOf('update.gz', 'CrAU 2'), sourceOf('oem.gz', 'o')],
  })
  await publishOne(origin, '2', { board: 'arm64-usr' })
  expect(await run()).toMatchObject({ kind: 'changed', inForce: true })
  expect(await prod(own)).toBe('update 2')
  expect(await inspectStore(own.publisher)).toMatchObject({ findings: [], packages: 3 })
  expect(await run()).toMatchObject({ kind: 'unchanged' })
  expect(channelEntry(await storedCatalog(own), app, 'prod-eu')?.seq).toBe(1)
})

test('only releases of the given age that are neither held nor withdrawn are adopted', async () => {
  const { origin, own, tick, run } = await scene()
  await publishOne(origin, '2')
  tick(3 * day)
  await publishOne(origin, '3')
  await run({ afterMs: 7 * day })
  expect(await prod(own)).toBe('no-release-for-board')
  tick(4 * day)
  await run({ afterMs: 7 * day })
  expect(await prod(own)).toBe('update 2')
  tick(3 * day)
  await hold(origin, '3')
  expect(await run({ afterMs: 7 * day })).toMatchObject({ kind: 'unchanged' })
  expect(await prod(own)).toBe('update 2')
})

test('floors on the path are adopted once; a held floor stops it', async () => {
  const { origin, own, run } = await scene()
  await publishOne(origin, '2')
  await setFloor(origin, '2')
  await publishOne(origin, '3')
  await run()
  expect([await prod(own), await prod(own, '2')]).toEqual(['update 2', 'update 3'])
  await publishOne(origin, '4')
  await setFloor(origin, '4')
  await publishOne(origin, '5')
  await hold(origin, '4')
  expect(await refusal(run())).toMatch(/^refused: machines must pass through 4/)
  expect(await prod(own, '3')).toBe('up-to-date')
})

test('packages that the upstream lacks or has with other bytes are not published', async () => {
  const { origin, own, run } = await scene()
  await publishOne(origin, '2')
  const keys: string[] = []
  for await (const key of origin.packages.list?.('packages/') ?? []) keys.push(key)
  await origin.packages.remove(keys[0] ?? '')
  expect(await refusal(run())).toMatch(/^missing: packages.*nothing was published/)
  await publishOne(own, '2', { channel: 'mine', sources: [sourceOf('update.gz', 'CrAU mine')] })
  expect(await refusal(run())).toMatch(/^refused: 2 for amd64-usr is already in channel mine, with other bytes/)
  expect(await prod(own)).toBe('unknown-channel')
  expect(await refusal(run({ from: { app, channel: 'edge' } }))).toMatch(/^refused: .* has no channel "edge"/)
})

test('a dry run writes nothing, and a missing channel is not created without --create', async () => {
  const { origin, own, run, look } = await scene()
  await publishOne(origin, '2')
  expect(await look()).toMatchObject({ kind: 'dry-run', seq: 1 })
  expect(await refusal(run({ create: false }))).toMatch(/^refused: .*has no channel "prod-eu"/)
  expect(await prod(own)).toBe('unknown-app')
})
