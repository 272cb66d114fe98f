import { expect, test } from 'vitest'
import { commitChannel } from '../../src/catalog/commit-channel.ts'
import { editCatalog, refresh } from '../../src/catalog/edit-catalog.ts'
import { summarise } from '../../src/catalog/summary.ts'
import { publish } from '../../src/channels/publish.ts'
import { app, day, newStore, now, orderOf, publishOne, type TestStore } from '../world.ts'

const shown = async ({ publisher }: TestStore, only?: Parameters<typeof summarise>[1]) => {
  const { channels } = await summarise(publisher, only)
  return channels.flatMap(({ channel, seq, boards }) =>
    boards.map(({ board, offered, newest }) => `${channel} ${seq} ${board}: ${offered ?? 'nothing'} of ${newest}`),
  )
}

const hold = { version: '3', reason: 'boot loop', at: new Date(now).toISOString() }

test('an empty store', async () => {
  const store = await newStore()
  expect(await summarise(store.publisher)).toMatchObject({ root: 1, channels: [] })
  expect((await summarise(store.publisher)).problems).toEqual([])
})

test('offered, held, and waiting for a refresh', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  await publishOne(store, '3')
  await publishOne(store, '3', { board: 'arm64-usr' })
  await publishOne(store, '1', { channel: 'beta' })
  await editCatalog(store.publisher, (catalog) => {
    const channels = catalog.apps[app]?.channels ?? {}
    const { stable } = channels
    if (stable === undefined) throw new Error('there is no stable')
    return { ...catalog, apps: { [app]: { channels: { ...channels, stable: { ...stable, holds: [hold] } } } } }
  })
  await publish({ ...store.publisher, timestamp: [] }, orderOf('2', { channel: 'beta' }))
  const all = ['beta 2 amd64-usr: 1 of 2', 'stable 3 amd64-usr: 2 of 3', 'stable 3 arm64-usr: nothing of 3']
  expect((await shown(store)).sort()).toEqual(all)
  expect(await shown(store, { app })).toHaveLength(3)
  expect(await shown(store, { channel: 'beta' })).toEqual(all.slice(0, 1))
  expect(await shown(store, { app: 'other', channel: 'beta' })).toEqual([])
  const { channels } = await summarise(store.publisher, { channel: 'stable' })
  expect(channels[0]?.releases.map(({ version, state }) => [version, state])).toEqual([
    ['3', 'held for amd64-usr: boot loop; held for arm64-usr: boot loop'],
    ['2', 'offered'],
  ])
  const [beta] = (await summarise(store.publisher, { channel: 'beta' })).channels
  expect(beta?.releases[0]).toMatchObject({ version: '2', state: 'waits for a refresh' })
})

test('an expired catalog is shown with the problem', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  store.time.now += 20 * day
  expect(await summarise(store.publisher)).toMatchObject({
    problems: [expect.stringContaining('catalog: expired at')],
    channels: [{ channel: 'stable' }],
  })
})

test('a channel without releases is shown without boards', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  await commitChannel(store.publisher, { app, channel: 'stable' }, (now) => ({ ...now, releases: [] }))
  expect(await shown(store)).toEqual(['stable 2 amd64-usr: 2 of 2'])
  await refresh(store.publisher)
  expect(await summarise(store.publisher)).toMatchObject({ channels: [{ seq: 2, boards: [] }] })
})

test('an unreadable channel is shown with its problem, beside the others', async () => {
  const store = await newStore()
  await publishOne(store, '2')
  await publishOne(store, '2', { channel: 'beta' })
  store.bucket.erase(`apps/${app}/stable/0000000001.jws`)
  const { channels, problems } = await summarise(store.publisher)
  expect(channels.map(({ channel }) => channel)).toEqual(['beta'])
  expect(problems).toEqual([expect.stringMatching(/stable: .*stable\/0000000001\.jws/)])
})
