/**
 * Whatever write of a command that changes channels fails, in any face: readers see the state before it or after it, and
 * said again it ends as if nothing had been.
 */
import { describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { refresh } from '../../src/catalog/edit-catalog.ts'
import type { Publisher } from '../../src/channels/publish.ts'
import { markRelease } from '../../src/release/edits.ts'
import {
  editChannel,
  endChannel,
  followChannel,
  holdRelease,
  promote,
  pruneChannel,
  renameChannel,
} from '../changes.ts'
import { app, ask, newReader, newStore, publishOne, type TestStore } from '../world.ts'
import { countWrites, errorsOf, everyFault, withFault } from './scene.ts'

const alpha = { app, channel: 'alpha' }
const because = { reason: 'boot loop' }

async function begin(): Promise<TestStore> {
  const store = await newStore()
  for (const version of ['1', '2', '3', '4']) await publishOne(store, version, { channel: 'alpha' })
  await publishOne(store, '1')
  await holdRelease(store.publisher, alpha, { version: '4', ...because })
  return store
}

/** What machines of three versions are told under every name. */
async function answers(store: TestStore): Promise<readonly string[]> {
  const queries = ['alpha', 'stable', 'edge'].flatMap((channel) =>
    ['0', '1', '2'].map((version) => ({ channel, version })),
  )
  return Promise.all(queries.map((query) => ask(newReader(store), query)))
}

/** Each with how many writes it makes: packages, manifests, catalogs. */
const works: readonly (readonly [string, number, (publisher: Publisher) => Promise<unknown>])[] = [
  ['promote', 2, (one) => promote(one, { app, version: '2', from: 'alpha', to: 'stable' })],
  ['hold', 1, (one) => holdRelease(one, alpha, { version: '3', ...because })],
  [
    'withdraw',
    2,
    (one) => editChannel(one, alpha, (current) => markRelease(current, '3', { mark: 'withdrawn', because })),
  ],
  ['follow', 2, (one) => followChannel(one, { app, channel: 'stable' }, { channel: 'alpha' })],
  ['rename', 4, (one) => renameChannel(one, alpha, 'edge')],
  ['delete', 2, (one) => endChannel(one, alpha, { force: true })],
  ['prune', 3, (one) => pruneChannel(one, alpha, { keep: 1 })],
]

describe.each(works)('%s', (_, writes, work) => {
  test('the number of writes is fixed, and a repeated command makes none', async () => {
    const store = await begin()
    expect(await countWrites(store, work)).toHaveLength(writes)
    expect(await countWrites(store, work)).toEqual([])
  })

  test.each(everyFault(writes))('write $at $face', async (fault) => {
    const [store, unharmed] = [await begin(), await begin()]
    const before = await answers(store)
    await work(unharmed.publisher)
    const after = await answers(unharmed)
    await withFault(store, fault, work)
    for (const isRefreshed of [false, true]) {
      if (isRefreshed) await refresh({ ...store.publisher, log: () => {} })
      for (const [i, answer] of (await answers(store)).entries()) expect([before[i], after[i]]).toContain(answer)
    }
    expect(await errorsOf(store)).toEqual([])
    await work(store.publisher)
    expect(await answers(store)).toEqual(after)
    const { findings, packages } = await inspectStore(unharmed.publisher)
    expect(await inspectStore(store.publisher)).toMatchObject({ findings, packages })
  })
})
