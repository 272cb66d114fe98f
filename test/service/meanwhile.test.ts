/** What somebody else does in the middle of a change: it is kept, or one of the two is told. */
import { beforeEach, describe, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { followEdit } from '../../src/channels/channel-life.ts'
import { planChange, preview } from '../../src/channels/commit.ts'
import type { EditAction } from '../../src/channels/execute-command.ts'
import { type Publisher, publish } from '../../src/channels/publish.ts'
import { describeChannel, endChannel, execute, followChannel, pruneChannel, renameChannel } from '../changes.ts'
import { withFault } from '../faults/scene.ts'
import {
  app,
  ask,
  minute,
  newReader,
  newStore,
  orderOf,
  publishOne,
  refusal,
  seeded,
  type TestStore,
} from '../world.ts'

const ref = (channel: string) => ({ app, channel })
const why = { reason: 'boot loop' }
let store: TestStore
beforeEach(async () => {
  store = await newStore()
})

/** Somebody to whom `work` happens before the first manifest of a channel is written. */
function interrupted(channel: string, work: () => Promise<unknown>): Publisher {
  const { documents } = store.publisher
  let isDone = false
  const create: typeof documents.create = async (key, bytes) => {
    if (!isDone && key.includes(`/${channel}/`)) {
      isDone = true
      await work()
    }
    return documents.create(key, bytes)
  }
  return { ...store.publisher, documents: { ...documents, create } }
}

describe('a channel that is renamed', () => {
  const order = (action: EditAction, said: object) => execute(store.publisher, action, { ...ref('stable'), ...said })
  const rename = (publisher = store.publisher) => renameChannel(publisher, ref('stable'), 'lts')
  const told = async () => [await ask(newReader(store)), await ask(newReader(store), { channel: 'lts' })]

  beforeEach(async () => {
    for (const version of ['2', '3']) await publishOne(store, version)
  })

  test.each<[string, () => Promise<unknown>, string]>([
    ['a withdrawal', () => order('withdraw', { version: '3', ...why }), 'update 2'],
    ['a release', () => publishOne(store, '4'), 'update 4'],
  ])('%s meanwhile is kept in the old channel, and the rename is refused', async (_, work, want) => {
    expect(await refusal(rename(interrupted('stable', work)))).toMatch(
      /^refused: lts has the alias stable already, and the two channels differ/,
    )
    expect(await told()).toEqual([want, 'update 3'])
  })

  test('a hold meanwhile moves along', async () => {
    expect(await rename(interrupted('stable', () => order('hold', { version: '3', ...why })))).toMatchObject({
      kind: 'changed',
    })
    expect(await told()).toEqual(['update 2', 'update 2'])
  })

  test.each([undefined, { repository: 'octocat/os', run: '77' }])(
    'an interrupted rename completes when repeated: provenance %j',
    async (provenance) => {
      await publish(store.publisher, orderOf('4'), () => {}, { provenance })
      await withFault(store, { at: 3, face: 'kill-before' }, rename)
      expect(await refusal(endChannel(store.publisher, ref('lts')))).toMatch(/^refused: lts has 3 releases/)
      store.time.now += minute
      expect(await rename()).toMatchObject({ kind: 'changed', inForce: true })
      expect(await told()).toEqual(['update 4', 'update 4'])
    },
  )
})

describe('two contradicting operators', () => {
  const follow = (one: Publisher, channel: string, source: string) =>
    followChannel(one, ref(channel), { channel: source })
  const alias = (one: Publisher, channel: string) => describeChannel(one, ref(channel), { aliases: ['prod'] })
  const end = (one: Publisher) => endChannel(one, ref('b'), { force: true })
  type Change = (one: Publisher) => Promise<unknown>
  const rows: readonly (readonly [string, string, Change, Change, RegExp])[] = [
    ['follow, and are followed', 'a', (one) => follow(one, 'a', 'b'), (one) => follow(one, 'b', 'a'), /b follows a/],
    ['delete what the other follows', 'b', end, (one) => follow(one, 'a', 'b'), /a follows b/],
    ['follow what the other deletes', 'a', (one) => follow(one, 'a', 'b'), end, /has no channel "b"/],
    ['take one name', 'a', (one) => alias(one, 'a'), (one) => alias(one, 'b'), /"prod" is already a name of channel b/],
  ]
  beforeEach(async () => {
    await publishOne(store, '2', { channel: 'a' })
    await publishOne(store, '3', { channel: 'b' })
  })

  test.each(rows)('%s: the later one is refused', async (_, channel, change, other, words) => {
    const told = await refusal(change(interrupted(channel, () => other(store.publisher))))
    expect(told).toMatch(/^conflict: .*: concurrent change$/)
    expect(told).toMatch(words)
  })

  test.each(rows)('%s at the same time: at least one is refused', async (_, __, change, other) => {
    const both = [change, other].map((one, i) => refusal(one({ ...store.publisher, random: seeded(i) })))
    expect(await Promise.all(both)).toContainEqual(expect.stringMatching(/^(conflict|refused|missing): /))
  })

  test('a dry run does not check again', async () => {
    const planned = await planChange(store.publisher, followEdit(ref('a'), { channel: 'b' }))
    await end(store.publisher)
    expect(await preview(store.publisher, planned)).toMatchObject({ kind: 'dry-run', seq: 2 })
  })
})

test('publishing packages that are pruned meanwhile is reported; publishing again repairs it', async () => {
  for (const version of ['1', '2']) await publishOne(store, version, { channel: 'alpha' })
  const prune = async () => {
    const { packages } = await pruneChannel(store.publisher, ref('alpha'), { keep: 1 })
    expect(packages).toHaveLength(1)
  }
  expect(await refusal(publish(interrupted('stable', prune), orderOf('1')))).toMatch(
    /^missing: packages\/.*\/1\/.* is not in the store/,
  )
  await publishOne(store, '1')
  expect(await inspectStore(store.publisher)).toMatchObject({ findings: [] })
})
