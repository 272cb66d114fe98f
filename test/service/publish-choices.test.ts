/** What `publish` refuses unless it is said on purpose: other files than payloads, new boards, versions that changed. */
import { beforeEach, expect, test } from 'vitest'
import { inspectStore } from '../../src/catalog/audit.ts'
import { planPublish } from '../../src/channels/publish.ts'
import { checkForUpdate } from '../../src/checks/update-check.ts'
import { mirror } from '../../src/mirroring/mirror.ts'
import { nodeHasher } from '../../src/runtime/hasher-node.ts'
import { execute, followChannel } from '../changes.ts'
import { memoryDocuments, memoryPackages } from '../memory.ts'
import {
  app,
  ask,
  day,
  newReader,
  newStore,
  now,
  orderOf,
  publishOne,
  refusal,
  sourceOf,
  type TestStore,
} from '../world.ts'

const tool = { app: 'org.example.tool' }
const stable = { app, channel: 'stable' }
const readme = [sourceOf('README.txt', 'Read me first')] as const
let store: TestStore
const get = (version: string, more: object = {}) => ask(newReader(store), { version, ...more })

beforeEach(async () => {
  store = await newStore()
})

test.each([
  ['an app of update_engine', {}],
  ['an app whose releases have payloads', tool],
])('%s: a first package that is no payload is refused, also in a plan, unless --raw', async (_, more) => {
  if ('app' in more) await publishOne(store, '1', tool)
  const order = { sources: readme, ...more }
  expect(await refusal(publishOne(store, '2', order))).toMatch(/^refused: README.txt does not begin with CrAU/)
  expect(await refusal(planPublish(store.publisher, orderOf('2', order)))).toMatch(
    /^refused: README.txt does not begin/,
  )
  expect(await refusal(publishOne(store, '2', { ...order, sources: [sourceOf('short', 'Cr')] }))).toMatch(
    /^refused: short/,
  )
  expect(await publishOne(store, '2', { ...order, raw: true })).toMatchObject({ kind: 'published' })
  expect(await publishOne(store, '2', order)).toMatchObject({ kind: 'unchanged' })
})

test.each([
  ['hold', { board: 'amd64-usr' }, /^refused: 2 is held in beta: it loops/],
  ['hold', {}, /^refused: 2 is held in beta: it loops/],
  ['withdraw', {}, /^refused: 2 was withdrawn from beta: it loops/],
] as const)(
  'a version that another channel stops (%s %j) is refused, unless --ignore-holds or --held',
  async (action, of, words) => {
    await publishOne(store, '2', { channel: 'beta' })
    await publishOne(store, '1')
    await execute(store.publisher, action, { app, channel: 'beta', version: '2', reason: 'it loops', ...of })
    expect(await refusal(publishOne(store, '2'))).toMatch(words)
    expect(await refusal(planPublish(store.publisher, orderOf('2')))).toMatch(words)
    expect(await publishOne(store, '2', { channel: 'edge', held: 'it loops' })).toMatchObject({ kind: 'published' })
    expect(await publishOne(store, '2', { ignoreHolds: true })).toMatchObject({ kind: 'published' })
    // A pipeline that runs again changes nothing.
    expect(await publishOne(store, '2')).toMatchObject({ kind: 'unchanged' })
  },
)

test('a hold of another board or version elsewhere is no matter', async () => {
  await publishOne(store, '2', { channel: 'beta' })
  await publishOne(store, '2', { channel: 'beta', board: 'arm64-usr' })
  await execute(store.publisher, 'hold', {
    ...{ app, channel: 'beta', version: '2', board: 'arm64-usr', reason: 'it loops' },
  })
  expect(await publishOne(store, '2')).toMatchObject({ kind: 'published' })
})

test('an app without payloads publishes what it wants', async () => {
  await publishOne(store, '1', { ...tool, sources: readme })
  expect(await publishOne(store, '2', { ...tool, sources: [sourceOf('tool.tar', 'tar')] })).toMatchObject({
    kind: 'published',
  })
})

test('a board that the app does not have is refused, in any channel, with the nearest name', async () => {
  const sure = { createBoard: false }
  await publishOne(store, '1', sure)
  for (const channel of ['stable', 'beta']) {
    const wrong = publishOne(store, '2', { ...sure, channel, board: 'amd64-urs' })
    const error = await wrong.catch((one) => one)
    expect([error.code, error.message]).toEqual(['refused', `${app} has no board "amd64-urs"`])
    expect(error.hint).toBe('did you mean amd64-usr? It has amd64-usr; --create-board makes a new one')
  }
  await publishOne(store, '2', { board: 'arm64-usr', createBoard: true })
  expect(await publishOne(store, '3', { ...sure, channel: 'beta', board: 'arm64-usr' })).toMatchObject({
    kind: 'published',
  })
})

test('extras and CVEs in another order are the same release; another first package is not', async () => {
  const [os, a, b] = [sourceOf('update.gz', 'CrAU'), sourceOf('a.gz', 'a'), sourceOf('b.gz', 'b')]
  await publishOne(store, '1', { sources: [os, a, b], cves: ['CVE-2026-1', 'CVE-2026-2'].map((one) => `${one}000`) })
  const again = { sources: [os, b, a] as const, cves: ['CVE-2026-2000', 'CVE-2026-1000'] }
  expect(await publishOne(store, '1', again)).toMatchObject({ kind: 'unchanged' })
  expect(await refusal(publishOne(store, '1', { sources: [a, os, b], raw: true }))).toMatch(
    /with other bytes or packages/,
  )
})

test('held: nobody gets it, manual checks included, until it is let go', async () => {
  await publishOne(store, '2', { held: 'not released yet' })
  expect([await get('1'), await get('1', { isManual: true })]).toEqual(['withdrawn', 'withdrawn'])
  const lifted = execute(store.publisher, 'unhold', { ...stable, version: '2' })
  expect(await refusal(lifted)).toMatch(/^refused: 2 is withdrawn, not held/)
  await execute(store.publisher, 'withdraw', { ...stable, version: '2', undo: true })
  expect(await get('1')).toBe('update 2')
  expect(await publishOne(store, '2', { held: 'not released yet' })).toMatchObject({ kind: 'unchanged' })
  const arm = publishOne(store, '2', { board: 'arm64-usr', held: 'not released yet' })
  expect(await refusal(arm)).toMatch(/^refused: 2 is offered already: arm64-usr would be, too/)
})

test('from an instant on: before it nobody, manual checks included; then all, or as its ramp says', async () => {
  const from = new Date(now + day).toISOString()
  await publishOne(store, '2', { from })
  await publishOne(store, '2', { board: 'arm64-usr', from })
  expect([await get('1'), await get('1', { isManual: true })]).toEqual(['not-in-ramp', 'not-in-ramp'])
  store.time.now = now + day
  expect([await get('1'), await get('1', { board: 'arm64-usr' })]).toEqual(['update 2', 'update 2'])
  const later = publishOne(store, '2', { board: 'riscv', from: new Date(now + 2 * day).toISOString() })
  expect(await refusal(later)).toMatch(/^refused: 2 is offered already/)
})

test('a version that was always withheld is replaced, stays withheld, and mirrors take the new set under its own key', async () => {
  await publishOne(store, '1')
  const right = { sources: [sourceOf('update.gz', 'CrAU right')] as const, replace: true }
  await publishOne(store, '2', { held: 'not yet' })
  const to = { documents: memoryDocuments(), packages: memoryPackages(nodeHasher) }
  const copy = () => mirror({ from: store.publisher, to }, { packages: 'all' })
  await copy()
  store.time.now += 1000
  await publishOne(store, '2', right)
  expect(await get('1')).toBe('withdrawn')
  expect(await publishOne(store, '2', right)).toMatchObject({ kind: 'unchanged' })
  await execute(store.publisher, 'withdraw', { ...stable, version: '2', undo: true })
  expect(await get('1')).toBe('update 2')
  store.time.now += 1000
  expect(await copy()).toMatchObject({ kind: 'mirrored', packages: 1 })
  expect((await inspectStore({ ...store.publisher, ...to })).findings.filter(({ level }) => level === 'error')).toEqual(
    [],
  )
  const again = publishOne(store, '2', { ...right, sources: [sourceOf('update.gz', 'CrAU third')] })
  expect(await refusal(again)).toMatch(/^refused: 2 for amd64-usr cannot be replaced: revision \d of stable offers it/)
})

const right = { sources: [sourceOf('update.gz', 'CrAU right')] as const, replace: true }
test.each([
  [
    'was offered once',
    async () => {
      await execute(store.publisher, 'withdraw', { ...stable, version: '2', undo: true })
      await execute(store.publisher, 'withdraw', { ...stable, version: '2', reason: 'again' })
    },
    /revision \d of stable offers it/,
  ],
  [
    'is in another channel',
    async () => {
      await publishOne(store, '2', { channel: 'beta', held: 'not yet' })
    },
    /is already in channel beta, with other bytes|of beta has it, too/,
  ],
  [
    'is followed',
    async () => {
      await execute(store.publisher, 'channel-create', { app, channel: 'late' })
      await followChannel(store.publisher, { app, channel: 'late' }, { channel: 'stable' })
      await followChannel(store.publisher, { app, channel: 'late' }, undefined)
    },
    /late follows stable in its revision 2/,
  ],
])('a version that %s is not replaced', async (_, make, words) => {
  await publishOne(store, '2', { held: 'not yet' })
  store.time.now += 60_000
  await make()
  const error = await refusal(publishOne(store, '2', right))
  expect(error).toMatch(/^refused/)
  expect(error).toMatch(words)
})

test('a hold has no history: what was only held may have been seen', async () => {
  await publishOne(store, '2')
  await execute(store.publisher, 'hold', { ...stable, version: '2', reason: 'boot loop' })
  expect(await refusal(publishOne(store, '2', right))).toMatch(/cannot be replaced: revision 1 of stable offers it/)
})

async function keptIn({ packages }: TestStore): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const key of packages.list?.('packages/') ?? []) keys.push(key)
  return keys
}

const there = ['https://cdn.example.org/4.2.0/']

test('packages at other URLs: read, signed with their URL, kept nowhere; promoted as they are', async () => {
  const result = await publishOne(store, '2', { codebases: there })
  expect(result).toMatchObject({ kind: 'published', packages: [{ name: 'update.gz' }] })
  expect(await keptIn(store)).toEqual([])
  const decision = await checkForUpdate(newReader(store), { ...stable, version: '1', board: 'amd64-usr' })
  expect(decision).toMatchObject({ kind: 'update', offer: { packages: { codebases: there } } })
  expect((await inspectStore(store.publisher)).findings.filter(({ level }) => level === 'error')).toEqual([])
  await publishOne(store, '1', { channel: 'beta' })
  await execute(store.publisher, 'promote', { app, channel: 'beta', version: '2', from: 'stable' })
  expect(await get('1', { channel: 'beta' })).toBe('update 2')
})

test('where the packages are does not change with a publish', async () => {
  await publishOne(store, '2', { codebases: there })
  expect(await publishOne(store, '2', { codebases: there })).toMatchObject({ kind: 'unchanged' })
  expect(await refusal(publishOne(store, '2'))).toBe(
    'refused: 2 for amd64-usr is already published with its packages at https://cdn.example.org/4.2.0/',
  )
  await publishOne(store, '3')
  expect(await refusal(publishOne(store, '3', { codebases: there }))).toBe(
    'refused: 3 for amd64-usr is already published with its packages in this store',
  )
  expect(await keptIn(store)).toHaveLength(1)
})

test('packages at other URLs are payloads, too, and floors come along with theirs', async () => {
  const wrong = { codebases: there, sources: readme }
  expect(await refusal(publishOne(store, '2', wrong))).toMatch(/^refused: README.txt does not begin with CrAU/)
  await publishOne(store, '2', { floor: 'new layout' })
  await publishOne(store, '3')
  await publishOne(store, '3', { channel: 'beta', codebases: there, withFloors: true })
  expect(await get('1', { channel: 'beta' })).toBe('update 2')
})
