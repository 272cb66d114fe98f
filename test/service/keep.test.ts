/** How many releases `prune` leaves in a channel that says so. */
import { expect, test } from 'vitest'
import { loadHead } from '../../src/catalog/commit-channel.ts'
import { loadForWriting } from '../../src/catalog/read.ts'
import { execute } from '../changes.ts'
import { app, newStore, publishOne, refusal, type TestStore } from '../world.ts'

const ref = { app, channel: 'stable' }

async function left({ publisher }: TestStore): Promise<readonly string[]> {
  const head = await loadHead(publisher, await loadForWriting(publisher), ref)
  return head?.manifest.releases.map(({ version }) => version).sort() ?? []
}

test('prune leaves as many as the channel says, unless it is asked for others', async () => {
  const store = await newStore({ format: 2 })
  for (const version of ['1', '2', '3', '4', '5']) await publishOne(store, version)
  const edited = await execute(store.publisher, 'channel-edit', { ...ref, keep: 3 })
  expect(edited.changes).toEqual([{ what: 'keep', to: '3 of each board' }])
  await execute(store.publisher, 'prune', { ...ref, keep: 4 })
  expect(await left(store)).toEqual(['2', '3', '4', '5'])
  await execute(store.publisher, 'prune', ref)
  expect(await left(store)).toEqual(['3', '4', '5'])
  await execute(store.publisher, 'channel-edit', { ...ref, keep: null })
  await execute(store.publisher, 'prune', ref)
  expect(await left(store)).toEqual(['3', '4', '5'])
})

test('it needs format 2', async () => {
  const store = await newStore()
  await publishOne(store, '1')
  const refused = await refusal(execute(store.publisher, 'channel-edit', { ...ref, keep: 3 }))
  expect(refused).toContain('a number of releases to keep needs format 2')
  for (const of of [{}, { version: '1' }]) {
    const bySystem = execute(store.publisher, 'target', { ...ref, ...of, target: { os: '>=10' } })
    expect(await refusal(bySystem)).toContain('a target by operating system needs format 2')
  }
})
