/** A channel's default ramp: of what is published or promoted into it without a ramp. */
import { expect, test } from 'vitest'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { execute, promote } from '../changes.ts'
import { app, day, newStore, now, publishOne, refusal, type TestStore } from '../world.ts'

const ref = { app, channel: 'stable' }
const at = (ms: number): string => new Date(ms).toISOString()
const line = (from: number, over: number) => [
  { at: at(from), share: 0 },
  { at: at(from + over), share: 1 },
]

async function begin(): Promise<TestStore> {
  const store = await newStore({ format: 2 })
  await publishOne(store, '1')
  for (const version of ['1', '2', '3']) await publishOne(store, version, { channel: 'beta' })
  await execute(store.publisher, 'channel-edit', { ...ref, defaultRamp: 'PT48H' })
  return store
}

async function rampOf({ publisher }: TestStore, version: string) {
  const head = await loadHead(publisher, await loadForWriting(publisher), ref)
  return head?.manifest.releases.find((one) => one.version === version)?.ramp
}

test('publish and promote take it, from now or from the given instant', async () => {
  const store = await begin()
  await publishOne(store, '2')
  expect(await rampOf(store, '2')).toEqual(line(now, 2 * day))
  await promote(store.publisher, { app, version: '3', from: 'beta', to: 'stable' })
  expect(await rampOf(store, '3')).toEqual(line(now, 2 * day))
  await publishOne(store, '4', { from: at(now + day) })
  expect(await rampOf(store, '4')).toEqual([{ at: at(now + day), share: 1 }, ...line(now + day, 2 * day)])
})

test('a ramp that is given comes before it, and what is there keeps its own', async () => {
  const store = await begin()
  await publishOne(store, '2', { ramp: line(now, day) })
  expect(await rampOf(store, '2')).toEqual(line(now, day))
  expect(await publishOne(store, '1')).toMatchObject({ kind: 'unchanged' })
  expect(await rampOf(store, '1')).toBeUndefined()
  await execute(store.publisher, 'channel-edit', { ...ref, defaultRamp: null })
  await publishOne(store, '3')
  expect(await rampOf(store, '3')).toBeUndefined()
})

test('it needs format 2', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  const refused = await refusal(execute(store.publisher, 'channel-edit', { ...ref, defaultRamp: 'PT48H' }))
  expect(refused).toContain('a default ramp needs format 2')
})
