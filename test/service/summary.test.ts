import { expect, test } from 'vitest'
import { publish } from '../../src/service/publish.ts'
import { summarise } from '../../src/service/summary.ts'
import { commitChannel, editCatalog } from '../../src/service/writing.ts'
import { app, day, newStore, now, orderOf, publishOne, refusal, type TestStore } from '../world.ts'

const shown = async ({ publishing }: TestStore, only?: Parameters<typeof summarise>[1]) => {
  const { channels } = await summarise(publishing, only)
  return channels.flatMap(({ channel, seq, boards }) =>
    boards.map(({ board, offered, newest }) => `${channel} ${seq} ${board}: ${offered ?? 'nothing'} of ${newest}`),
  )
}

const hold = { version: '3', reason: 'boot loop', at: new Date(now).toISOString() }

test('an empty store', async () => {
  const store = await newStore()
  expect(await summarise(store.publishing)).toMatchObject({ root: 1, channels: [] })
  expect(await summarise(store.publishing)).not.toHaveProperty('problem')
})

test('what is offered, what is held, and what waits for a refresh', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  await publishOne(store, '3')
  await publishOne(store, '3', { board: 'arm64-usr' })
  await publishOne(store, '1', { channel: 'beta' })
  await editCatalog(store.publishing, (catalog) => {
    const channels = catalog.apps[app]?.channels ?? {}
    const { stable } = channels
    if (stable === undefined) throw new Error('there is no stable')
    return { ...catalog, apps: { [app]: { channels: { ...channels, stable: { ...stable, holds: [hold] } } } } }
  })
  await publish({ ...store.publishing, timestamp: [] }, orderOf('2', { channel: 'beta' }))
  const all = ['beta 2 amd64-usr: 2 of 2', 'stable 3 amd64-usr: 2 of 3', 'stable 3 arm64-usr: nothing of 3']
  expect((await shown(store)).sort()).toEqual(all)
  expect(await shown(store, { app })).toHaveLength(3)
  expect(await shown(store, { channel: 'beta' })).toEqual(all.slice(0, 1))
  expect(await shown(store, { app: 'other', channel: 'beta' })).toEqual([])
  const { channels } = await summarise(store.publishing, { channel: 'stable' })
  expect(channels).toMatchObject([{ holds: [hold], manifest: { seq: 3 } }])
})

test('an expired catalog is shown, with the problem', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  store.time.now += 20 * day
  expect(await summarise(store.publishing)).toMatchObject({
    problem: expect.stringContaining('catalog: expired at'),
    channels: [{ channel: 'stable' }],
  })
})

test('a channel without releases is shown without boards', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  await commitChannel(store.publishing, { app, channel: 'stable' }, (now) => ({ ...now, releases: [] }))
  expect(await summarise(store.publishing)).toMatchObject({ channels: [{ seq: 2, boards: [] }] })
})

test('what cannot be verified is an error that names the key', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  store.bucket.erase(`apps/${app}/stable/0000000001.jws`)
  expect(await refusal(summarise(store.publishing))).toMatch(/^missing: apps\/.*stable\/0000000001\.jws/)
})
